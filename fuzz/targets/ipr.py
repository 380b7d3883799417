"""Both sides of the IP packet router, and what stands behind it at an exit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

from support.every_decoder import VALID

from fuzz.draws import Draws, as_chunk
from fuzz.registry import target
from fuzz.targets.loops import run_to_end
from fuzz.vectors import captured
from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.nat.flow import FlowTable
from mix_network.exit.nat.nat import UserspaceNat
from mix_network.exit.policy import ExitPolicy
from mix_network.exit.tun.flows import inward_key, outward_key, quoted_packet
from mix_network.exit.tun.renumbering import Renumbering
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.ipr.bundle import encode_bundle
from mix_protocol.ipr.client import IprClient
from mix_protocol.ipr.ip_packet import echo_request, read_udp, read_unreachable
from mix_protocol.ipr.lp import LpFrame, LpFrameType
from mix_protocol.ipr.requests import (
    ConnectRequest,
    DataRequest,
    DisconnectRequest,
    HealthRequest,
    PingRequest,
    encode_request,
)
from mix_protocol.ipr.router import IprRouter, RouterConfig
from mix_protocol.ipr.router_events import ClientConnected
from mix_protocol.ipr.timestamp import Timestamp
from mix_protocol.netstack.wire.ip import ICMP, IPV4_HEADER_LENGTH, TCP, UDP, IpPacket, decode_ip, pack_address
from mix_protocol.netstack.wire.tcp import SYN, TcpSegment
from mix_protocol.netstack.wire.udp import UdpDatagram

FRAMED, RAW, PACKET, TIME, CONNECT = range(5)
NOW = Timestamp.from_unix(1.8e9)
TAGS = [bytes([number]) * 16 for number in range(4)]
FAR = pack_address("192.0.2.9")


def _to_client() -> Iterable[bytes]:
    responses = [bytes([FRAMED]) + as_chunk(sample) for sample in VALID["response"]]
    yield b"\1" + b"".join(responses) + bytes([PACKET]) + as_chunk(b"data")
    for file in captured("ipr_*.bin"):
        yield b"\0" + bytes([RAW]) + as_chunk(file)
        with contextlib.suppress(PeerMisbehaved):
            yield b"\1" + bytes([FRAMED]) + as_chunk(LpFrame.decode(file).payload) + bytes([TIME, 99]) * 3


@target(_to_client)
def ipr_client(data: bytes) -> None:
    """What an exit says to a client: to its request for addresses, and afterwards."""
    draws, now = Draws(data), 0.0
    version = 9 + draws.number() % 2
    # Requests are known by their number, which the captured answers and these samples have too.
    client = IprClient(lambda count: (1).to_bytes(count, "big"), ipr_version=version, answers_echo=True)
    client.connect(now)
    stream = LpFrame.decode(client.opening()).stream_id
    while draws:
        kind = draws.number() % 5
        if kind in (FRAMED, RAW):
            content = draws.chunk()
            framed = LpFrame(stream, LpFrameType.DATA, 0, content).encode() if kind == FRAMED else content
            with contextlib.suppress(PeerMisbehaved):
                client.receive_message(framed, now)
        elif kind == PACKET and client.is_connected:
            client.send_packet(draws.chunk() or b"x", now)
        elif kind == CONNECT:
            client.connect(now)
        else:
            now += draws.number()
            client.handle_timeout(now)
        client.messages_to_send(now)
        while client.next_event() is not None:
            pass


def _to_router() -> Iterable[bytes]:
    requests = [
        ConnectRequest(9, 1, NOW, 20),
        ConnectRequest(10, 2, NOW, None),
        DataRequest(10, encode_bundle([VALID["ip"][0]])),
        PingRequest(9, 3, NOW),
        HealthRequest(9, 4, NOW),
        DisconnectRequest(9, 5, NOW),
    ]
    framed = [bytes([FRAMED, 1]) + as_chunk(encode_request(request)) for request in requests]
    yield b"".join(framed)
    yield framed[1] + bytes([PACKET, 1]) + as_chunk(VALID["ip"][0]) + bytes([TIME, 255, CONNECT, 1])
    yield from (bytes([RAW, 1]) + as_chunk(file) for file in captured("ipr_*.bin"))


@target(_to_router)
def ipr_router(data: bytes) -> None:
    """What clients say to a router, and packets from the Internet for them."""
    router = IprRouter(SeededRandom("router"), RouterConfig(max_clients=3, max_waiting_replies=64))
    draws, now = Draws(data), 0.0
    addresses: list[bytes] = []
    while draws:
        kind, tag = draws.number() % 5, TAGS[draws.number() % len(TAGS)]
        if kind == FRAMED:
            message = LpFrame(1, LpFrameType.DATA, 0, draws.chunk()).encode()
            router.receive_message(tag, message, now)
        elif kind == RAW:
            router.receive_message(tag, draws.chunk(), now)
        elif kind == PACKET:
            content = draws.chunk()
            if addresses:
                router.receive_ip_packet(IpPacket(FAR, addresses[-1], UDP, content[:1400]).encode(), now)
            router.receive_ip_packet(content, now)
        elif kind == CONNECT:
            router.report_denied(tag, "192.0.2.1:25", now)
        else:
            now += draws.number()
            router.handle_timeout(now)
        router.replies_to_send(now)
        while (event := router.next_event()) is not None:
            if isinstance(event, ClientConnected):
                addresses.append(event.ipv4.packed)
    assert router.client_count <= 3


ALICE, ALICE_V6 = pack_address("10.0.3.7"), pack_address("fc00::307")


def _packets() -> list[bytes]:
    segment = TcpSegment(5000, 80, 1, 0, SYN, 1000, mss=1380).encode(ALICE, FAR)
    query = b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0\4site\4test\0\0\1\0\1"
    question = UdpDatagram(5000, 53, query).encode(ALICE, FAR)
    ping = echo_request(IPv4Address("10.0.3.7"), IPv4Address("192.0.2.9"), 1, 1)
    fragment = IpPacket(ALICE, FAR, UDP, bytes(24), identification=7, more_fragments=True, dont_fragment=False)
    return [
        IpPacket(ALICE, FAR, TCP, segment).encode(),
        IpPacket(ALICE, FAR, UDP, question).encode(),
        IpPacket(ALICE_V6, pack_address("2001:db8::9"), TCP, segment).encode(),
        ping,
        fragment.encode(),
        IpPacket(FAR, ALICE, ICMP, b"\3\4\0\0\0\0\5\0" + ping).encode(),
    ]


def _to_nat() -> Iterable[bytes]:
    yield b"".join(bytes([1]) + as_chunk(packet) for packet in _packets())
    yield from (bytes([0]) + as_chunk(packet) for packet in _packets())


@target(_to_nat)
def exit_nat(data: bytes) -> None:
    """Packets of a client at an exit whose policy lets nothing out, but which answers DNS itself."""

    async def talk() -> None:
        resolver = HostsResolver({"site.test": (ip_address("192.0.2.1"),)}, "none")
        nat = UserspaceNat(
            SeededRandom("nat"),
            policy=ExitPolicy(()),
            resolver=resolver,
            clock=lambda: now,
            on_output=lambda: None,
            flows=FlowTable(max_flows=8),
        )
        draws, now = Draws(data), 0.0
        while draws:
            kind, content = draws.number(), draws.chunk()
            # Most of what goes in shall get beyond the checksums.
            nat.receive_packet(_mended(content) if kind % 2 else content, now)
            nat.packets_to_send(now)
            now += kind / 64
            nat.handle_timeout(now)
        assert len(nat.flows) <= 8
        await nat.close()

    run_to_end(talk())


def _mended(packet: bytes) -> bytes:
    """An IPv4 packet of Alice's with the right checksums, whatever they were."""
    if len(packet) < IPV4_HEADER_LENGTH:
        return packet
    destination, protocol = packet[16:20], packet[9] % 3
    body = packet[IPV4_HEADER_LENGTH:1480]
    if protocol == 0 and len(body) >= 20:
        ports = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        number, ack = int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big")
        segment = TcpSegment(*ports, number, ack, body[13] & 0x3F, int.from_bytes(body[14:16], "big"), body[20:])
        return IpPacket(ALICE, destination, TCP, segment.encode(ALICE, destination)).encode()
    if protocol == 1 and len(body) >= 8:
        port = (53, int.from_bytes(body[2:4], "big"))[body[0] % 2]
        return IpPacket(ALICE, destination, UDP, UdpDatagram(5000, port, body[8:]).encode(ALICE, destination)).encode()
    return IpPacket(ALICE, destination, packet[9], body).encode()


def _single() -> Iterable[bytes]:
    yield from _packets()


@target(_single)
def exit_packets(data: bytes) -> None:
    """One packet, as an exit that leaves forwarding to the kernel looks at it, from either side."""
    with contextlib.suppress(PeerMisbehaved):
        read_udp(data)
        read_unreachable(data)
    packet = decode_ip(data)
    renumbering = Renumbering(IPv4Network("10.0.0.0/16"), IPv6Network("fc00::/112"))
    client = ALICE if len(packet.source) == 4 else ALICE_V6
    outward_key(packet)
    inward_key(packet, client)
    quoted = quoted_packet(packet)
    if packet.header_length in (IPV4_HEADER_LENGTH, 40):
        length = packet.header_length + len(packet.payload)
        assert len(renumbering.to_kernel(data, packet)) == length
        assert len(renumbering.to_client(data, packet, quoted)) == length
