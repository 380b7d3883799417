"""Where traces go: to a collector that speaks OTLP over HTTP, if the packages for that are installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mix_network.errors import TracingUnavailable
from mix_network.mixnode.mixing import PacketTracer

if TYPE_CHECKING:
    from mix_network.tracing.packet_traces import PacketTraces

_EXPORT_S: Final = 2.0


def traces_to(url: str, wall_clock: Callable[[], float]) -> PacketTraces:
    """Traces for a collector's address, such as http://127.0.0.1:4318/v1/traces. Raises `TracingUnavailable`."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        from mix_network.tracing.packet_traces import PacketTraces
    except ImportError as error:
        raise TracingUnavailable(missing=error.name or "opentelemetry") from None
    return PacketTraces(OTLPSpanExporter(endpoint=url, timeout=_EXPORT_S), wall_clock)


class BothTracers:
    """Tells two tracers the same."""

    def __init__(self, one: PacketTracer, other: PacketTracer) -> None:
        self._tracers = (one, other)

    def started(self, node: str, packet: bytes, now: float, *, is_cover: bool = False) -> None:
        """As `PacketTracer.started`."""
        for tracer in self._tracers:
            tracer.started(node, packet, now, is_cover=is_cover)

    def passed(self, node: str, packet: bytes, following: bytes | None, now: float) -> None:
        """As `PacketTracer.passed`."""
        for tracer in self._tracers:
            tracer.passed(node, packet, following, now)
