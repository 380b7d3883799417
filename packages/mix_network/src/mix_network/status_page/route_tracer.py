"""Follows a few packets from node to node, for the picture of a local network. No clock of its own.

All nodes of a local network are in one process, which can see that what leaves one node is what comes to the next. That
is exactly what a mixnet is there to prevent, so it is for a network on one's own machine alone: nothing outside
`LocalNetwork` has a tracer, nothing is noted while nobody looks at the picture, and what was noted is forgotten within
seconds.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import asdict, dataclass
from typing import Any, Final

from mix_network.tracing.packet_marks import kind_of, mark_of

WATCHED_S: Final = 3.0
"""For so long after somebody has looked, packets are followed."""
KEPT_S: Final = 10.0
BETWEEN_STARTS_S: Final = 0.1
"""Packets closer to each other than that could not be told apart in a picture."""
MAX_FOLLOWED: Final = 512
MAX_STEPS: Final = 4096


@dataclass(frozen=True, slots=True)
class Step:
    """A packet has been seen at a node.

    number -- counts steps
    at -- monotonic seconds
    packet -- a number for the packet, the same at all nodes
    kind -- `packet`, `ack` or `cover`, a node's own
    last -- whether the packet ends there
    """

    number: int
    at: float
    packet: int
    node: str
    kind: str
    last: bool


class RouteTracer:
    """Notes steps of packets while somebody looks."""

    def __init__(self) -> None:
        self._watched_until = float("-inf")
        self._followed: OrderedDict[bytes, tuple[int, str]] = OrderedDict()
        self._steps: deque[Step] = deque(maxlen=MAX_STEPS)
        self._packets = 0
        self._numbers = 0
        self._started_at = float("-inf")

    def watch(self, now: float, after: int) -> list[dict[str, Any]]:
        """The steps after the one with this number, as JSON-able values. Steps are noted for a while from now on."""
        if now > self._watched_until:
            # What was left of an earlier watch has gaps.
            self._followed.clear()
            self._steps.clear()
        self._watched_until = now + WATCHED_S
        return [asdict(step) for step in self._steps if step.number > after and now - step.at <= KEPT_S]

    def is_watched(self, now: float) -> bool:
        """Whether somebody looks. When nobody does any more, everything is forgotten."""
        if now <= self._watched_until:
            return True
        if self._followed or self._steps:
            self._followed.clear()
            self._steps.clear()
        return False

    def started(self, node: str, packet: bytes, now: float, *, is_cover: bool = False) -> None:
        """A packet sets out at a gateway, or at a node with cover of its own."""
        if not self.is_watched(now) or now - self._started_at < BETWEEN_STARTS_S:
            return
        self._started_at = now
        self._packets += 1
        kind = kind_of(packet, is_cover=is_cover)
        self._follow(packet, self._packets, kind)
        self._note(self._packets, node, kind, now, last=False)

    def passed(self, node: str, packet: bytes, following: bytes | None, now: float) -> None:
        """A packet has come to a node, which has made another one of it; None if it ends there."""
        found = self._followed.pop(mark_of(packet), None)
        if found is None or not self.is_watched(now):
            return
        number, kind = found
        if following is not None:
            self._follow(following, number, kind)
        self._note(number, node, kind, now, last=following is None)

    def _follow(self, packet: bytes, number: int, kind: str) -> None:
        self._followed[mark_of(packet)] = number, kind
        if len(self._followed) > MAX_FOLLOWED:
            self._followed.popitem(last=False)

    def _note(self, packet: int, node: str, kind: str, now: float, *, last: bool) -> None:
        self._numbers += 1
        self._steps.append(Step(self._numbers, now, packet, node, kind, last))
