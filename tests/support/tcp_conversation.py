"""A stack that talks to a peer made of single segments, so that a test reads like the figures of RFC 9293.

    talk = TcpConversation()
    connection = talk.connect()
    talk.expect(SYN)
    talk.hear(SYN | ACK, sequence=0, ack=1)

Sequence numbers are relative: ours to our initial one, the peer's to its own. Time is explicit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.delivery import Delivery
from mix_protocol.netstack import NetworkStack, TcpConfig, TcpConnection, TcpListener
from mix_protocol.netstack.wire.ip import TCP, IpPacket, decode_ip
from mix_protocol.netstack.wire.tcp import ACK, FIN, PSH, RST, SYN, TcpSegment, decode_tcp

OURS = IPv4Address("10.0.0.1")
PEERS = IPv4Address("10.0.0.2")
NAMES = {FIN: "FIN", SYN: "SYN", RST: "RST", PSH: "PSH", ACK: "ACK"}


def flag_names(flags: int) -> str:
    return "|".join(name for flag, name in NAMES.items() if flags & flag) or "none"


def raise_again(error: Exception) -> None:
    """A stack's `on_crash` for tests, which want to see what it isolates."""
    raise error


@dataclass
class Said:
    """A segment that the stack sent, in relative numbers."""

    flags: int
    sequence: int
    ack: int
    payload: bytes
    window: int
    segment: TcpSegment = field(repr=False)

    @property
    def sacks(self) -> list[tuple[int, int]]:
        return list(self.segment.sack_blocks)

    def __repr__(self) -> str:
        return f"<{flag_names(self.flags)} seq={self.sequence} ack={self.ack} len={len(self.payload)}>"


class TcpConversation:
    """One connection of a real stack; the peer is the test."""

    def __init__(self, config: TcpConfig | None = None, peer_iss: int = 5000, mtu_bytes: int = 1500) -> None:
        self.now = 100.0
        self.peer_iss = peer_iss
        self.our_iss: int | None = None
        self.stack = NetworkStack(
            SeededRandom("conversation"), addresses=[OURS], config=config or TcpConfig(), mtu_bytes=mtu_bytes
        )
        self.stack.on_crash = raise_again
        self.peer_port = 80
        self.our_port = 0
        self.connection: TcpConnection | None = None
        self.deliveries: list[Delivery | None] = []
        self._said: list[Said] = []

    # Opening.

    def connect(self) -> TcpConnection:
        connection = self.stack.connect_tcp((PEERS, self.peer_port), self.now)
        self.our_port = connection.local.port
        self.connection = connection
        return connection

    def listen(self, port: int = 4000, **options: bool) -> TcpListener:
        self.our_port = port
        self.peer_port = 6000
        return self.stack.listen_tcp(port=port, **options)

    def establish(self, window: int = 60000, mss: int | None = 1000, scale: int | None = None) -> TcpConnection:
        """An active open that goes well; afterwards both sides are at 1."""
        connection = self.connect()
        self.expect(SYN, sequence=0)
        self.hear(SYN | ACK, 0, 1, window=window, mss=mss, scale=scale, sack=True)
        self.expect(ACK, sequence=1, ack=1)
        assert connection.state.value == "ESTABLISHED"
        return connection

    # Talking.

    def hear(
        self,
        flags: int,
        sequence: int = 1,
        ack: int | None = None,
        payload: bytes = b"",
        *,
        window: int = 60000,
        mss: int | None = None,
        scale: int | None = None,
        sack: bool = False,
        sacks: tuple[tuple[int, int], ...] = (),
    ) -> None:
        """The peer sends a segment. SACK blocks are in our relative numbers."""
        base = self.our_iss or 0
        segment = TcpSegment(
            self.peer_port,
            self.our_port,
            (self.peer_iss + sequence) % 2**32,
            0 if ack is None else (base + ack) % 2**32,
            flags,
            window,
            payload,
            mss=mss,
            window_scale=scale,
            sack_permitted=sack,
            sack_blocks=tuple(((base + left) % 2**32, (base + right) % 2**32) for left, right in sacks),
        )
        source, destination = PEERS.packed, OURS.packed
        self.stack.receive_packet(
            IpPacket(source, destination, TCP, segment.encode(source, destination)).encode(), self.now
        )

    def say(self) -> list[Said]:
        """What the stack sends now."""
        said, self._said = self._said, []
        for packet, delivery in self.stack.parcels_to_send(self.now):
            self.deliveries.append(delivery)
            ip = decode_ip(packet)
            segment = decode_tcp(ip.payload, ip.source, ip.destination)
            if segment.flags & SYN and self.our_iss is None:
                self.our_iss = segment.sequence
            relative = (segment.sequence - (self.our_iss or 0) + 2**31) % 2**32 - 2**31
            ack = (segment.acknowledgment - self.peer_iss + 2**31) % 2**32 - 2**31 if segment.flags & ACK else 0
            segment.sack_blocks = tuple(
                ((left - self.peer_iss) % 2**32, (right - self.peer_iss) % 2**32) for left, right in segment.sack_blocks
            )
            said.append(Said(segment.flags, relative, ack, bytes(segment.payload), segment.window, segment))
        return said

    def expect(
        self, flags: int, *, sequence: int | None = None, ack: int | None = None, payload: bytes | None = None
    ) -> Said:
        """The stack sends exactly one segment, and this one. PSH is not looked at unless asked for."""
        said = self.say()
        assert len(said) == 1, f"expected one segment, got {said}"
        [one] = said
        seen = one.flags if flags & PSH else one.flags & ~PSH
        assert seen == flags, f"expected {flag_names(flags)}, got {one}"
        assert sequence is None or one.sequence == sequence, f"expected seq={sequence}, got {one}"
        assert ack is None or one.ack == ack, f"expected ack={ack}, got {one}"
        assert payload is None or one.payload == payload
        return one

    def silence(self) -> None:
        """The stack sends nothing."""
        said = self.say()
        assert said == [], f"expected silence, got {said}"

    def wait(self, seconds: float) -> None:
        """Let time pass at once, as if the process had slept."""
        self.now += seconds
        self.stack.handle_timeout(self.now)

    def wait_for_timeout(self) -> float:
        """Go on until the stack says something or has no deadline any more; gives how long that took."""
        started = self.now
        while (due := self.stack.next_timeout()) is not None and not self._said:
            self.now = max(self.now, due)
            self.stack.handle_timeout(self.now)
            self._said = self.say()
        return self.now - started
