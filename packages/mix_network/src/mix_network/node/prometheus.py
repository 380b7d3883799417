"""A node's counters in the text format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from mix_network.metrics import NodeMetrics

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_PREFIX: Final = "mix_node"
_COUNTERS: Final = {
    "received": "Sphinx packets that came in well-formed frames",
    "forwarded": "packets given to the connection of their next hop",
    "final": "packets that ended at this node",
    "replayed": "packets that had been here before",
    "malformed": "packets that were not authentic or not well-formed",
    "handshakes_failed": "links with other nodes that were to be encrypted and did not get ready",
    "delays_capped": "packets that asked for a longer delay than nodes grant",
    "acks_forwarded": "acknowledgements sent on",
    "pushed": "payloads given to connected clients",
    "stored": "payloads kept for clients that were away",
    "from_clients": "packets that clients handed in",
    "throttled": "times that a client sent faster than it may and had to wait",
    "loops_sent": "loop cover packets sent",
    "loops_returned": "loop cover packets that came back",
}
_GAUGES: Final = {
    "waiting": "packets held for their delays",
    "connections": "open incoming connections, of peers and of clients",
}


class _NodeCollector(Collector):
    """Reads a node's counters at the moment of asking."""

    def __init__(self, metrics: NodeMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for name, what in _COUNTERS.items():
            yield CounterMetricFamily(f"{_PREFIX}_{name}", what, value=getattr(self._metrics, name))
        for name, what in _GAUGES.items():
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", what, value=getattr(self._metrics, name))
        dropped = CounterMetricFamily(f"{_PREFIX}_dropped", "packets dropped, by reason", labels=["reason"])
        for reason, count in sorted(self._metrics.dropped.items()):
            dropped.add_metric([reason], count)
        yield dropped


def render(metrics: NodeMetrics) -> bytes:
    """The text, of this moment."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_NodeCollector(metrics))
    return generate_latest(registry)
