"""Which flow a packet belongs to, and how long flows that the kernel forwards are kept.

The kernel tracks connections too, but by addresses alone, and a client's address goes to somebody else once the client
is gone. So what comes back reaches a client only for a flow that this client opened.
"""

from __future__ import annotations

from collections.abc import Callable

from mix_network.exit.nat import icmp, udp
from mix_network.exit.nat.flow import FlowKey
from mix_network.exit.nat.tcp import IDLE_S, TRANSITORY_IDLE_S
from mix_protocol.netstack.wire.ip import ICMP, ICMPV6, TCP, UDP, IpPacket, decode_quoted_ip
from mix_protocol.netstack.wire.tcp import ACK, FIN, RST, SYN

_NAMES = {TCP: "tcp", UDP: "udp"}
_ECHO_REQUESTS = {4: 8, 16: 128}
_ECHO_REPLIES = {4: 0, 16: 129}
_ICMP = {4: ICMP, 16: ICMPV6}
_ERRORS = {4: (3, 11, 12), 16: (1, 2, 3, 4)}
_LEAST_HEADER = 8
_TCP_HEADER = 20
_ENDED_IDLE_S = 10.0
"""After a reset, for what is still on its way."""


def outward_key(packet: IpPacket) -> FlowKey | None:
    """The flow of a client's packet; None for what can't be forwarded: too short, or no echo request."""
    ports = _ports(packet)
    if ports is None:
        return None
    return FlowKey(_name(packet), (packet.source, ports[0]), (packet.destination, ports[1]))


def inward_key(packet: IpPacket, client: bytes) -> FlowKey | None:
    """The flow of a packet from outside, whose destination stands for a client; None for what is no answer."""
    if packet.protocol == _ICMP[len(client)]:
        if len(packet.payload) < _LEAST_HEADER or packet.payload[0] != _ECHO_REPLIES[len(client)]:
            return None
        return FlowKey("icmp", (client, _word(packet, 4)), (packet.source, 0))
    if packet.protocol not in _NAMES or len(packet.payload) < _LEAST_HEADER:
        return None
    return FlowKey(_name(packet), (client, _word(packet, 2)), (packet.source, _word(packet, 0)))


def quoted_packet(packet: IpPacket) -> IpPacket | None:
    """What an ICMP error quotes; None if it is none, or quotes too little."""
    is_error = (
        packet.protocol == _ICMP[len(packet.source)]
        and len(packet.payload) >= _LEAST_HEADER
        and packet.payload[0] in _ERRORS[len(packet.source)]
    )
    return decode_quoted_ip(bytes(packet.payload[_LEAST_HEADER:])) if is_error else None


def tcp_flags(packet: IpPacket) -> int:
    """The flags of a segment; 0 if it is too short for any."""
    return packet.payload[13] if len(packet.payload) >= _TCP_HEADER else 0


class KernelFlow:
    """One flow that the kernel forwards. Is a `Flow`.

    on_abort -- has the kernel forget it, and takes it out of the table
    """

    def __init__(self, key: FlowKey, now: float, on_abort: Callable[[KernelFlow], None]) -> None:
        self.key = key
        self.last_active = now
        self.idle_s = {"tcp": TRANSITORY_IDLE_S, "udp": udp.IDLE_S, "icmp": icmp.IDLE_S}[key.protocol]
        self._on_abort = on_abort
        self._finished: set[bool] = set()

    def see(self, packet: IpPacket, *, outward: bool) -> None:
        """Notice in which state a TCP connection is, by the flags of the segment that passes."""
        if self.key.protocol != "tcp":
            return
        flags = tcp_flags(packet)
        if flags & RST:
            self.idle_s = _ENDED_IDLE_S
        elif flags & FIN:
            self._finished.add(outward)
            if len(self._finished) == 2:
                self.idle_s = TRANSITORY_IDLE_S
        elif flags & (SYN | ACK) == SYN and outward:
            # A new connection may take the place of one that is over (RFC 9293 section 3.6.1).
            self._finished.clear()
            self.idle_s = TRANSITORY_IDLE_S
        elif flags & ACK and not outward and not self._finished and self.idle_s == TRANSITORY_IDLE_S:
            self.idle_s = IDLE_S

    def abort(self) -> None:
        """End it at once and leave the table."""
        self._on_abort(self)


def _ports(packet: IpPacket) -> tuple[int, int] | None:
    if packet.protocol == _ICMP[len(packet.source)]:
        if len(packet.payload) < _LEAST_HEADER or packet.payload[0] != _ECHO_REQUESTS[len(packet.source)]:
            return None
        return _word(packet, 4), 0
    # No more than this of a TCP segment may be quoted.
    if packet.protocol not in _NAMES or len(packet.payload) < _LEAST_HEADER:
        return None
    return _word(packet, 0), _word(packet, 2)


def _name(packet: IpPacket) -> str:
    return _NAMES.get(packet.protocol, "icmp")


def _word(packet: IpPacket, at: int) -> int:
    return packet.payload[at] << 8 | packet.payload[at + 1]
