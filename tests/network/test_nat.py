"""The NAT between a client's stack, joined to it in memory, and real servers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address

import dns.message
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.joined_stack import JoinedStack
from support.servers import pattern
from support.waiting import PATIENCE_S, until

from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.nat import tcp as nat_tcp
from mix_network.exit.nat.nat import UserspaceNat
from mix_network.exit.nat.relay import SEND_BUFFER_BYTES
from mix_network.exit.policy import ExitPolicy
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.netstack.tcp.state import TcpState
from mix_protocol.netstack.wire.ip import UDP, IpPacket, pack_address
from mix_protocol.netstack.wire.tcp import RST, TcpSegment
from mix_protocol.netstack.wire.udp import UdpDatagram

CLIENT = ip_address("10.0.0.7")
BODY = pattern(3_000_000)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Link(JoinedStack):
    """A client's stack and a NAT."""

    def __init__(self, resolver: HostsResolver | None = None) -> None:
        super().__init__()
        self.nat = UserspaceNat(
            os.urandom,
            policy=ExitPolicy.open(allow_loopback=True),
            resolver=resolver,
            clock=self.loop.time,
            on_output=self.wake,
        )
        self.join(NetworkStack(os.urandom, addresses=[CLIENT, ip_address("fc00::7")]), self.nat)
        self.cut = False

    def passes(self, packet: bytes, *, is_answer: bool) -> bool:
        return not self.cut

    async def close(self) -> None:
        await self.nat.close()
        assert len(self.nat.flows) == 0
        self.stop()


@contextlib.asynccontextmanager
async def joined(
    handler: Handler | None = None, *, receive_buffer_bytes: int | None = None, **options: object
) -> AsyncIterator[tuple[Link, int]]:
    """A link, and the port of a real server that serves each connection with `handler`.

    receive_buffer_bytes -- what the server asks of its kernel; otherwise the kernel chooses
    """

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    link = Link(**options)
    listener = socket.create_server(("127.0.0.1", 0))
    if receive_buffer_bytes is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)  # connections inherit it
    # A reader that nobody reads takes twice its limit.
    server = await asyncio.start_server(handler or nothing, sock=listener, limit=receive_buffer_bytes or 65536)
    try:
        yield link, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await link.close()


async def read_all(connection: TcpConnection) -> bytes:
    received = bytearray()

    def at_end() -> bool:
        received.extend(connection.receive(1 << 20))
        return connection.at_eof

    await until(at_end)
    assert connection.error is None
    return bytes(received)


async def write_all(connection: TcpConnection, data: bytes) -> None:
    left = memoryview(data)

    def done() -> bool:
        nonlocal left
        left = left[connection.send(left) :]
        return not left

    await until(done)


async def test_megabytes_pass_both_ways_at_once():
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with joined(echo) as (link, port):
        connection = link.connect("127.0.0.1", port)
        reading = asyncio.create_task(read_all(connection))
        await write_all(connection, BODY)
        connection.close()
        assert await reading == BODY
        await until(lambda: len(link.nat.flows) == 0)


async def test_a_client_that_does_not_read_stops_the_server():
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.transport.set_write_buffer_limits(high=0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(bytes(10_000))
                await writer.drain()
                sent += 10_000

    async with joined(flood) as (link, port):
        connection = link.connect("127.0.0.1", port)
        await until(lambda: connection.receivable)
        quiet = 0
        while quiet < 20:
            before = sent
            await asyncio.sleep(0.01)
            quiet = quiet + 1 if sent == before else 0
        # Both ends' TCP buffers and the kernel's: some megabytes, and no more.
        assert sent < 16_000_000
        stopped_at = sent
        connection.receive(1 << 20)
        await until(lambda: sent > stopped_at and connection.receive(1 << 20))
        connection.abort()
        await until(lambda: len(link.nat.flows) == 0)


async def test_a_server_that_does_not_read_stops_the_client():
    """By default the kernel would take some megabytes in the server's place."""
    may_read = asyncio.Event()
    arrived = bytearray()

    async def lazy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_read.wait()
        while data := await reader.read(65536):
            arrived.extend(data)
        writer.close()

    async with joined(lazy, receive_buffer_bytes=16 * 1024) as (link, port):
        connection = link.connect("127.0.0.1", port)
        await until(lambda: connection.is_established)
        sender = connection._block.sender
        first = sender.snd_una
        writing = asyncio.create_task(write_all(connection, BODY))
        await until(lambda: writing.done() or (sender.usable_window < sender.mss and sender.snd_una == sender.snd_nxt))
        # Our stack's buffer; what the kernel holds, which counts its own work and so is asked for half; the relay's
        # pieces and the server.
        taken = sender.snd_una - first
        assert taken < TcpConfig().receive_buffer_bytes + 2 * SEND_BUFFER_BYTES + 4 * 65536
        assert not writing.done()
        may_read.set()
        await writing
        connection.close()
        await until(lambda: len(arrived) == len(BODY))
        assert bytes(arrived) == BODY


async def test_the_syn_is_answered_only_when_the_real_connection_stands(monkeypatch: pytest.MonkeyPatch):
    loop = asyncio.get_running_loop()
    may_connect = asyncio.Event()
    connect = loop.create_connection

    async def slow(*arguments, **options):
        await may_connect.wait()
        return await connect(*arguments, **options)

    async with joined() as (link, port):
        monkeypatch.setattr(loop, "create_connection", slow)
        connection = link.connect("127.0.0.1", port)
        await until(lambda: len(link.nat.flows) == 1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert connection.state is TcpState.SYN_SENT
        may_connect.set()
        await until(lambda: connection.is_established)
        connection.abort()


async def test_packets_that_come_while_a_connection_is_accepted_do_no_harm(monkeypatch: pytest.MonkeyPatch):
    """Another packet may arrive after a SYN was answered and before its connecting task has ended."""
    async with joined() as (link, port):
        accept = nat_tcp._TcpFlow._accept

        def accept_and_receive(flow, end):
            accept(flow, end)
            packet = IpPacket(CLIENT.packed, pack_address("127.0.0.1"), 6, b"not a segment").encode()
            link.loop.call_soon(link.nat.receive_packet, packet, link.loop.time())

        monkeypatch.setattr(nat_tcp._TcpFlow, "_accept", accept_and_receive)
        connection = link.connect("127.0.0.1", port)
        await until(lambda: connection.is_established or connection.error)
        assert connection.error is None
        assert len(link.nat.flows) == 1


async def test_a_client_that_gives_up_while_it_waits_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    async def never(*arguments, **options):
        await asyncio.Event().wait()

    async with joined() as (link, port):
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
        connection = link.connect("127.0.0.1", port)
        await until(lambda: len(link.nat.flows) == 1)
        # What a kernel sends that no longer wants the answer to its SYN.
        flow = connection._block.flow
        reset = TcpSegment(flow.local_port, port, connection._block.sender.snd_nxt & 0xFFFF_FFFF, 0, RST, 0)
        payload = reset.encode(flow.local_address, flow.remote_address)
        packet = IpPacket(flow.local_address, flow.remote_address, 6, payload).encode()
        link.nat.receive_packet(packet, link.loop.time())
        assert len(link.nat.flows) == 0


async def test_dropping_a_client_drops_its_attempts(monkeypatch: pytest.MonkeyPatch):
    async def never(*arguments, **options):
        await asyncio.Event().wait()

    async with joined() as (link, port):
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
        link.connect("127.0.0.1", port)
        await until(lambda: len(link.nat.flows) == 1)
        link.nat.drop_client(CLIENT.packed)
        assert len(link.nat.flows) == 0
        assert link.nat.snapshot()["flows"] == {"tcp": 0, "udp": 0, "icmp": 0}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionRefusedError(), "tcp.connection_refused"),
        (OSError(101, "Network is unreachable"), "ip.unreachable"),
        (OSError(113, "No route to host"), "ip.unreachable"),
        (PermissionError(13, "Permission denied"), "ip.unreachable"),
        (TimeoutError(), "ip.unreachable"),
        (OSError(24, "Too many open files"), "ip.unreachable"),
    ],
)
async def test_why_a_destination_can_not_be_reached_is_told(monkeypatch: pytest.MonkeyPatch, error: OSError, code: str):
    async def fail(*arguments, **options):
        raise error

    async with joined() as (link, port):
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fail)
        connection = link.connect("9.9.9.9", port)
        await until(lambda: connection.error)
        assert connection.error.code == code
        assert len(link.nat.flows) == 0


async def test_a_destination_that_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch):
    async def never(*arguments, **options):
        await asyncio.Event().wait()

    async with joined() as (link, port):
        monkeypatch.setattr(nat_tcp, "CONNECT_TIMEOUT_S", 0.05)
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
        connection = link.connect("9.9.9.9", port)
        await until(lambda: connection.error)
        assert connection.error.code == "ip.unreachable"


async def test_a_reset_passes_from_the_client_to_the_server():
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1)
            writer.write(b"x")
            await reader.read()
            seen.set_result("end")
        except ConnectionResetError:
            seen.set_result("reset")
        writer.close()

    async with joined(serve) as (link, port):
        connection = link.connect("127.0.0.1", port)
        await write_all(connection, b"?")
        await until(lambda: connection.receivable)
        (flow,) = link.nat.flows.all()
        # Without this the kernel says FIN where everything has been read.
        real = flow._end._transport.get_extra_info("socket")
        real.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.abort()
        assert await asyncio.wait_for(seen, PATIENCE_S) == "reset"
        await until(lambda: len(link.nat.flows) == 0)


async def test_the_server_may_close_first_and_still_listen():
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"goodbye")
        writer.write_eof()
        received.set_result(await reader.read())
        writer.close()

    async with joined(serve) as (link, port):
        connection = link.connect("127.0.0.1", port)
        assert await read_all(connection) == b"goodbye"
        assert len(link.nat.flows) == 1
        await write_all(connection, BODY[:200_000])
        connection.close()
        assert await asyncio.wait_for(received, PATIENCE_S) == BODY[:200_000]
        await until(lambda: len(link.nat.flows) == 0)


async def test_a_server_that_resets_among_many_segments_resets_the_client(caplog: pytest.LogCaptureFixture):
    link, loop = Link(), asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        connection = link.connect("127.0.0.1", listening.getsockname()[1])
        accepted, _ = await loop.sock_accept(listening)
        await until(lambda: connection.state is TcpState.ESTABLISHED)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        # The event loop has not looked at the exit's socket since; each of these segments is written to it.
        connection.send(b"segments" * 2_000)
        link._run()
        await until(lambda: connection.error is not None)
        assert connection.error.code == "tcp.connection_reset"
        await until(lambda: len(link.nat.flows) == 0)
        assert not caplog.records
        await link.close()


async def test_a_server_that_is_gone_when_the_client_closes_resets_it(monkeypatch: pytest.MonkeyPatch):
    async with joined() as (link, port):
        connection = link.connect("127.0.0.1", port)
        await until(lambda: connection.is_established and link.nat.flows.all()[0]._end)
        (flow,) = link.nat.flows.all()

        def not_connected() -> None:
            raise OSError(107, "Transport endpoint is not connected")

        monkeypatch.setattr(flow._end._transport, "write_eof", not_connected)
        connection.close()
        await until(lambda: connection.error)
        assert connection.error.code == "tcp.connection_reset"
        await until(lambda: len(link.nat.flows) == 0)


async def test_dropping_a_client_ends_its_flows_and_nobody_elses():
    ended = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ended
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended += 1
        writer.close()

    async with joined(serve) as (link, port):
        connections = [link.connect("127.0.0.1", port) for _ in range(3)]
        await until(lambda: all(connection.is_established for connection in connections))
        link.nat.drop_client(ip_address("10.9.9.9").packed)
        assert link.nat.flows.counts()["tcp"] == 3
        link.nat.drop_client(CLIENT.packed)
        assert link.nat.flows.counts()["tcp"] == 0
        await until(lambda: ended == 3)


async def test_nothing_goes_to_the_address_of_a_client_that_is_gone():
    """Somebody else may get it: not a byte, not a reset, not an answer that comes late."""
    slow = asyncio.Event()

    class SlowResolver(HostsResolver):
        async def answer(self, *arguments: object, **options: object) -> bytes | None:
            await slow.wait()
            return await super().answer(*arguments, **options)

    async def answer_after_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.write(b"secret " * 60_000)
        writer.close()

    resolver = SlowResolver({"demo.test": [ip_address("127.0.0.1")]})
    async with joined(answer_after_the_end, resolver=resolver) as (link, port):
        half_closed, never_read = (link.connect("127.0.0.1", port) for _ in range(2))
        half_closed.send(b"GET")
        half_closed.close()
        await until(lambda: half_closed.receivable)
        never_read.close()
        query = dns.message.make_query("demo.test", "A").to_wire()
        await write_all(link.connect("9.9.9.9", 53), len(query).to_bytes(2, "big") + query)
        link.cut = True
        await asyncio.sleep(0.1)
        now = link.loop.time()
        datagram = UdpDatagram(5000, 53, query).encode(CLIENT.packed, bytes(4))
        link.nat.receive_packet(IpPacket(CLIENT.packed, bytes(4), UDP, datagram).encode(), now)
        link.nat.receive_packet(IpPacket(CLIENT.packed, bytes(4), 200, b"no such protocol").encode(), now)
        link.nat.drop_client(CLIENT.packed)
        slow.set()
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert link.nat.packets_to_send(link.loop.time() + 10) == []
        assert link.nat.next_timeout() is None or len(link.nat.flows) == 0


async def test_a_connection_holds_its_place_until_the_client_has_what_was_sent():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.write(b"x" * 400_000)
        writer.close()

    async with joined(serve) as (link, port):
        connection = link.connect("127.0.0.1", port)
        await until(lambda: connection.is_established)
        connection.send(b"GET")
        connection.close()
        await until(lambda: connection.receivable)
        link.cut = True
        await asyncio.sleep(0.1)
        assert link.nat.flows.counts()["tcp"] == 1
        link.cut = False
        assert len(await read_all(connection)) == 400_000
        await until(lambda: len(link.nat.flows) == 0)


async def test_many_connections_at_once():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async with joined(serve) as (link, port):
        connections = [link.connect("127.0.0.1", port) for _ in range(100)]
        for number, connection in enumerate(connections):
            await write_all(connection, b"%d\n" % number)
        for number, connection in enumerate(connections):
            assert await read_all(connection) == b"%d\n" % number
            connection.close()
        await until(lambda: len(link.nat.flows) == 0)


async def test_dns_over_tcp_answers_each_query_whatever_the_cuts():
    resolver = HostsResolver({"many.test": [ip_address(f"10.0.{number}.1") for number in range(250)]})
    queries = [dns.message.make_query("many.test", "A") for _ in range(5)]
    blob = b"".join(struct.pack("!H", len(query.to_wire())) + query.to_wire() for query in queries)
    async with joined(resolver=resolver) as (link, _):
        connection = link.connect("192.168.0.53", 53)
        for at in range(0, len(blob), 7):
            await write_all(connection, blob[at : at + 7])
            await asyncio.sleep(0)
        await until(lambda: connection.is_established)
        connection.close()
        answers = await read_all(connection)
        for query in queries:
            (length,) = struct.unpack("!H", answers[:2])
            response = dns.message.from_wire(answers[2 : 2 + length])
            assert query.is_response(response)
            assert len(response.answer[0]) == 250
            answers = answers[2 + length :]
        assert answers == b""
        await until(lambda: len(link.nat.flows) == 0)


async def test_dns_over_tcp_resets_on_garbage():
    async with joined(resolver=HostsResolver({})) as (link, _):
        connection = link.connect("192.168.0.53", 53)
        await write_all(connection, b"\x00\x04abcd")
        await until(lambda: connection.error)
        await until(lambda: len(link.nat.flows) == 0)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.binary(max_size=200), protocol=st.sampled_from([0, 1, 6, 17, 58, 132]), version=st.sampled_from([4, 6]))
async def test_garbage_packets_raise_nothing_and_leave_nothing(data: bytes, protocol: int, version: int):
    addresses = {4: ("10.0.0.7", "192.168.9.9"), 6: ("fc00::7", "fe80::9")}[version]
    source, destination = (pack_address(address) for address in addresses)
    link = Link()
    link.nat.receive_packet(data, 0.0)
    link.nat.receive_packet(IpPacket(source, destination, protocol, data).encode(), 0.0)
    link.nat.packets_to_send(0.0)
    await link.close()
