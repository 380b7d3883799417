"""Both ends of conversations through a `TunForwarder`, each run in a network namespace of its own.

    ip netns exec FAR python -m support.tun_client far        servers, until the process ends
    ip netns exec EXIT python -m support.tun_client exit      a client's stack and the forwarder

The second prints one JSON object: what happened in each scenario.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import socket
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.nat.flow import FlowTable
from mix_network.exit.nat.nat import UserspaceNat
from mix_network.exit.policy import ExitPolicy
from mix_network.exit.tun.forwarder import TunForwarder
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.netstack.tcp.state import TcpState
from mix_protocol.netstack.wire.icmp import IcmpError, decode_icmp
from mix_protocol.netstack.wire.ip import IpPacket, decode_ip, pack_address
from mix_protocol.netstack.wire.udp import UdpDatagram
from support.joined_stack import JoinedStack
from support.waiting import until

EXIT_V4, FAR_V4 = "93.184.215.1", "93.184.215.14"
EXIT_V6, FAR_V6 = "2606:2800:21f::1", "2606:2800:21f::14"
FAR = {4: FAR_V4, 6: FAR_V6}
ALICE_V4, ALICE_V6 = "10.0.3.7", "fc00::307"
ECHO_PORT, FILE_PORT, CLOSED_PORT, REFUSED_PORT = 7000, 8080, 7999, 25
FILE = hashlib.shake_128(b"through the kernel").digest(2_000_000)
BIG_DATAGRAM = FILE[:4000]


class Client(JoinedStack):
    """A client's stack and the exit's forwarder."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.seen: list[IpPacket] = []
        nat = UserspaceNat(
            os.urandom,
            policy=ExitPolicy.open(allow_loopback=True),
            resolver=HostsResolver({"far.test": (ip_address(FAR_V4),)}, "none"),
            clock=self.loop.time,
            on_output=self.wake,
            on_refused=lambda client, destination: self.refused.append(destination),
            flows=FlowTable(),
        )
        self.forwarder = TunForwarder(os.urandom, nat)
        self.join(NetworkStack(os.urandom, addresses=[ALICE_V4, ALICE_V6]), self.forwarder)

    def passes(self, packet: bytes, *, is_answer: bool) -> bool:
        if is_answer:
            self.seen.append(decode_ip(packet))
        return True

    def raw(self, packet: bytes) -> None:
        """Send a packet that our stack would not."""
        self.forwarder.receive_packet(packet, self.loop.time())
        self.wake()


async def send_all(client: Client, connection: TcpConnection, data: bytes) -> None:
    view = memoryview(data)
    while view:
        await until(lambda: connection.send_capacity or connection.error)
        view = view[connection.send(view) :]
        client.wake()


async def read_all(client: Client, connection: TcpConnection) -> bytes:
    got = bytearray()
    while not connection.at_eof:
        changed = asyncio.Event()
        connection.on_event = changed.set
        part = connection.receive()
        got += part
        client.wake()
        if not part and not connection.at_eof:
            await changed.wait()
    if connection.error is not None:
        raise connection.error
    return bytes(got)


async def download(client: Client, version: int) -> dict[str, Any]:
    started = time.perf_counter()
    connection = client.connect(FAR[version], FILE_PORT)
    got = await read_all(client, connection)
    rate = len(got) / (time.perf_counter() - started)
    connection.close()
    return {"intact": got == FILE, "bytes_per_s": round(rate)}


async def upload(client: Client, version: int) -> bool:
    """All of it comes back, both directions at once."""
    connection = client.connect(FAR[version], ECHO_PORT)
    reading = asyncio.create_task(read_all(client, connection))
    await send_all(client, connection, FILE)
    connection.close()
    client.wake()
    return await reading == FILE


async def how_it_ends(client: Client, address: str, port: int) -> str | None:
    connection = client.connect(address, port)
    await until(lambda: connection.state is TcpState.CLOSED)
    return connection.error.code if connection.error is not None else None


async def greeting(client: Client, address: str) -> bool:
    return await read_all(client, client.connect(address, ECHO_PORT)) == b"hello"


async def datagrams(client: Client, version: int, data: bytes) -> bool:
    with contextlib.closing(client.stack.open_udp()) as udp:
        udp.send(data, (FAR[version], ECHO_PORT), client.loop.time())
        client.wake()
        await until(lambda: udp.receivable)
        return udp.receive()[0] == data


async def big_answer(client: Client) -> bool:
    """An answer that comes in fragments."""
    with contextlib.closing(client.stack.open_udp()) as udp:
        udp.send(b"big", (FAR_V4, ECHO_PORT), client.loop.time())
        client.wake()
        await until(lambda: udp.receivable)
        return udp.receive()[0] == BIG_DATAGRAM


async def closed_udp_port(client: Client, version: int) -> str:
    with contextlib.closing(client.stack.open_udp()) as udp:
        udp.send(b"?", (FAR[version], CLOSED_PORT), client.loop.time())
        client.wake()
        errors: list[Any] = []
        await until(lambda: errors.append(udp.take_error()) or errors[-1])
        return f"{errors[-1].code} {errors[-1].fields['reason']}"


async def ping(client: Client, address: str) -> bool:
    with contextlib.closing(client.stack.open_echo()) as echo:
        answers: list[Any] = []
        echo.send(address, 7, b"ping" * 20)
        client.wake()
        await until(lambda: answers.append(echo.receive()) or answers[-1])
        return (answers[-1].sequence, answers[-1].payload) == (7, b"ping" * 20)


async def trace(client: Client, version: int) -> list[str]:
    """What the first hop of a traceroute says: who it is, why, and about which packet."""
    source, destination = pack_address(ALICE_V4 if version == 4 else ALICE_V6), pack_address(FAR[version])
    datagram = UdpDatagram(4444, ECHO_PORT, b"trace").encode(source, destination)
    client.seen.clear()
    client.raw(IpPacket(source, destination, 17, datagram, hop_limit=1).encode())
    await until(lambda: client.seen)
    packet = client.seen[0]
    error = decode_icmp(packet.payload, packet.source, packet.destination)
    assert isinstance(error, IcmpError)
    quoted = error.original[12:20] if version == 4 else error.original[8:40]
    return [str(ip_address(packet.source)), error.reason.value, str(quoted == source + destination)]


async def name(client: Client) -> bool:
    """The exit's own table of names answers, whatever server is asked."""
    import dns.message

    with contextlib.closing(client.stack.open_udp()) as udp:
        query = dns.message.make_query("far.test", "A")
        udp.send(query.to_wire(), ("8.8.8.8", 53), client.loop.time())
        client.wake()
        await until(lambda: udp.receivable)
        return FAR_V4 in dns.message.from_wire(udp.receive()[0]).to_text()


def tracked() -> list[str]:
    """Those of the kernel's connections that clients began."""
    lines = Path("/proc/net/nf_conntrack").read_text().splitlines()
    return [line for line in lines if re.search(r"\ssrc=(198\.18\.|fd)", line)]


async def former_client(client: Client) -> dict[str, Any]:
    """What comes for a client that is gone reaches nobody, and the kernel has forgotten it."""
    udp = client.stack.open_udp(5555)
    udp.send(b"hello", (FAR_V4, ECHO_PORT), client.loop.time())
    client.wake()
    await until(lambda: udp.receivable)
    before = len(tracked())
    client.forwarder.drop_client(pack_address(ALICE_V4))
    await until(lambda: not tracked())
    client.seen.clear()
    # The far end still knows where it came from, and goes on.
    source, destination = pack_address(ALICE_V4), pack_address(FAR_V4)
    datagram = UdpDatagram(5555, ECHO_PORT, b"later").encode(source, destination)
    client.raw(IpPacket(source, destination, 17, datagram).encode())
    client.forwarder.drop_client(pack_address(ALICE_V4))
    answered = await ping(client, FAR_V4)
    return {"before": before > 0, "later": [packet.protocol for packet in client.seen], "ping": answered}


async def device_removed(client: Client) -> list[str | None]:
    """Somebody removes the device under the exit: one new connection, and what is left to the NAT."""
    removal = await asyncio.create_subprocess_exec("ip", "link", "del", client.forwarder.device_name)
    assert await removal.wait() == 0
    return [await how_it_ends(client, FAR_V4, FILE_PORT), str(await greeting(client, "127.0.0.1"))]


async def exit_end() -> None:
    client = Client()
    await asyncio.start_server(_greet, "0.0.0.0", ECHO_PORT)
    results: dict[str, Any] = {"device": client.forwarder.device_name}
    for version in (4, 6):
        results[f"download {version}"] = await download(client, version)
        results[f"upload {version}"] = await upload(client, version)
        results[f"udp {version}"] = await datagrams(client, version, b"datagram " * 100)
        results[f"ping {version}"] = await ping(client, FAR[version])
        results[f"closed udp {version}"] = await closed_udp_port(client, version)
        results[f"closed tcp {version}"] = await how_it_ends(client, FAR[version], CLOSED_PORT)
        results[f"trace {version}"] = await trace(client, version)
    results["big answer"] = await big_answer(client)
    results["name"] = await name(client)
    results["loopback"] = await greeting(client, "127.0.0.1")
    results["refused port"] = await how_it_ends(client, FAR_V4, REFUSED_PORT)
    results["refused address"] = await how_it_ends(client, "192.168.7.7", 80)
    results["the exit itself"] = await how_it_ends(client, EXIT_V4, ECHO_PORT)
    results["refused"] = client.refused
    results["flows"] = client.forwarder.snapshot()["flows"]
    results["former client"] = await former_client(client)
    results["without the device"] = await device_removed(client)
    await client.forwarder.close()
    results["tracked at the end"] = tracked()
    print(json.dumps(results), flush=True)


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server on the exit's own machine, at all of its addresses, of which clients may reach the loopback one."""
    writer.write(b"hello")
    writer.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _give_file(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(FILE)
    writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, sender: Any) -> None:
        self._transport.sendto(BIG_DATAGRAM if data == b"big" else data, sender)


async def far_end() -> None:
    for family, host in ((socket.AF_INET, FAR_V4), (socket.AF_INET6, FAR_V6)):
        await asyncio.start_server(_echo, host, ECHO_PORT, family=family)
        await asyncio.start_server(_give_file, host, FILE_PORT, family=family)
        await asyncio.get_running_loop().create_datagram_endpoint(_Datagrams, (host, ECHO_PORT), family=family)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run({"far": far_end, "exit": exit_end}[sys.argv[1]]())
