"""asyncio's streams over the tunnel's: what programs expect of `StreamReader` and `StreamWriter` holds."""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import ip_address

import pytest
from support.kernel import KernelNetwork
from support.tls_server import authority, certificate, pem_of, server_context

from mix_protocol.errors import NetworkFailure
from mix_tunnel.runtime.sockets.dialing import Connection, Dialer
from mix_tunnel.runtime.sockets.transport import HIGH_WATER_BYTES, StreamTransport, open_streams
from mix_tunnel.runtime.tls import TlsSettings


class Reset(NetworkFailure):
    """For these tests."""

    code = "test.stream_reset"


class Stream:
    """A stream that the test plays: what arrives is put into `incoming`, sending waits for `may_send`."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.sent = b""
        self.calls: list[str] = []

    async def receive(self, max_bytes=65_536):
        item = await self.incoming.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def send(self, data):
        await self.may_send.wait()
        self.sent += data

    async def send_eof(self):
        self.calls.append("eof")

    async def aclose(self):
        self.calls.append("close")

    def abort(self):
        self.calls.append("abort")


def connection(stream):
    return Connection(stream, ("10.0.0.1", 50_000), ("192.0.2.1", 7))


@pytest.fixture
async def streams():
    stream = Stream()
    reader, writer = open_streams(connection(stream), 65_536)
    yield stream, reader, writer
    writer.transport.abort()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_reading_and_writing_half_close_and_closing(streams):
    stream, reader, writer = streams
    assert writer.get_extra_info("peername") == ("192.0.2.1", 7)
    assert writer.get_extra_info("sockname") == ("10.0.0.1", 50_000)
    assert writer.can_write_eof()
    writer.writelines([b"one ", bytearray(b"two "), memoryview(b"three")])
    writer.write_eof()
    await writer.drain()
    stream.incoming.put_nowait(b"a line\nrest")
    assert await reader.readline() == b"a line\n"
    stream.incoming.put_nowait(b"")
    assert await reader.read() == b"rest"
    assert reader.at_eof()
    assert (stream.sent, stream.calls) == (b"one two three", ["eof"])
    with pytest.raises(RuntimeError, match="write_eof"):
        writer.write(b"x")
    writer.close()
    assert writer.is_closing()
    await writer.wait_closed()
    assert stream.calls == ["eof", "close"]


async def test_closing_sends_what_was_written(streams):
    stream, _, writer = streams
    stream.may_send.clear()
    writer.write(b"x" * 100_000)
    writer.close()
    writer.write(b"too late")
    await settle()
    assert stream.calls == []
    stream.may_send.set()
    await writer.wait_closed()
    assert (stream.sent, stream.calls) == (b"x" * 100_000, ["close"])


async def test_drain_waits_while_the_stream_is_slow(streams):
    stream, _, writer = streams
    stream.may_send.clear()
    writer.write(b"x" * (HIGH_WATER_BYTES + 1))
    assert writer.transport.get_write_buffer_size() == HIGH_WATER_BYTES + 1
    draining = asyncio.create_task(writer.drain())
    await settle()
    assert not draining.done()
    stream.may_send.set()
    await draining
    assert writer.transport.get_write_buffer_size() <= writer.transport.get_write_buffer_limits()[0]


async def test_the_reader_makes_the_other_side_wait():
    stream = Stream()
    reader, writer = open_streams(connection(stream), 1000)
    for _ in range(10):
        stream.incoming.put_nowait(b"x" * 1000)
    await settle()
    assert stream.incoming.qsize() >= 6
    assert not writer.transport.is_reading()
    assert await reader.readexactly(10_000) == b"x" * 10_000
    writer.transport.abort()


async def test_what_breaks_the_stream_reaches_reader_and_writer(streams):
    stream, reader, writer = streams
    stream.incoming.put_nowait(Reset("the connection was reset"))
    with pytest.raises(Reset):
        await reader.read()
    with pytest.raises(Reset):
        await writer.drain()
    with pytest.raises(Reset):
        await writer.wait_closed()
    assert stream.calls == ["abort"]


async def test_aborting_resets(streams):
    stream, reader, writer = streams
    writer.write(b"never sent")
    writer.transport.abort()
    await writer.wait_closed()
    assert await reader.read() == b""
    assert (stream.sent, stream.calls) == (b"", ["abort"])


async def test_a_protocol_that_does_not_stay_is_closed_at_the_end():
    class Once(asyncio.Protocol):
        def __init__(self):
            self.lost = asyncio.get_running_loop().create_future()

        def connection_lost(self, error):
            self.lost.set_result(error)

    stream, protocol = Stream(), Once()
    transport = StreamTransport(stream, protocol, {})
    transport.start()
    stream.incoming.put_nowait(b"")
    assert await protocol.lost is None
    assert stream.calls == ["close"]


async def test_a_fault_of_the_protocol_is_reported_and_ends_the_connection():
    class Faulty(asyncio.Protocol):
        def data_received(self, data):
            raise ValueError("not mine")

    told = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
    stream = Stream()
    StreamTransport(stream, Faulty(), {}).start()
    stream.incoming.put_nowait(b"x")
    await settle()
    assert [str(error) for error in told] == ["not mine"]
    assert stream.calls == ["abort"]


@pytest.mark.parametrize(("high", "low", "limits"), [(100, None, (25, 100)), (None, 10, (10, 40)), (8, 8, (8, 8))])
async def test_water_marks(streams, high, low, limits):
    _, _, writer = streams
    writer.transport.set_write_buffer_limits(high, low)
    assert writer.transport.get_write_buffer_limits() == limits
    with pytest.raises(ValueError, match="high"):
        writer.transport.set_write_buffer_limits(1, 2)


class Names:
    async def lookup(self, name):
        return [ip_address("127.0.0.1")]


async def echo(reader, writer):
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_tls_to_a_real_server_tells_what_was_agreed_on():
    context = server_context(certificate("echo.test"))
    context.set_alpn_protocols(["echo/1"])
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        dialer = Dialer(Names(), KernelNetwork(), TlsSettings((pem_of(authority()),)))
        reader, writer = open_streams(await dialer.connect_tls("echo.test", port, ["echo/1"]), 65_536)
        writer.write(b"secret")
        assert await reader.readexactly(6) == b"secret"
        assert writer.get_extra_info("alpn_protocol") == "echo/1"
        assert writer.get_extra_info("tls_version") == "TLSv1.3"
        writer.close()
        await writer.wait_closed()


async def test_a_plain_connection_can_be_upgraded():
    """STARTTLS: both sides agree in plain text, then `StreamWriter.start_tls` goes on over the same connection."""
    upgraded = server_context(certificate("echo.test"))

    async def serve(reader, writer):
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"GO\n")
        await writer.drain()
        await writer.start_tls(upgraded)
        await echo(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        dialer = Dialer(Names(), KernelNetwork(), TlsSettings())
        reader, writer = open_streams(await dialer.connect("echo.test", port), 65_536)
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"GO\n"
        await writer.start_tls(ssl.create_default_context(cadata=pem_of(authority())), server_hostname="echo.test")
        writer.write(b"secret" * 20_000)
        assert await reader.readexactly(120_000) == b"secret" * 20_000
        writer.transport.abort()
