"""The page's raw sockets behind a real `RpcServer`, to real servers over the kernel's sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from support.kernel import KernelNetwork
from support.ready_tunnels import ReadyTunnels
from support.tls_server import authority, certificate, pem_of, server_context
from support.waiting import PATIENCE_S

from mix_tunnel.rpc.endpoint import memory_pair
from mix_tunnel.rpc.records import Record, RecordDecoder
from mix_tunnel.rpc.server import RpcServer
from mix_tunnel.runtime.dns.errors import NameNotFound
from mix_tunnel.runtime.sockets.dialing import Dialer
from mix_tunnel.runtime.sockets.udp import UdpEndpoint
from mix_tunnel.runtime.tls import TlsSettings
from mix_tunnel.worker.socket_service import SocketService

CREDIT = 1 << 30


class Names:
    """A resolver that knows one name."""

    async def lookup(self, name):
        if name == "echo.test":
            return [ip_address("127.0.0.1")]
        try:
            return [ip_address(name)]
        except ValueError:
            raise NameNotFound from None


class Tunnel:
    """What the service needs of a tunnel, over the kernel."""

    def __init__(self) -> None:
        self.network = KernelNetwork()
        self._dialer = Dialer(Names(), self.network, TlsSettings((pem_of(authority()),)))

    async def dial(self, host, port, *, tls=False, alpn=()):
        return await (self._dialer.connect_tls(host, port, alpn) if tls else self._dialer.connect(host, port))

    def open_udp(self):
        return UdpEndpoint(self.network.open_udp(), Names())


class Page:
    """Speaks to the worker in plain JSON, as JavaScript does."""

    def __init__(self) -> None:
        here, self._endpoint = memory_pair()
        self.tunnel = Tunnel()
        self.service = SocketService(ReadyTunnels(self.tunnel))
        self.server = RpcServer(here)
        self.server.offer(self.service.methods)
        self.server.start()
        self._queues: dict[int, asyncio.Queue] = {}
        self._granted: dict[int, asyncio.Event] = {}
        self._endpoint.listen(self._receive)

    def _receive(self, head, body):
        message = json.loads(head)
        if message["type"] == "credit":
            self._granted[message["id"]].set()
        else:
            self._queues[message["id"]].put_nowait((message, body))

    def send(self, id, type, body=None, **members):
        self._endpoint.send(json.dumps({"version": 1, "id": id, "type": type, **members}), body)

    def call(self, method, params=None, upload=False):
        id = len(self._queues) + 1
        self._queues[id], self._granted[id] = asyncio.Queue(), asyncio.Event()
        self.send(id, "call", method=method, params=params or {}, upload=upload)
        self.send(id, "credit", bytes=CREDIT)
        return id

    async def send_chunk(self, id, data, *, end):
        await self._granted[id].wait()
        self.send(id, "chunk", data, end=end)

    async def next(self, id):
        return await asyncio.wait_for(self._queues[id].get(), PATIENCE_S)

    async def read_all(self, id):
        data = b""
        while True:
            message, body = await self.next(id)
            assert message["type"] == "chunk", message
            data += body or b""
            if message["end"]:
                return data

    async def connect(self, host, port, **more):
        """The ids of the two calls of a connection, and what the first told."""
        reading = self.call("socket.connect", {"host": host, "port": port, **more})
        message, _ = await self.next(reading)
        if message["type"] == "error":
            return message
        writing = self.call("socket.write", {"socket": message["value"]["socket"]}, upload=True)
        return reading, writing, message["value"]


@asynccontextmanager
async def tcp_server(handle, context=None) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def echo(reader, writer):
    """Send everything back, and half-close after the other side has."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture
async def page():
    page = Page()
    yield page
    await page.server.aclose()


async def test_bytes_go_both_ways_and_the_half_close_is_told(page):
    async with tcp_server(echo) as port:
        reading, writing, value = await page.connect("echo.test", port)
        assert (value["remoteAddress"], value["remotePort"], value["alpn"]) == ("127.0.0.1", port, None)
        assert value["localAddress"] == "127.0.0.1"
        await page.send_chunk(writing, b"hello ", end=False)
        await page.send_chunk(writing, b"there", end=False)
        await page.send_chunk(writing, None, end=True)
        assert await page.read_all(reading) == b"hello there"
        assert (await page.next(writing))[0]["type"] == "result"
        assert page.tunnel.network.streams[0].closed
    assert page.service._open == {}


async def test_the_other_sides_half_close_leaves_our_direction_open(page):
    got = asyncio.get_running_loop().create_future()

    async def greet(reader, writer):
        writer.write(b"hi")
        writer.write_eof()
        got.set_result(await reader.read())
        writer.close()

    async with tcp_server(greet) as port:
        reading, writing, _ = await page.connect("127.0.0.1", port)
        assert await page.read_all(reading) == b"hi"
        assert not page.tunnel.network.streams[0].closed
        await page.send_chunk(writing, b"later", end=True)
        assert await got == b"later"
        assert (await page.next(writing))[0]["type"] == "result"
        assert page.tunnel.network.streams[0].closed


@pytest.fixture
async def resettable():
    """A server that says nothing, and how its connection ended."""
    end = asyncio.get_running_loop().create_future()

    async def wait(reader, writer):
        try:
            end.set_result(await reader.read())
        except ConnectionResetError:
            end.set_result("reset")
        writer.close()

    async with tcp_server(wait) as port:
        yield port, end


async def test_cancelling_the_writing_resets_and_tells_the_reading(page, resettable):
    port, end = resettable
    reading, writing, _ = await page.connect("127.0.0.1", port)
    await page.send_chunk(writing, b"", end=False)
    page.send(writing, "cancel")
    assert (await page.next(writing))[0]["code"] == "rpc.cancelled"
    assert (await page.next(reading))[0]["type"] == "error"
    assert await end == "reset"
    assert page.service._open == {}


async def test_a_reset_reaches_a_connection_whose_writing_never_began(page, resettable):
    port, end = resettable
    reading, writing, value = await page.connect("127.0.0.1", port)
    resetting = page.call("socket.reset", {"socket": value["socket"]})
    for id in (reading, writing):
        page.send(id, "cancel")
        assert (await page.next(id))[0]["type"] == "error"
    assert (await page.next(resetting))[0]["type"] == "result"
    assert await end == "reset"
    assert page.service._open == {}


async def test_a_reset_by_the_other_side_wakes_the_writing(page):
    async def reset(reader, writer):
        await reader.read(1)
        kernel_socket = writer.get_extra_info("socket")
        kernel_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with tcp_server(reset) as port:
        reading, writing, _ = await page.connect("127.0.0.1", port)
        await page.send_chunk(writing, b"x", end=False)
        assert (await page.next(reading))[0]["code"] == "tcp.connection_reset"
        assert (await page.next(writing))[0]["code"] in ("tcp.kernel", "tcp.connection_reset")
    assert page.service._open == {}


async def test_cancelling_the_reading_lets_the_writing_go_on(page):
    got = asyncio.get_running_loop().create_future()

    async def swallow(reader, writer):
        got.set_result(await reader.read())
        writer.close()

    async with tcp_server(swallow) as port:
        reading, writing, _ = await page.connect("127.0.0.1", port)
        page.send(reading, "cancel")
        assert (await page.next(reading))[0]["code"] == "rpc.cancelled"
        await page.send_chunk(writing, b"x" * 100_000, end=True)
        assert await got == b"x" * 100_000
        assert (await page.next(writing))[0]["type"] == "result"
    assert page.service._open == {}


async def test_tls_is_verified_and_the_protocol_agreed_on(page):
    context = server_context(certificate("echo.test"))
    context.set_alpn_protocols(["echo/1"])
    async with tcp_server(echo, context) as port:
        reading, writing, value = await page.connect("Echo.Test", port, tls=True, alpn=["echo/2", "echo/1"])
        assert value["alpn"] == "echo/1"
        await page.send_chunk(writing, b"secret", end=True)
        message, body = await page.next(reading)
        assert (message["type"], body) == ("chunk", b"secret")
        refused = await page.connect("127.0.0.1", port, tls=True)
        assert refused["code"] == "tls.wrong_host"


@pytest.mark.parametrize(
    ("params", "code", "argument"),
    [
        ({"host": "a b", "port": 80}, "socket.invalid_argument", "host"),
        ({"host": "", "port": 80}, "socket.invalid_argument", "host"),
        ({"host": "x" * 300, "port": 80}, "socket.invalid_argument", "host"),
        ({"host": "echo.test", "port": 0}, "socket.invalid_argument", "port"),
        ({"host": "echo.test", "port": 65_536}, "socket.invalid_argument", "port"),
        ({"host": "echo.test", "port": 80, "tls": True, "alpn": ["ü"]}, "socket.invalid_argument", "alpn"),
        ({"host": "echo.test", "port": 80, "tls": True, "alpn": [""]}, "socket.invalid_argument", "alpn"),
        ({"host": "echo.test", "port": 80, "tls": True, "alpn": ["x"] * 17}, "socket.invalid_argument", "alpn"),
        ({"host": "echo.test", "port": "80"}, "rpc.invalid_parameters", None),
        ({"host": 7, "port": 80}, "rpc.invalid_parameters", None),
        ({"port": 80}, "rpc.invalid_parameters", None),
        ({"host": "nobody.test", "port": 80}, "dns.name_not_found", None),
    ],
)
async def test_what_cannot_be_connected_to(page, params, code, argument):
    error, _ = await page.next(page.call("socket.connect", params))
    assert error["code"] == code
    assert error["fields"].get("argument") == argument
    assert page.tunnel.network.streams == []


async def test_writing_needs_an_open_connection_once(page):
    error, _ = await page.next(page.call("socket.write", {"socket": 99}, upload=True))
    assert error["code"] == "tunnel.closed"
    async with tcp_server(echo) as port:
        _, _, value = await page.connect("127.0.0.1", port)
        for upload in (True, False):
            error, _ = await page.next(page.call("socket.write", {"socket": value["socket"]}, upload=upload))
            assert error["code"] == "tunnel.closed"


def datagram(host, port, data):
    name = host.encode()
    return Record(1, bytes([len(name)]) + name + port.to_bytes(2, "big") + data).encode()


@pytest.fixture
async def udp_echo():
    """A UDP server that answers with what it got, in capitals."""

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            self.transport.sendto(data.upper(), address)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    yield transport.get_extra_info("sockname")[1]
    transport.close()


async def open_udp(page):
    id = page.call("socket.udp", upload=True)
    assert (await page.next(id))[0]["type"] == "result"
    return id


async def next_datagrams(page, id, count):
    decoder, records = RecordDecoder(70_000), []
    while len(records) < count:
        message, body = await page.next(id)
        assert message["type"] == "chunk", message
        records += decoder.receive(body)
    return [record.payload for record in records]


async def test_datagrams_to_names_and_addresses(page, udp_echo):
    id = await open_udp(page)
    large = b"y" * 60_000
    first, second = datagram("echo.test", udp_echo, b"one"), datagram("127.0.0.1", udp_echo, large)
    await page.send_chunk(id, first[:3], end=False)
    await page.send_chunk(id, first[3:] + second, end=False)
    head = bytes([9]) + b"127.0.0.1" + udp_echo.to_bytes(2, "big")
    assert sorted(await next_datagrams(page, id, 2), key=len) == [head + b"ONE", head + large.upper()]
    page.send(id, "cancel")
    assert (await page.next(id))[0]["code"] == "rpc.cancelled"
    assert page.tunnel.network.datagram_sockets[0]._socket.fileno() == -1


async def test_when_the_page_sends_no_more_it_still_receives(page, udp_echo):
    id = await open_udp(page)
    await page.send_chunk(id, datagram("echo.test", udp_echo, b"last"), end=True)
    (payload,) = await next_datagrams(page, id, 1)
    assert payload.endswith(b"LAST")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (datagram("nobody.test", 7, b""), "dns.name_not_found"),
        (datagram("not a host", 7, b""), "socket.invalid_argument"),
        (datagram("echo.test", 0, b""), "socket.invalid_argument"),
        (Record(1, b"").encode(), "rpc.malformed"),
        (Record(1, b"\xff").encode(), "rpc.malformed"),
        (Record(2, b"\x01a\0\x07").encode(), "rpc.malformed"),
        (b"\x01\xff\xff\xff\xff", "rpc.malformed"),
        (Record(1, b"\x02\xff\xfe\0\x07").encode(), "socket.invalid_argument"),
    ],
)
async def test_what_cannot_be_sent_ends_the_socket(page, sent, code):
    id = await open_udp(page)
    await page.send_chunk(id, sent, end=False)
    assert (await page.next(id))[0]["code"] == code
    assert page.tunnel.network.datagram_sockets[0]._socket.fileno() == -1


async def test_udp_wants_an_upload(page):
    assert (await page.next(page.call("socket.udp")))[0]["code"] == "rpc.invalid_parameters"
