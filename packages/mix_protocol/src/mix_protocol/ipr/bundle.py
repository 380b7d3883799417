"""Several IP packets in one message: each with its length as u16 in front.

A bundle is at most 1500 bytes long, so that a reply with one fits a regular Sphinx packet. A packet that is larger on
its own still travels, alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from mix_protocol.ipr.lp import LP_HEADER_LENGTH

MAX_BUNDLE_LENGTH = 1500

MAX_BUNDLE_PACKETS = 128
"""More IP packets than this are no honest bundle: in 1500 bytes there is room for 68 headers."""

DATA_OVERHEAD = LP_HEADER_LENGTH + 3 + 3 + 2
"""Bytes around one packet in a message to the router: frame, head of the request, both lengths."""

_LENGTH_PREFIX = 2
_MAX_PACKET_LENGTH = 0xFFFF
_SMALLEST_PACKET = 40  # an IPv4 header and a TCP header: what might still join a bundle


def encode_bundle(packets: Iterable[bytes]) -> bytes:
    """Join packets of at most 65535 bytes each."""
    return b"".join(len(packet).to_bytes(_LENGTH_PREFIX, "big") + packet for packet in packets)


def split_bundle(bundle: bytes) -> list[bytes]:
    """Give the packets of a bundle. A cut-off tail and empty packets are left out, as published routers do.

    What follows `MAX_BUNDLE_PACKETS` packets or empty ones is left out, too: one message must not make work for long.
    """
    packets = []
    at, end = 0, len(bundle)
    for _ in range(MAX_BUNDLE_PACKETS):
        if at + _LENGTH_PREFIX > end:
            break
        start = at + _LENGTH_PREFIX
        at = start + int.from_bytes(bundle[at:start], "big")
        if at > end:
            break
        if at > start:
            packets.append(bundle[start:at])
    return packets


class Bundler:
    """Collects packets until a bundle is full.

    max_packets -- how many packets one bundle takes; None for as many as fit
    """

    __slots__ = ("_length", "_max_packets", "_packets")

    def __init__(self, max_packets: int | None = None) -> None:
        self._max_packets = max_packets
        self._packets: list[bytes] = []
        self._length = 0

    def __len__(self) -> int:
        """How many packets wait."""
        return len(self._packets)

    def add(self, packet: bytes) -> list[list[bytes]]:
        """Take a packet; give the groups of packets that are complete because of it, in order."""
        if not 0 < len(packet) <= _MAX_PACKET_LENGTH:
            raise ValueError("an IP packet has 1 to 65535 bytes")
        complete = []
        size = _LENGTH_PREFIX + len(packet)
        if self._packets and self._length + size > MAX_BUNDLE_LENGTH:
            complete.append(self.flush())
        self._packets.append(packet)
        self._length += size
        no_room = self._length + _LENGTH_PREFIX + _SMALLEST_PACKET > MAX_BUNDLE_LENGTH
        if no_room or len(self._packets) == self._max_packets:
            complete.append(self.flush())
        return complete

    def flush(self) -> list[bytes]:
        """Give whatever waits, and start anew."""
        packets, self._packets, self._length = self._packets, [], 0
        return packets
