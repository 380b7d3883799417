"""A packet's way through a local network as an OpenTelemetry trace: a span for the packet, in it one for each node.

All nodes of a local network are in one process, which can see what leaves one node come to the next. A mixnet is there
to prevent exactly that, and a trace would say for ever who spoke with whom: nothing outside `LocalNetwork` has traces,
and it has them only when it is asked to. Packets are told apart by numbers that mean nothing elsewhere; no key, address
or content is in a trace.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, StatusCode, set_span_in_context

from mix_network.tracing.packet_marks import kind_of, mark_of

BETWEEN_STARTS_S: Final = 0.02
"""Packets that set out closer to the one before are not followed, so that the traces of a busy network can be read."""
MAX_FOLLOWED: Final = 4096
LOST_S: Final = 60.0
"""A packet that has not come to its next node by then is lost."""
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Followed:
    packet: Span
    hop: Span
    seen_at: float


class PacketTraces:
    """Makes traces of packets, and hands them to whatever exports them.

    exporter -- gets the spans, in batches and in a thread of its own
    wall_clock -- seconds since 1970
    """

    def __init__(self, exporter: SpanExporter, wall_clock: Callable[[], float]) -> None:
        self._provider = TracerProvider(resource=Resource({SERVICE_NAME: "mix-network"}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = self._provider.get_tracer(__name__)
        assert isinstance(tracer, Tracer)
        self._tracer = tracer
        self._wall_clock = wall_clock
        self._offset_s: float | None = None
        self._followed: OrderedDict[bytes, _Followed] = OrderedDict()
        self._started_at = float("-inf")

    def started(self, node: str, packet: bytes, now: float, *, is_cover: bool = False) -> None:
        """A packet sets out at a node."""
        if now - self._started_at < BETWEEN_STARTS_S:
            return
        self._started_at = now
        kind = kind_of(packet, is_cover=is_cover)
        at = self._unix_ns(now)
        span = self._tracer.start_span(kind, start_time=at, attributes={"mix.kind": kind, "mix.bytes": len(packet)})
        self._follow(packet, span, self._hop(span, node, at), now)
        self._give_up(now)

    def passed(self, node: str, packet: bytes, following: bytes | None, now: float) -> None:
        """A packet has come to a node, which has made another one of it; None if it ends there."""
        found = self._followed.pop(mark_of(packet), None)
        if found is None:
            return
        at = self._unix_ns(now)
        found.hop.end(at)
        hop = self._hop(found.packet, node, at)
        if following is not None:
            self._follow(following, found.packet, hop, now)
        else:
            hop.end(at)
            found.packet.end(at)

    def close(self) -> None:
        """Export what there is; may take seconds if nobody takes it."""
        for followed in self._followed.values():
            followed.hop.end()
            followed.packet.end()
        self._followed.clear()
        self._provider.shutdown()

    def _hop(self, packet: Span, node: str, at: int) -> Span:
        """From the packet's arrival at a node to its arrival at the next one: the delay there, and the link."""
        return self._tracer.start_span(
            node, context=set_span_in_context(packet), start_time=at, attributes={"mix.node": node}
        )

    def _follow(self, packet: bytes, span: Span, hop: Span, now: float) -> None:
        self._followed[mark_of(packet)] = _Followed(span, hop, now)

    def _give_up(self, now: float) -> None:
        """End traces of packets that were not seen for long, or are too many."""
        while self._followed:
            mark, oldest = next(iter(self._followed.items()))
            if len(self._followed) <= MAX_FOLLOWED and now - oldest.seen_at < LOST_S:
                return
            del self._followed[mark]
            for span in (oldest.hop, oldest.packet):
                span.set_status(StatusCode.ERROR, "it has not come to its next node")
                span.end(self._unix_ns(oldest.seen_at))

    def _unix_ns(self, now: float) -> int:
        if self._offset_s is None:
            self._offset_s = self._wall_clock() - now
        return int((now + self._offset_s) * _NS)
