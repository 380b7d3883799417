"""A device that makes the link of another device bad, repeatably."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from mix_protocol.crypto.randomness import RandomBytes, exponential, uniform, uniform_below
from mix_protocol.netstack.device import Device

_MOST_HELD_PACKETS = 65536


@dataclass(slots=True)
class FaultCounts:
    """What a FaultInjector has done so far, both directions together."""

    packets: int = 0
    lost: int = 0
    duplicated: int = 0
    corrupted: int = 0
    hurried: int = 0


class _Line:
    """Packets on their way in one direction, by the time at which they arrive."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, bytes]] = []
        self._counter = 0
        self._latest = float("-inf")

    def put(self, packet: bytes, due: float, in_order: bool) -> None:
        if len(self._heap) >= _MOST_HELD_PACKETS:
            return
        if in_order:
            due = self._latest = max(due, self._latest)
        self._counter += 1
        heapq.heappush(self._heap, (due, self._counter, packet))

    def take(self, now: float) -> list[bytes]:
        packets = []
        while self._heap and self._heap[0][0] <= now:
            packets.append(heapq.heappop(self._heap)[2])
        return packets

    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None


class FaultInjector:
    """Loses, duplicates, corrupts, delays and reorders what passes to and from a device.

    loss, duplicate, corrupt -- the probability of each for a packet, in either direction. A corrupted packet has one
        bit flipped, anywhere
    delay_s -- how long each packet takes
    jitter_s -- and up to this much longer, drawn evenly for each packet: more than their distance reorders them
    reorder -- the probability that a packet takes no time at all, and so overtakes others
    hops, hop_delay_s -- as many mix nodes hold each packet for exponential times with this mean
    in_order -- jitter and mix nodes let no packet overtake another
    """

    def __init__(
        self,
        device: Device,
        random: RandomBytes,
        *,
        loss: float = 0.0,
        duplicate: float = 0.0,
        corrupt: float = 0.0,
        delay_s: float = 0.0,
        jitter_s: float = 0.0,
        reorder: float = 0.0,
        hops: int = 0,
        hop_delay_s: float = 0.0,
        in_order: bool = False,
    ) -> None:
        for name, chance in (("loss", loss), ("duplicate", duplicate), ("corrupt", corrupt), ("reorder", reorder)):
            if not 0.0 <= chance <= 1.0:
                raise ValueError(f"{name} must be from 0 to 1")
        if min(delay_s, jitter_s, hops, hop_delay_s) < 0:
            raise ValueError("delays and hops must not be negative")
        self._device = device
        self._random = random
        self._loss = loss
        self._duplicate = duplicate
        self._corrupt = corrupt
        self._delay_s = delay_s
        self._jitter_s = jitter_s
        self._reorder = reorder
        self._hops = hops
        self._hop_delay_s = hop_delay_s
        self._in_order = in_order
        self._incoming = _Line()
        self._outgoing = _Line()
        self.counts = FaultCounts()

    @property
    def mtu_bytes(self) -> int:
        """The wrapped device's."""
        return self._device.mtu_bytes

    def receive_packet(self, packet: bytes, now: float) -> None:
        """A packet sets out towards the device."""
        self._inject(self._incoming, packet, now)
        self._deliver(now)

    def packets_to_send(self, now: float) -> list[bytes]:
        """The device's packets that have come through by now."""
        for packet in self._device.packets_to_send(now):
            self._inject(self._outgoing, packet, now)
        return self._outgoing.take(now)

    def next_timeout(self) -> float | None:
        """The device's next deadline, or the next arrival."""
        deadlines = (self._device.next_timeout(), self._incoming.next_due(), self._outgoing.next_due())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Let packets arrive and the device's time pass."""
        self._deliver(now)
        self._device.handle_timeout(now)

    def _deliver(self, now: float) -> None:
        for packet in self._incoming.take(now):
            self._device.receive_packet(packet, now)

    def _happens(self, chance: float) -> bool:
        return chance > 0.0 and uniform(self._random) < chance

    def _inject(self, line: _Line, packet: bytes, now: float) -> None:
        counts = self.counts
        counts.packets += 1
        if self._happens(self._loss):
            counts.lost += 1
            return
        copies = 1
        if self._happens(self._duplicate):
            counts.duplicated += 1
            copies = 2
        for _ in range(copies):
            sent = packet
            if self._happens(self._corrupt):
                counts.corrupted += 1
                sent = self._flip_a_bit(packet)
            if self._happens(self._reorder):
                counts.hurried += 1
                line.put(sent, now, False)
                continue
            delay_s = self._delay_s
            if self._jitter_s:
                delay_s += uniform(self._random) * self._jitter_s
            for _ in range(self._hops):
                delay_s += exponential(self._random, self._hop_delay_s)
            line.put(sent, now + delay_s, self._in_order)

    def _flip_a_bit(self, packet: bytes) -> bytes:
        bit = uniform_below(self._random, 8 * len(packet))
        changed = bytearray(packet)
        changed[bit >> 3] ^= 1 << (bit & 7)
        return bytes(changed)
