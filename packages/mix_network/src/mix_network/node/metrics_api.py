"""A node's counters over HTTP, for programs on its own machine alone: read often enough they tell when packets pass.

Nym spec: metrics of the node HTTP API; `mix_protocol.node_api.metrics` has the documents. A node of ours has no
WireGuard, does not measure how far other nodes are, and says so. Of clients it tells numbers, and neither hashes of who
they were nor how long each of them stayed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mix_network.metrics import NodeMetrics
from mix_network.node.figures import NodeFigures
from mix_network.node.prometheus import CONTENT_TYPE, render
from mix_protocol.node_api.answers import encode_answer
from mix_protocol.node_api.metrics import (
    EgressMixing,
    IngressMixing,
    MixingStats,
    PacketsStats,
    SessionStats,
    VerlocStats,
    WireguardStats,
)

Endpoint = Callable[[Request], Awaitable[Response]]
UPDATED_S: Final = 30.0


class MixingWindow:
    """The old form of the counters: since the start, and since half a minute ago or longer.

    wall_clock -- seconds since 1970
    """

    def __init__(self, metrics: NodeMetrics, wall_clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._wall_clock = wall_clock
        now = wall_clock()
        self._updates = [(now, (0, 0, 0)), (now, (0, 0, 0))]

    def tell(self) -> MixingStats:
        """What was counted up to the last update, and between that and the one before."""
        now = self._wall_clock()
        if now - self._updates[-1][0] >= UPDATED_S:
            dropped = sum(self._metrics.dropped.values())
            self._updates = [self._updates[-1], (now, (self._metrics.received, self._metrics.forwarded, dropped))]
        (previous_at, earlier), (updated_at, (received, sent, dropped)) = self._updates
        return MixingStats(
            update_time=_rfc3339(updated_at),
            previous_update_time=_rfc3339(previous_at),
            received_since_startup=received,
            sent_since_startup=sent,
            dropped_since_startup=dropped,
            received_since_last_update=received - earlier[0],
            sent_since_last_update=sent - earlier[1],
            dropped_since_last_update=dropped - earlier[2],
        )


def metrics_endpoints(figures: NodeFigures, wall_clock: Callable[[], float]) -> dict[str, Endpoint]:
    """What answers, by path below `/api/v1`."""
    metrics = figures.metrics
    window = MixingWindow(metrics, wall_clock)

    def packets() -> PacketsStats:
        return PacketsStats(
            ingress_mixing=IngressMixing(
                forward_hop_packets_received=metrics.received - metrics.final,
                final_hop_packets_received=metrics.final,
                malformed_packets_received=metrics.malformed,
                replayed_packets_received=metrics.replayed,
                excessive_delay_packets=metrics.delays_capped,
            ),
            egress_mixing=EgressMixing(
                forward_hop_packets_sent=metrics.forwarded,
                forward_hop_packets_dropped=sum(metrics.dropped.values()),
                ack_packets_sent=metrics.acks_forwarded,
            ),
        )

    def sessions() -> SessionStats:
        if figures.sessions is None:
            return SessionStats(update_time=_rfc3339(wall_clock()))
        began_at, counts = figures.sessions.day_before()
        return SessionStats(
            update_time=_rfc3339(began_at),
            unique_active_users=counts.clients,
            sessions_started=counts.started,
            sessions_finished=counts.finished,
        )

    answers: dict[str, Callable[[], object]] = {
        "packets-stats": packets,
        "mixing": window.tell,
        "sessions": sessions,
        "wireguard-stats": WireguardStats,
        "verloc": VerlocStats,
    }

    async def prometheus(_: Request) -> Response:
        return Response(render(figures), media_type=CONTENT_TYPE)

    endpoints: dict[str, Endpoint] = {
        f"/metrics/{name}": _for_this_machine(_answering(make)) for name, make in answers.items()
    }
    return {**endpoints, "/metrics/prometheus": _for_this_machine(prometheus)}


def _answering(make: Callable[[], object]) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        return Response(encode_answer(make()), media_type="application/json")

    return endpoint


def _for_this_machine(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        peer = request.client.host if request.client is not None else ""
        if not _is_loopback(peer) or request.headers.get("Origin") is not None:
            return JSONResponse({"message": "counters are told to programs on the node's own machine alone"}, 403)
        return await endpoint(request)

    return guarded


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _rfc3339(wall_s: float) -> str:
    return datetime.fromtimestamp(int(wall_s), UTC).isoformat().replace("+00:00", "Z")
