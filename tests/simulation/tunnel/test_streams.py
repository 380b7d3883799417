"""TCP streams and UDP sockets through the whole tunnel, in an in-memory network on a virtual clock."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import Any

import pytest
from support.memory_internet import ECHO, HOST, SILENT, SINK, SOURCE, UDP_ECHO, MemoryHost, pattern
from support.memory_platform import MemoryWorld
from support.virtual_time import virtual_time

from mix_protocol.errors import MixError
from mix_protocol.netstack.tcp.state import TcpState
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.driver import TunnelDriver
from mix_tunnel.runtime.tcp import TcpStream
from mix_tunnel.state import Phase
from mix_tunnel.streams import ByteStream

NOBODY = IPv4Address("93.184.216.35")


class Connected:
    """A ready tunnel and the world around it."""

    def __init__(self, world: MemoryWorld, host: MemoryHost, driver: TunnelDriver) -> None:
        self.world = world
        self.host = host
        self.driver = driver

    @property
    def network(self) -> Any:
        return self.driver.network

    async def open(self, port: int) -> TcpStream:
        return await self.driver.network.connect_tcp(HOST, port)


@asynccontextmanager
async def tunnel(*, loss: float = 0.0, source_bytes: int = 100_000, **options: Any) -> AsyncIterator[Connected]:
    host = MemoryHost(source_bytes=source_bytes)
    world = MemoryWorld(host, loss=loss, seed=3)
    world.add_exit(1)
    settings = {
        "directory_url": "https://directory.example/api",
        "force_tls": False,
        "disable_poisson_traffic": True,
        "disable_cover_traffic": True,
        **options,
    }
    driver = TunnelDriver(TunnelOptions(**settings), world.platform())
    await driver.connect()
    try:
        yield Connected(world, host, driver)
    finally:
        await driver.close()
        world.stop()


async def read_all(stream: ByteStream) -> bytes:
    received = bytearray()
    while data := await stream.receive():
        received += data
    return bytes(received)


@virtual_time
async def test_bytes_come_back_and_half_close_works():
    async with tunnel() as subject:
        stream = await subject.open(ECHO)
        data = pattern(50_000)
        sending = asyncio.create_task(stream.send(data))
        received = b""
        while len(received) < len(data):
            received += await stream.receive(1000)
        await sending
        assert received == data
        await stream.send_eof()
        assert await stream.receive() == b""
        await stream.aclose()
        await stream.aclose()


@pytest.mark.parametrize("loss", [0.0, 0.02])
def test_a_megabyte_down_arrives_intact(loss: float):
    @virtual_time
    async def run() -> None:
        async with tunnel(loss=loss, source_bytes=1_000_000) as subject:
            began = subject.world.now()
            stream = await subject.open(SOURCE)
            received = await read_all(stream)
            assert hashlib.sha256(received).digest() == hashlib.sha256(pattern(1_000_000)).digest()
            # A virtual second is a real one without processing time: 20 s would mean that something stalls.
            assert subject.world.now() - began < (20 if not loss else 60)
            await stream.aclose()

    run()


@pytest.mark.parametrize("loss", [0.0, 0.02])
def test_a_megabyte_up_arrives_intact(loss: float):
    @virtual_time
    async def run() -> None:
        async with tunnel(loss=loss) as subject:
            began = subject.world.now()
            stream = await subject.open(SINK)
            data = pattern(1_000_000)
            await stream.send(data)
            await stream.send_eof()
            assert await read_all(stream) == hashlib.sha256(data).digest()
            assert subject.world.now() - began < (20 if not loss else 60)

    run()


@virtual_time
async def test_with_the_default_traffic_it_works_too():
    async with tunnel(source_bytes=60_000, disable_poisson_traffic=False, disable_cover_traffic=False) as subject:
        stream = await subject.open(SOURCE)
        assert await read_all(stream) == pattern(60_000)
        assert subject.driver.stats().cover_packets_sent > 0


@virtual_time
async def test_many_streams_at_once_do_not_disturb_each_other():
    async with tunnel() as subject:

        async def echo(number: int) -> bytes:
            stream = await subject.open(ECHO)
            data = pattern(5000 + number)
            await stream.send(data)
            await stream.send_eof()
            received = await read_all(stream)
            await stream.aclose()
            assert received == data
            return received

        await asyncio.gather(*(echo(number) for number in range(20)))


@virtual_time
async def test_a_refused_port_is_a_typed_error():
    async with tunnel() as subject:
        with pytest.raises(MixError) as caught:
            await subject.open(81)
        assert caught.value.code == "tcp.connection_refused"
        assert subject.driver.state.phase == Phase.READY


@virtual_time
async def test_a_host_that_does_not_answer_is_given_up_in_time():
    async with tunnel(connect_timeout_ms=5_000) as subject:
        began = subject.world.now()
        with pytest.raises(MixError) as caught:
            await subject.network.connect_tcp(NOBODY, 80)
        assert caught.value.code == "tcp.connect_timed_out"
        assert subject.world.now() - began < 5.1


@virtual_time
async def test_what_the_exits_policy_forbids_fails_at_once():
    async with tunnel() as subject:
        router = subject.world.exits[0].router
        opening = asyncio.create_task(subject.network.connect_tcp(NOBODY, 25))
        await asyncio.sleep(0.5)
        [tag] = router._by_tag
        router.report_denied(tag, f"{NOBODY}:25", subject.world.now())
        subject.world.exits[0].pump(subject.world.now())
        subject.world.arm()
        began = subject.world.now()
        with pytest.raises(MixError) as caught:
            await opening
        assert caught.value.code == "tunnel.exit_policy_denied"
        assert subject.world.now() - began < 1.0


@virtual_time
async def test_aborting_resets_the_other_side_and_fails_what_is_pending():
    async with tunnel() as subject:
        stream = await subject.open(SILENT)
        pending = asyncio.create_task(stream.receive())
        await asyncio.sleep(1)
        stream.abort()
        with pytest.raises(MixError) as caught:
            await pending
        assert caught.value.code == "tunnel.closed"
        await asyncio.sleep(2)
        [connection] = subject.host.connections
        assert connection.error is not None
        assert connection.error.code == "tcp.connection_reset"
        with pytest.raises(MixError):
            await stream.send(b"x")


@virtual_time
async def test_a_reset_by_the_other_side_is_a_typed_error():
    async with tunnel() as subject:
        stream = await subject.open(SILENT)
        pending = asyncio.create_task(stream.receive())
        await asyncio.sleep(1)
        subject.host.connections[0].abort()
        subject.world.exits[0].pump(subject.world.now())
        subject.world.arm()
        with pytest.raises(MixError) as caught:
            await pending
        assert caught.value.code == "tcp.connection_reset"


@virtual_time
async def test_a_cancelled_receive_loses_no_byte():
    async with tunnel(source_bytes=30_000) as subject:
        stream = await subject.open(SOURCE)
        received = b""
        while len(received) < 30_000:
            try:
                async with asyncio.timeout(0.001):
                    received += await stream.receive(700)
            except TimeoutError:
                await asyncio.sleep(0.01)
        assert received == pattern(30_000)


@virtual_time
async def test_cancelling_a_connect_leaves_no_connection_behind():
    async with tunnel() as subject:
        opening = asyncio.create_task(subject.open(SILENT))
        await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await asyncio.sleep(5)
        assert all(connection.state is TcpState.CLOSED for connection in subject.host.connections)
        assert subject.network._stack.connection_count == 0


@virtual_time
async def test_send_waits_while_the_other_side_does_not_read():
    async with tunnel() as subject:
        stream = await subject.open(SILENT)
        sending = asyncio.create_task(stream.send(bytes(5_000_000)))
        await asyncio.sleep(60)
        assert not sending.done()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        stream.abort()


@virtual_time
async def test_a_download_survives_the_loss_of_the_gateways_connection():
    async with tunnel(source_bytes=300_000) as subject:
        stream = await subject.open(SOURCE)
        received = bytearray(await stream.receive())
        for gateway in subject.world.gateways.values():
            gateway.drop_all()
        while data := await stream.receive():
            received += data
        assert bytes(received) == pattern(300_000)
        assert subject.driver.stats().gateway_reconnects == 1


@virtual_time
async def test_when_the_exit_is_lost_streams_fail_and_new_ones_work():
    async with tunnel() as subject:
        stream = await subject.open(ECHO)
        router = subject.world.exits[0].router
        [client] = list(router._by_tag.values())
        router._remove(client, None, subject.world.now())  # type: ignore[arg-type]
        pending = asyncio.create_task(stream.receive())
        await stream.send(b"into the void")
        with pytest.raises(MixError) as caught:
            await pending
        assert caught.value.code == "tunnel.exit_changed"
        stream = await subject.open(ECHO)
        await stream.send(b"again")
        assert await stream.receive() == b"again"


@virtual_time
async def test_closing_the_tunnel_fails_everything_with_one_code():
    async with tunnel() as subject:
        stream = await subject.open(SILENT)
        socket = subject.network.open_udp()
        pending = [asyncio.create_task(stream.receive()), asyncio.create_task(socket.receive())]
        await asyncio.sleep(0.1)
        await subject.driver.close()
        for task in pending:
            with pytest.raises(MixError) as caught:
                await task
            assert caught.value.code == "tunnel.closed"
        for refused in (subject.open(ECHO), stream.send(b"x"), stream.receive()):
            with pytest.raises(MixError) as caught:
                await refused
            assert caught.value.code == "tunnel.closed"


@virtual_time
async def test_datagrams_come_back():
    async with tunnel() as subject:
        socket = subject.network.open_udp()
        await socket.send(b"question", HOST, UDP_ECHO)
        assert await socket.receive() == (b"question", HOST, UDP_ECHO)
        socket.close()
        socket.close()
        with pytest.raises(MixError):
            await socket.receive()


@virtual_time
async def test_a_datagram_to_a_closed_port_is_reported():
    async with tunnel() as subject:
        socket = subject.network.open_udp()
        await socket.send(b"question", HOST, 5353)
        with pytest.raises(MixError) as caught:
            await socket.receive()
        assert caught.value.code == "ip.unreachable"
        await socket.send(b"question", HOST, UDP_ECHO)
        assert (await socket.receive())[0] == b"question"
