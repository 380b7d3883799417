"""Puts IP fragments together again (RFC 791 section 3.2, RFC 8200 section 4.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.netstack.wire.ip import IPV4_HEADER_LENGTH, IpPacket

LIFETIME_S = 30.0
MOST_BYTES = 256 * 1024
_MOST_PACKET_BYTES = 65535
"""In its one length field IPv6 counts what follows the header, IPv4 the whole packet."""
# What a fragment costs beyond its bytes: many tiny ones must not be cheaper than few large ones.
_PER_FRAGMENT_OVERHEAD = 128

_Key = tuple[bytes, bytes, int, int]


@dataclass(slots=True)
class _Unfinished:
    """A packet of which something is missing."""

    first_seen: float
    parts: dict[int, bytes] = field(default_factory=dict)
    received: int = 0
    length: int | None = None
    cost: int = 0


class Reassembler:
    """Collects fragments by source, destination, protocol and identification.

    Memory is bounded: beyond it the oldest unfinished packet makes room, like one of which a fragment was lost.
    Fragments that overlap are nobody's honest work, so their packet is dropped (RFC 5722).
    """

    def __init__(self) -> None:
        self._unfinished: dict[_Key, _Unfinished] = {}
        self._cost = 0

    def receive(self, fragment: IpPacket, now: float) -> IpPacket | None:
        """Take in a fragment; gives the whole packet when this was its last missing part."""
        key = (fragment.source, fragment.destination, fragment.protocol, fragment.identification)
        payload = bytes(fragment.payload)
        start, end = fragment.fragment_offset, fragment.fragment_offset + len(payload)
        most = _MOST_PACKET_BYTES - (0 if len(fragment.source) == 16 else IPV4_HEADER_LENGTH)
        if not payload or end > most or (fragment.more_fragments and len(payload) % 8):
            return None
        self._expire(now)
        unfinished = self._unfinished.setdefault(key, _Unfinished(now))
        if unfinished.parts.get(start) == payload:
            return None
        if not self._fits(unfinished, start, end, fragment.more_fragments):
            self._drop(key)
            return None
        unfinished.parts[start] = payload
        unfinished.received += len(payload)
        unfinished.cost += len(payload) + _PER_FRAGMENT_OVERHEAD
        self._cost += len(payload) + _PER_FRAGMENT_OVERHEAD
        if not fragment.more_fragments:
            unfinished.length = end
        if unfinished.received == unfinished.length:
            self._drop(key)
            whole = b"".join(unfinished.parts[at] for at in sorted(unfinished.parts))
            return IpPacket(fragment.source, fragment.destination, fragment.protocol, whole, fragment.hop_limit)
        while self._cost > MOST_BYTES:
            self._drop(next(iter(self._unfinished)))
        return None

    @staticmethod
    def _fits(unfinished: _Unfinished, start: int, end: int, more: bool) -> bool:
        if unfinished.length is not None and (end > unfinished.length or not more):
            return False
        for other, part in unfinished.parts.items():
            if start < other + len(part) and other < end:
                return False
            if not more and other >= end:
                return False
        return True

    def _expire(self, now: float) -> None:
        while self._unfinished:
            oldest = next(iter(self._unfinished))
            if now - self._unfinished[oldest].first_seen < LIFETIME_S:
                return
            self._drop(oldest)

    def _drop(self, key: _Key) -> None:
        self._cost -= self._unfinished.pop(key).cost
