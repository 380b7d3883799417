"""What a node does with packets of others, without a socket or a clock: open them, and hold those that go on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.delay_queue import DelayQueue
from mix_network.mixnode.processing import Outcome, PacketProcessor
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crash_log import CrashLog
from mix_protocol.mixwire.frames import NodeFrame
from mix_protocol.sphinx.delays import MAX_HOLD_NS, hold_time_s
from mix_protocol.sphinx.processing import ForwardPacket

DELAY_QUEUE_PACKETS = 20_000
DELAY_QUEUE_BYTES = 64 << 20
"""Bounds of the delay queue: so many regular packets fit, but not as many extended ones, which would be 660 MB."""

_CRASHES = CrashLog(logging.getLogger(__name__))


class HeldPacket(NamedTuple):
    """A packet whose delay this node waits for, or has waited for."""

    next_hop: NodeAddress
    packet: bytes
    key_rotation: KeyRotation


class Mixer:
    """Takes frames, gives out packets when their senders' delays are over. Times are monotonic seconds.

    mixes -- whether packets that don't end here are sent on, as a mix node does
    shares -- how many processes share the work of the node, and so what it may hold
    """

    def __init__(self, processor: PacketProcessor, metrics: NodeMetrics, *, mixes: bool, shares: int = 1) -> None:
        self._processor = processor
        self._metrics = metrics
        self._mixes = mixes
        self._held: DelayQueue[HeldPacket] = DelayQueue(DELAY_QUEUE_PACKETS // shares, DELAY_QUEUE_BYTES // shares)

    def receive(self, frames: Sequence[NodeFrame], now: float) -> list[Outcome]:
        """Take packets that came together at `now`; gives what is under each one's layer.

        Those that go on are held from `now` on. Those that end here are the caller's.
        """
        outcomes = self._process(frames)
        for frame, outcome in zip(frames, outcomes, strict=True):
            if isinstance(outcome, ForwardPacket):
                try:
                    self._hold(outcome, frame.key_rotation, now)
                except Exception as error:
                    _CRASHES.note(error, "the holding of one packet")
        self._metrics.waiting = len(self._held)
        return outcomes

    def release(self, now: float) -> list[HeldPacket]:
        """Give the packets whose delays are over, earliest first."""
        released = self._held.release(now)
        self._metrics.waiting = len(self._held)
        return released

    def next_timeout(self) -> float | None:
        """Tell when the next packet is to be released; None while none is held."""
        return self._held.next_timeout()

    def clear(self) -> None:
        """Drop all that is held."""
        self._held.clear()
        self._metrics.waiting = 0

    def keys_changed(self) -> None:
        """Forget what belongs to keys that are gone."""
        self._processor.forget_old_rotations()

    def _process(self, frames: Sequence[NodeFrame]) -> list[Outcome]:
        try:
            return self._processor.process_frames(frames)
        except Exception as error:
            _CRASHES.note(error, "the handling of one packet")
        if len(frames) == 1:
            return [None]
        # One by one, so that no packet costs others that came with it.
        return [outcome for frame in frames for outcome in self._process([frame])]

    def _hold(self, packet: ForwardPacket, key_rotation: KeyRotation, now: float) -> None:
        if not self._mixes:
            self._metrics.drop("not_a_mix_node")
            return
        if packet.delay_ns > MAX_HOLD_NS:
            self._metrics.delays_capped += 1
        held = HeldPacket(packet.next_hop, packet.packet, key_rotation)
        dropped = self._held.push(held, now + hold_time_s(packet.delay_ns), len(packet.packet))
        if dropped:
            self._metrics.drop("delay_queue_full", dropped)
