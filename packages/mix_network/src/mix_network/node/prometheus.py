"""A node's counters in the text format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from mix_network.node.figures import NodeFigures

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
Part = Literal["node", "gateway", "exit"]


@dataclass(frozen=True, slots=True)
class Told:
    """One metric.

    part -- who has it: every node, gateways or exits; its name begins with `mix_` and this, or for gateways `mix_node`
    key -- where it is among that part's figures
    label -- of a metric that has a value for each of several things
    """

    part: Part
    kind: Literal["counter", "gauge"]
    key: str
    what: str
    label: str | None = None

    @property
    def family(self) -> str:
        """The name without the `_total` that counters' samples end with."""
        return f"mix_{'exit' if self.part == 'exit' else 'node'}_{self.key}"

    @property
    def name(self) -> str:
        """What queries call it."""
        return f"{self.family}_total" if self.kind == "counter" else self.family

    def collect(self, figures: Mapping[str, Any]) -> Metric:
        """Its value at this moment."""
        make = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        if self.label is None:
            return make(self.family, self.what, value=figures[self.key])
        family = make(self.family, self.what, labels=[self.label])
        for thing, value in sorted(figures[self.key].items()):
            family.add_metric([thing], value)
        return family


METRICS: Final = (
    Told("node", "counter", "received", "Sphinx packets that came in well-formed frames"),
    Told("node", "counter", "forwarded", "packets given to the connection of their next hop"),
    Told("node", "counter", "final", "packets that ended at this node"),
    Told("node", "counter", "replayed", "packets that had been here before"),
    Told("node", "counter", "malformed", "packets that were not authentic or not well-formed"),
    Told(
        "node", "counter", "handshakes_failed", "links with other nodes that were to be encrypted and did not get ready"
    ),
    Told("node", "counter", "delays_capped", "packets that asked for a longer delay than nodes grant"),
    Told("node", "counter", "acks_forwarded", "acknowledgements sent on"),
    Told("node", "counter", "pushed", "payloads given to connected clients"),
    Told("node", "counter", "stored", "payloads kept for clients that were away"),
    Told("node", "counter", "from_clients", "packets that clients handed in"),
    Told("node", "counter", "throttled", "times that a client sent faster than it may and had to wait"),
    Told("node", "counter", "loops_sent", "loop cover packets sent"),
    Told("node", "counter", "loops_returned", "loop cover packets that came back"),
    Told("node", "counter", "dropped", "packets and clients dropped, by reason", label="reason"),
    Told("node", "gauge", "waiting", "packets held for their delays"),
    Told("node", "gauge", "connections", "open incoming connections, of peers and of clients"),
    Told("gateway", "gauge", "clients", "clients that are registered"),
    Told("gateway", "gauge", "connected", "clients that are connected, an exit's router among them"),
    Told("gateway", "gauge", "inbox_bytes", "what waits for clients that are away"),
    Told("exit", "gauge", "clients", "clients that have an address"),
    Told("exit", "gauge", "flows", "what is open to servers, by protocol", label="protocol"),
    Told("exit", "counter", "messages", "messages of clients that came whole"),
    Told("exit", "counter", "packets_from_clients", "IP packets taken out of them"),
    Told("exit", "counter", "packets_to_clients", "IP packets for clients"),
    Told("exit", "counter", "refused", "IP packets that the exit policy refused"),
    Told("exit", "counter", "replies_sent", "Sphinx packets sent on clients' reply SURBs"),
    Told("exit", "counter", "replies_dropped", "answers for which there were no reply SURBs in time"),
    Told("exit", "counter", "payloads_dropped", "payloads for the router that were too many or not well-formed"),
)
"""Beside these there are `process_…`: the program's CPU time, memory and open files, as the library has them."""


class _NodeCollector(Collector):
    """Reads a node's counters at the moment of asking."""

    def __init__(self, figures: NodeFigures) -> None:
        self._read: dict[Part, Callable[[], Mapping[str, Any]] | None] = {
            "node": figures.metrics.snapshot,
            "gateway": figures.gateway,
            "exit": figures.exit,
        }

    def collect(self) -> Iterator[Metric]:
        parts = {part: read() for part, read in self._read.items() if read is not None}
        for told in METRICS:
            if told.part in parts:
                yield told.collect(parts[told.part])


def render(figures: NodeFigures) -> bytes:
    """The text, of this moment."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_NodeCollector(figures))
    ProcessCollector(registry=registry)
    return generate_latest(registry)
