"""The whole network, used by a client that is put together from the protocols alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.rcode
import httpx
import pytest
from support.pcap import recorded_packets
from support.ports import refusing_port
from support.raw_client import RawClient, raw_client
from support.servers import HttpServer, pattern, serve_http
from support.waiting import PATIENCE_S, until

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.ipr.events import ExitConnected, ExitReported
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.connection import TcpConnection

BODY = pattern(50_000)
HOSTS = {"demo.test": (ip_address("127.0.0.1"),)}


class Stream:
    """A TCP connection of the client's stack, for a test to await."""

    def __init__(self, client: RawClient, connection: TcpConnection) -> None:
        self.client = client
        self.connection = connection
        self._event = asyncio.Event()
        connection.on_event = self._event.set

    async def wait_for(self, condition) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition() and self.connection.error is None:
                self.client.wake()
                await self._event.wait()
                self._event.clear()

    async def send(self, data: bytes) -> None:
        while data:
            data = data[self.connection.send(data) :]
            self.client.wake()
            if data:
                await self.wait_for(lambda: self.connection.send_capacity)
                assert self.connection.error is None

    async def receive_exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            await self.wait_for(lambda: self.connection.receivable or self.connection.at_eof)
            assert self.connection.error is None
            piece = self.connection.receive(size - len(received))
            assert piece
            received += piece
            self.client.wake()
        return received

    async def receive_all(self) -> bytes:
        received = b""
        while True:
            await self.wait_for(lambda: self.connection.receivable or self.connection.at_eof)
            assert self.connection.error is None
            if not self.connection.receivable:
                return received
            received += self.connection.receive(65536)
            self.client.wake()

    def close(self) -> None:
        self.connection.close()
        self.client.wake()

    def abort(self) -> None:
        self.connection.abort()
        self.client.wake()


class Tunnel:
    """The raw client with addresses of the exit."""

    def __init__(self, client: RawClient) -> None:
        self.client = client

    @property
    def stack(self) -> NetworkStack:
        return self.client.device

    async def open(self, ipr_version: int) -> ExitConnected:
        self.client.open_tunnel(
            lambda granted: NetworkStack(os.urandom, addresses=(granted.ipv4, granted.ipv6)), ipr_version
        )
        await until(lambda: self.client.ipr_events)
        (granted,) = self.client.ipr_events
        assert isinstance(granted, ExitConnected)
        return granted

    def connect(self, host: str, port: int) -> Stream:
        connection = self.stack.connect_tcp((ip_address(host), port), self.client.now())
        return Stream(self.client, connection)

    async def ask_name(self, name: str, kind: str = "A", resolver: str = "8.8.8.8") -> dns.message.Message:
        query = dns.message.make_query(name, kind)
        udp = self.stack.open_udp()
        udp.send(query.to_wire(), (ip_address(resolver), 53), self.client.now())
        self.client.wake()
        answers: list = []

        def answered() -> bool:
            answer = udp.receive()
            if answer is not None:
                answers.append(answer)
            return bool(answers)

        await until(answered)
        udp.close()
        response = dns.message.from_wire(answers[0][0])
        assert query.is_response(response)
        return response


@contextlib.asynccontextmanager
async def tunnel_through(network: LocalNetwork, ipr_version: int = 10) -> AsyncIterator[Tunnel]:
    async with raw_client(network.description()) as client:
        tunnel = Tunnel(client)
        await tunnel.open(ipr_version)
        yield tunnel


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[LocalNetwork]:
    options = NetworkOptions(allow_local=True, hosts=HOSTS, dns="none", pcap=tmp_path / "exit.pcap")
    async with LocalNetwork(options) as started:
        yield started


@pytest.fixture
def site():
    with serve_http({"/": ("text/plain", b"hello through five hops"), "/big": ("text/plain", BODY)}) as server:
        yield server


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: demo.test\r\nConnection: close\r\n\r\n".encode()


async def test_a_page_comes_through_five_hops(network: LocalNetwork, site: HttpServer):
    async with tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", site.port)
        await stream.send(get("/"))
        answer = await stream.receive_all()
        stream.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"hello through five hops")
        assert site.peers == {"127.0.0.2"}
        await until(lambda: len(network.exit.flows) == 0)
    metrics = network.metrics()
    by_name = {node["name"]: node for node in metrics["nodes"]}
    assert by_name["entry"]["from_clients"] > 0
    assert all(by_name[f"mix-{layer}"]["forwarded"] > 0 for layer in (1, 2, 3))
    assert by_name["exit"]["final"] > 0
    assert all(not node["malformed"] for node in metrics["nodes"])
    assert metrics["exit"]["flow_count"] == 0


@pytest.mark.parametrize("version", ["1.36.0", "1.37.0"])
async def test_the_advertised_version_decides_the_routers_protocol(version: str):
    async with LocalNetwork(NetworkOptions(advertise_version=version)) as network:
        async with raw_client(network.description()) as client:
            granted = await Tunnel(client).open(10 if version == "1.37.0" else 9)
        assert (granted.ipr_version, granted.mtu_bytes) == ((10, 1500) if version == "1.37.0" else (9, None))


async def test_large_answers_arrive_whole(network: LocalNetwork, site: HttpServer):
    async with tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", site.port)
        await stream.send(get("/big"))
        answer = await stream.receive_all()
        assert answer.partition(b"\r\n\r\n")[2] == BODY


async def test_large_requests_arrive_whole(network: LocalNetwork, site: HttpServer):
    async with tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", site.port)
        head = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
        await stream.send(head.encode() + BODY)
        answer = await stream.receive_all()
        assert answer.partition(b"\r\n\r\n")[2] == BODY


async def test_an_aborted_download_leaves_no_flow(network: LocalNetwork, site: HttpServer):
    async with tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", site.port)
        await stream.send(get("/big"))
        await stream.wait_for(lambda: stream.connection.receivable)
        assert network.exit.flows.counts()["tcp"] == 1
        stream.abort()
        await until(lambda: len(network.exit.flows) == 0)


async def test_a_refused_port_and_a_refused_destination_are_told_apart(network: LocalNetwork):
    async with tunnel_through(network) as tunnel:
        with refusing_port() as port:
            refused = tunnel.connect("127.0.0.1", port)
            await refused.wait_for(lambda: False)
        assert refused.connection.error.code == "tcp.connection_refused"
        forbidden = tunnel.connect("192.168.1.1", 80)
        await forbidden.wait_for(lambda: False)
        assert forbidden.connection.error.code in ("ip.unreachable", "tcp.connection_refused")
        # The report travels apart from the refusal; mix nodes may well swap the two.
        await until(lambda: any(isinstance(event, ExitReported) for event in tunnel.client.ipr_events))
        reports = [event for event in tunnel.client.ipr_events if isinstance(event, ExitReported)]
        assert [report.detail for report in reports] == ["192.168.1.1:80"]
        assert len(network.exit.flows) == 0


async def test_loopback_is_refused_unless_allowed(site: HttpServer):
    async with LocalNetwork() as network, tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", site.port)
        await stream.wait_for(lambda: False)
        assert stream.connection.error is not None
        assert site.peers == set()


async def test_names_are_answered_over_udp_and_tcp_by_any_resolver_address(network: LocalNetwork):
    async with tunnel_through(network) as tunnel:
        response = await tunnel.ask_name("demo.test")
        assert response.answer[0].to_text().endswith("127.0.0.1")
        assert (await tunnel.ask_name("demo.test", "AAAA", "192.168.3.3")).answer == []
        assert (await tunnel.ask_name("other.test")).rcode() == dns.rcode.NXDOMAIN
        stream = tunnel.connect("1.1.1.1", 53)
        queries = [dns.message.make_query(name, "A") for name in ("demo.test", "missing.test")]
        await stream.send(b"".join(struct.pack("!H", len(query.to_wire())) + query.to_wire() for query in queries))
        for query, rcode in zip(queries, (dns.rcode.NOERROR, dns.rcode.NXDOMAIN), strict=True):
            (length,) = struct.unpack("!H", await stream.receive_exactly(2))
            response = dns.message.from_wire(await stream.receive_exactly(length))
            assert query.is_response(response)
            assert response.rcode() == rcode
        stream.close()
        assert await stream.receive_all() == b""
        await until(lambda: len(network.exit.flows) == 0)


async def test_an_orderly_half_close_reaches_the_server_and_its_answer_the_client(network: LocalNetwork):
    received = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.write(b"got it all")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        await stream.wait_for(lambda: stream.connection.is_established)
        await stream.send(b"question")
        stream.close()
        assert await stream.receive_all() == b"got it all"
        assert await received == b"question"
        await until(lambda: len(network.exit.flows) == 0)


async def test_a_reset_by_the_server_resets_the_client(network: LocalNetwork):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        # Lingering for no time at all makes the kernel send a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        await stream.send(b"x")
        await stream.wait_for(lambda: False)
        assert stream.connection.error.code == "tcp.connection_reset"
        await until(lambda: len(network.exit.flows) == 0)


async def test_a_server_that_does_not_read_stops_the_client(network: LocalNetwork):
    go_on = asyncio.Event()
    total = 6_000_000
    counted = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.close()
        counted.set_result(True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024)
    async with server, tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        await stream.wait_for(lambda: stream.connection.is_established)
        (flow,) = network.exit.flows.all()
        # The kernel's buffers for a socket are a few megabytes; no test should have to fill them through a mixnet.
        transport = flow._end._transport
        transport.set_write_buffer_limits(high=1024)
        real = transport.get_extra_info("socket")
        real.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        blob = memoryview(bytes(total))
        sent = 0

        def fill() -> int:
            nonlocal sent
            accepted = stream.connection.send(blob[sent : sent + 65536])
            sent += accepted
            tunnel.client.wake()
            return accepted

        async def stalled() -> bool:
            for _ in range(100):
                if fill():
                    return False
                await asyncio.sleep(0.02)
            return True

        async with asyncio.timeout(2 * PATIENCE_S):
            while not await stalled():
                pass
        assert sent < total
        go_on.set()
        await counted
        stream.abort()
        await until(lambda: len(network.exit.flows) == 0)


async def test_the_capture_shows_packets_and_only_what_travels_in_them(network: LocalNetwork, site: HttpServer):
    async with tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", site.port)
        await stream.send(get("/"))
        await stream.receive_all()
    await network.close()
    capture = network.options.pcap.read_bytes()
    assert capture[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
    assert b"hello through five hops" in capture  # plain http is plain at the exit
    assert b"GET / HTTP/1.1" in capture


async def test_one_capture_has_the_packets_of_every_exit_also_after_one_has_begun_anew(tmp_path: Path):
    capture = tmp_path / "exits.pcap"
    with serve_http({f"/{number}": ("text/plain", b"answer %d" % number) for number in range(3)}) as site:
        async with LocalNetwork(NetworkOptions(allow_local=True, exits=2, pcap=capture)) as network:
            description = network.description()
            granted = []
            for number, exit_at in enumerate((0, 1, 0)):
                if number == 2:
                    await network.exits[0].restart()
                through = {**description, "exit_gateways": [description["exit_gateways"][exit_at]]}
                async with raw_client(through) as client:
                    tunnel = Tunnel(client)
                    granted.append(await tunnel.open(10))
                    stream = tunnel.connect("127.0.0.1", site.port)
                    await stream.send(get(f"/{number}"))
                    await stream.receive_all()
    packets = [packet for _, packet in recorded_packets(capture.read_bytes())]
    for number, addresses in enumerate(granted):
        (answer,) = [packet for packet in packets if packet.endswith(b"answer %d" % number)]
        assert answer[16:20] == addresses.ipv4.packed


async def test_the_directory_serves_its_metrics(network: LocalNetwork):
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        url = network.directory_url.replace("/api", "/metrics.json")
        metrics = (await http.get(url)).json()
        assert [node["role"] for node in metrics["nodes"]] == ["entry-gateway", *["mix-node"] * 3, "exit-gateway"]
        assert metrics["exit"]["flows"] == {"tcp": 0, "udp": 0, "icmp": 0}


async def test_garbage_on_every_port_stops_nothing(network: LocalNetwork, site: HttpServer):
    ports = [
        network.entry.ws_port,
        network.exit.gateway.ws_port,
        *(node.address.port for node in network.mix_nodes),
        int(network.directory_url.split(":")[2].split("/")[0]),
        int(network.directory_https_url.split(":")[2].split("/")[0]),
    ]
    for port in ports:
        for data in (os.urandom(4096), b"\r\n\r\n", b"GET /" + b"a" * 100_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                writer.write_eof()
                await asyncio.wait_for(reader.read(), PATIENCE_S)
            writer.close()
    async with tunnel_through(network) as tunnel:
        stream = tunnel.connect("127.0.0.1", site.port)
        await stream.send(get("/"))
        assert (await stream.receive_all()).endswith(b"hello through five hops")
