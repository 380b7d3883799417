"""Our IP stack, with a peer that has read the standards and does not care.

The peer's packets are described relative to what the stack expects, with checksums that are right, so that most of them
get to the state machines: windows that shrink, options that nobody agreed on, acknowledgements of what was never sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from fuzz.draws import Draws, as_chunk
from fuzz.registry import target
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import MixError
from mix_protocol.netstack import NetworkStack, TcpConnection
from mix_protocol.netstack.wire.icmp import IcmpEcho, IcmpError, UnreachableReason
from mix_protocol.netstack.wire.ip import ICMP, TCP, UDP, IpPacket, decode_ip, pack_address
from mix_protocol.netstack.wire.tcp import ACK, FIN, PSH, RST, SYN, TcpSegment, decode_tcp
from mix_protocol.netstack.wire.udp import UdpDatagram

OURS, PEER = pack_address("10.0.3.7"), pack_address("192.0.2.9")
SEGMENT, DATAGRAM, ERROR, ECHO, FRAGMENT, RAW, SEND, READ, CLOSE, TIME, TALK = range(11)
REASONS = list(UnreachableReason)
MOST_PACKETS = 20_000
MOST_HELD = 8 << 20


class Peer:
    """The other end: knows the numbers that our stack used last."""

    def __init__(self, *, listens: bool) -> None:
        self.now = 1000.0
        self.stack = NetworkStack(SeededRandom("stack"), addresses=["10.0.3.7"])
        self.stack.on_crash = self._crash
        self.last: TcpSegment | None = None
        self.last_packet = b""
        self.sent = 0
        self.connections: list[TcpConnection] = []
        self.listener = self.stack.listen_tcp(port=80) if listens else None
        self.udp = self.stack.open_udp(5353)
        self.echo = self.stack.open_echo(7)
        self.next = 0x1000
        if not listens:
            self.connections.append(self.stack.connect_tcp(("192.0.2.9", 80), self.now))
        self.settle()

    def _crash(self, error: Exception) -> None:
        raise error

    def settle(self) -> None:
        for packet in self.stack.packets_to_send(self.now):
            self.sent += 1
            self.last_packet = packet
            decoded = decode_ip(packet)
            if decoded.protocol == TCP and not decoded.is_fragment:
                self.last = decode_tcp(decoded.payload, decoded.source, decoded.destination)
        assert self.sent < MOST_PACKETS, "the stack answers without end"
        if self.listener is not None and (connection := self.listener.accept()) is not None:
            self.connections.append(connection)

    def receive(self, protocol: int, body: bytes) -> None:
        self.stack.receive_packet(IpPacket(PEER, OURS, protocol, body).encode(), self.now)

    def segment(self, draws: Draws) -> None:
        flags = (SYN | ACK, ACK, ACK | PSH, FIN | ACK, RST, RST | ACK, SYN, 0)[draws.number() % 8] | draws.number() & 1
        offset, acked = draws.number(2), draws.number(2)
        window, options = draws.number(2), draws.number()
        payload = draws.chunk()[:1460]
        theirs = self.last
        ports = (80, theirs.source_port) if theirs is not None and self.listener is None else (6000 + options % 4, 80)
        base = theirs.acknowledgment if theirs is not None and theirs.flags & ACK else self.next
        expected = theirs.sequence + len(theirs.payload) + bool(theirs.flags & (SYN | FIN)) if theirs is not None else 0
        blocks = tuple((expected + 100 * n & 0xFFFFFFFF, expected + 100 * n + offset & 0xFFFFFFFF) for n in range(3))
        segment = TcpSegment(
            *ports,
            sequence=(base + _signed(offset)) & 0xFFFFFFFF,
            acknowledgment=(expected + _signed(acked)) & 0xFFFFFFFF,
            flags=flags,
            window=window,
            payload=payload,
            mss=draws.number(2) if options & 1 else None,
            window_scale=options >> 4 if options & 2 else None,
            sack_permitted=bool(options & 4),
            sack_blocks=blocks[: options >> 6] if options & 8 else (),
        )
        self.receive(TCP, segment.encode(PEER, OURS))


def _signed(number: int) -> int:
    return number - 0x10000 if number & 0x8000 else number


def _conversation(draws: Draws, peer: Peer) -> None:
    while draws:
        kind = draws.number() % 11
        with contextlib.suppress(MixError):
            _step(kind, draws, peer)
        peer.settle()
    held = sum(connection.unacknowledged for connection in peer.connections)
    assert held < MOST_HELD
    for connection in peer.connections:
        connection.abort()
    peer.settle()


def _step(kind: int, draws: Draws, peer: Peer) -> None:
    connection = peer.connections[-1] if peer.connections else None
    if kind == SEGMENT:
        peer.segment(draws)
    elif kind == DATAGRAM:
        peer.receive(UDP, UdpDatagram(53, 5353, draws.chunk()[:60_000]).encode(PEER, OURS))
        peer.udp.receive()
    elif kind == ERROR:
        quoted = peer.last_packet[: 28 + draws.number()] or draws.chunk()[:500]
        error = IcmpError(REASONS[draws.number() % len(REASONS)], quoted, draws.number(2))
        peer.receive(ICMP, error.encode(PEER, OURS))
    elif kind == ECHO:
        echo = IcmpEcho(bool(draws.number() & 1), 7, draws.number(2), draws.chunk()[:60_000])
        peer.receive(ICMP, echo.encode(PEER, OURS))
        peer.echo.receive()
    elif kind == FRAGMENT:
        offset, more = draws.number(2) & 0xFFF8, bool(draws.number() & 1)
        fragment = IpPacket(PEER, OURS, draws.choice((TCP, UDP, ICMP)), draws.chunk()[:1480])
        fragment.identification, fragment.fragment_offset = draws.number(), offset
        fragment.more_fragments, fragment.dont_fragment = more, False
        peer.stack.receive_packet(fragment.encode(), peer.now)
    elif kind == RAW:
        peer.stack.receive_packet(draws.chunk(), peer.now)
    elif kind == SEND and connection is not None:
        connection.send(bytes(draws.number(2)))
    elif kind == READ and connection is not None:
        connection.receive()
    elif kind == CLOSE and connection is not None:
        connection.close()
    elif kind == TALK:
        data = draws.chunk()[:1400]
        peer.echo.send("192.0.2.9", len(data), data)
        peer.udp.send(data, ("192.0.2.9", 53), peer.now)
    elif kind == TIME:
        peer.now += draws.number() ** 2 / 100
        peer.stack.handle_timeout(peer.now)


def segment_bytes(
    flags: int,
    offset: int = 0,
    acked: int = 0,
    *,
    window: int = 60_000,
    options: int = 0,
    mss: int = 0,
    data: bytes = b"",
) -> bytes:
    """What `Peer.segment` reads as this; `flags` is the number of a choice."""
    numbers = b"".join(number.to_bytes(2, "little") for number in (offset & 0xFFFF, acked & 0xFFFF, window))
    tail = mss.to_bytes(2, "little") if options & 1 else b""
    return bytes([SEGMENT, flags, 0]) + numbers + bytes([options]) + as_chunk(data) + tail


def _plain_seeds() -> Iterable[bytes]:
    send, read, close, wait = bytes([SEND, 0, 40]), bytes([READ]), bytes([CLOSE]), bytes([TIME, 30])
    yield bytes([TALK]) + as_chunk(b"hello") + bytes([ERROR, 3, 0, 0])
    open_ = segment_bytes(0, options=0x7F, mss=1380)
    bare = segment_bytes(0)
    data = segment_bytes(2, data=b"data" * 200)
    late = segment_bytes(2, offset=2000, data=b"late" * 50)
    yield open_ + data + read + send + segment_bytes(1) + close + segment_bytes(3)
    yield bare + late + send * 3 + segment_bytes(1, options=0xC8) * 4 + wait * 4
    yield open_ + send * 4 + segment_bytes(1, window=0) + wait * 6 + segment_bytes(1, window=1)
    yield open_ + bytes([ERROR, 60, 5, 0, 3]) + send + bytes([ERROR, 60, 3, 0, 0]) + segment_bytes(4)
    yield (
        bytes([DATAGRAM]) + as_chunk(b"?") + bytes([ECHO, 1, 0, 0]) + as_chunk(b"ping") + bytes([RAW]) + as_chunk(b"E")
    )
    fragment = bytes([FRAGMENT, 0, 0, 1, 1]) + as_chunk(bytes(1480))
    yield fragment + fragment + bytes([FRAGMENT, 200, 5, 0, 1]) + as_chunk(bytes(99))


def _listening_seeds() -> Iterable[bytes]:
    syn = segment_bytes(6, options=0x07, mss=1380)
    yield from (syn + segment_bytes(1) + seed for seed in _plain_seeds())


@target(_plain_seeds)
def stack_that_connects(data: bytes) -> None:
    """A connection that our stack opens, UDP, pings and errors beside it."""
    _conversation(Draws(data), Peer(listens=False))


@target(_listening_seeds)
def stack_that_listens(data: bytes) -> None:
    """Connections that the peer opens, as at an exit."""
    _conversation(Draws(data), Peer(listens=True))
