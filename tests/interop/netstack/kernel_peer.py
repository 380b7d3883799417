"""Talks to the kernel's TCP through a TUN device; run inside a network namespace of its own.

    unshare -n python kernel_peer.py [loss jitter_ms]

Prints one JSON object: what happened in each scenario.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import struct
import subprocess
import sys
import time

from mix_protocol.errors import MixError
from mix_protocol.netstack import FaultInjector, NetworkStack, TcpConfig, TcpConnection

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
KERNEL, OURS = "10.9.0.1", "10.9.0.2"
KERNEL_V6, OURS_V6 = "fd09::1", "fd09::2"
FILE = hashlib.shake_128(b"file").digest(1_000_000)


class TunDriver:
    """Moves packets between a stack and the kernel in real time."""

    def __init__(self, loss: float, jitter_s: float) -> None:
        self._tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._tun, TUNSETIFF, struct.pack("16sH22x", b"netstack", IFF_TUN_NO_PI))
        for command in (
            "ip link set lo up",
            f"ip addr add {KERNEL}/24 dev netstack",
            f"ip addr add {KERNEL_V6}/64 dev netstack nodad",
            "ip link set netstack up",
        ):
            subprocess.run(command.split(), check=True)
        config = TcpConfig(minimum_rto_s=0.2, initial_rto_s=0.5, time_wait_s=0.5)
        self.stack = NetworkStack(os.urandom, addresses=[OURS, OURS_V6], config=config)
        self._device = FaultInjector(self.stack, os.urandom, loss=loss, jitter_s=jitter_s)
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._tun, self._read)
        self._scheduled = False
        self.idle = asyncio.Event()
        self.stack.on_output = self._schedule

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _read(self) -> None:
        for _ in range(32):
            try:
                packet = os.read(self._tun, 65536)
            except BlockingIOError:
                break
            self._device.receive_packet(packet, time.monotonic())
        self._flush()

    def _flush(self) -> None:
        self._scheduled = False
        now = time.monotonic()
        self._device.handle_timeout(now)
        for packet in self._device.packets_to_send(now):
            os.write(self._tun, packet)
        if self.stack.connection_count:
            self.idle.clear()
        else:
            self.idle.set()
        due = self._device.next_timeout()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_later(max(0.0, due - now), self._flush)


class Stream:
    """Blocking-looking calls on a connection."""

    def __init__(self, connection: TcpConnection) -> None:
        self.connection = connection
        self._changed = asyncio.Event()
        connection.on_event = self._changed.set

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            taken = self.connection.send(view)
            view = view[taken:]
            if not taken:
                await self._wait()

    async def read_all(self) -> bytes:
        parts = []
        while not self.connection.at_eof:
            part = self.connection.receive()
            parts.append(part)
            if not part:
                await self._wait()
        if self.connection.error is not None:
            raise self.connection.error
        return b"".join(parts)

    async def closed(self) -> str | None:
        while self.connection.state.value != "CLOSED":
            await self._wait()
        return None if self.connection.error is None else self.connection.error.code


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The kernel's side: reads a command line, then does it."""
    command = (await reader.readline()).strip()
    try:
        if command == b"swap":
            writer.write(FILE)
            got = await reader.read(-1)
            writer.write(digest(got).encode())
            writer.write_eof()
        elif command == b"reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER with 0 s: close by RST
            writer.transport.abort()
            return
        elif command == b"slow":
            await asyncio.sleep(1.5)  # our sender meets a zero window
            writer.write(digest(await reader.read(-1)).encode())
        await writer.drain()
    finally:
        writer.close()


async def swap(driver: TunDriver, address: str) -> dict[str, object]:
    """1 MB both ways at once, then half-close."""
    stream = Stream(driver.stack.connect_tcp((address, 7000), time.monotonic()))
    reading = asyncio.create_task(stream.read_all())
    await stream.send(b"swap\n" + FILE)
    stream.connection.close()
    got = await reading
    return {
        "intact": got[: len(FILE)] == FILE and got[len(FILE) :].decode() == digest(FILE),
        "end": await stream.closed(),
    }


async def slow_reader(driver: TunDriver) -> dict[str, object]:
    """The kernel does not read for a while: its window closes and opens again."""
    stream = Stream(driver.stack.connect_tcp((KERNEL, 7001), time.monotonic()))
    body = FILE * 3
    await stream.send(b"slow\n" + body)
    stream.connection.close()
    return {"intact": (await stream.read_all()).decode() == digest(body)}


async def kernel_connects(driver: TunDriver, address: str) -> dict[str, object]:
    """The kernel opens a connection to us; we read slowly, so that our window closes."""
    listener = driver.stack.listen_tcp(port=9000)
    arrived = asyncio.Event()
    listener.on_event = arrived.set
    reader, writer = await asyncio.open_connection(address, 9000)
    await arrived.wait()
    connection = listener.accept()
    assert connection is not None
    writer.write(FILE)
    writer.write_eof()
    await asyncio.sleep(1.0)
    stream = Stream(connection)
    got = await stream.read_all()
    reading = asyncio.create_task(reader.read(-1))
    await stream.send(FILE)
    connection.close()
    back = await reading
    writer.close()
    listener.close()
    return {"intact": got == FILE and back == FILE, "end": await stream.closed()}


async def reset(driver: TunDriver) -> str | None:
    stream = Stream(driver.stack.connect_tcp((KERNEL, 7000), time.monotonic()))
    await stream.send(b"reset\n")
    return await stream.closed()


async def refused(driver: TunDriver) -> str | None:
    return await Stream(driver.stack.connect_tcp((KERNEL, 7999), time.monotonic())).closed()


async def we_refuse(driver: TunDriver) -> str:
    try:
        await asyncio.open_connection(OURS, 9999)
    except ConnectionRefusedError:
        return "refused"
    return "connected"


async def ping(driver: TunDriver, address: str) -> bool:
    socket = driver.stack.open_echo()
    answered = asyncio.Event()
    socket.on_event = answered.set
    for sequence in range(20):
        socket.send(address, sequence, b"ping")
        try:
            async with asyncio.timeout(0.5):
                await answered.wait()
        except TimeoutError:
            continue
        reply = socket.receive()
        socket.close()
        return reply is not None and reply.payload == b"ping"
    return False


async def closed_udp_port(driver: TunDriver) -> str | None:
    socket = driver.stack.open_udp()
    failed = asyncio.Event()
    socket.on_event = failed.set
    for _ in range(20):
        socket.send(b"anybody?", (KERNEL, 7998), time.monotonic())
        try:
            async with asyncio.timeout(0.5):
                await failed.wait()
        except TimeoutError:
            continue
        error = socket.take_error()
        return None if error is None else f"{error.code} {error.fields['reason']}"
    return None


async def main(loss: float, jitter_s: float) -> dict[str, object]:
    driver = TunDriver(loss, jitter_s)
    servers = [
        await asyncio.start_server(serve, KERNEL, 7000),
        await asyncio.start_server(serve, KERNEL_V6, 7000),
        await asyncio.start_server(serve, KERNEL, 7001, limit=4096),
    ]
    results: dict[str, object] = {
        "swap": await swap(driver, KERNEL),
        "swap_v6": await swap(driver, KERNEL_V6),
        "slow_reader": await slow_reader(driver),
        "kernel_connects": await kernel_connects(driver, OURS),
        "kernel_connects_v6": await kernel_connects(driver, OURS_V6),
        "reset": await reset(driver),
        "refused": await refused(driver),
        "we_refuse": await we_refuse(driver),
        "ping": await ping(driver, KERNEL),
        "ping_v6": await ping(driver, KERNEL_V6),
        "closed_udp_port": await closed_udp_port(driver),
    }
    async with asyncio.timeout(60):
        await driver.idle.wait()
    results["connections_left"] = driver.stack.connection_count
    for server in servers:
        server.close()
    return results


if __name__ == "__main__":
    arguments = [float(argument) for argument in sys.argv[1:]] or [0.0, 0.0]
    try:
        print(json.dumps(asyncio.run(main(arguments[0], arguments[1] / 1000))))
    except MixError as error:
        sys.exit(f"{error.code}: {error}")
