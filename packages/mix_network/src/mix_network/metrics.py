"""Counters of one node: what it received, what became of it, and why something was dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["mix-node", "entry-gateway", "exit-gateway"]

_LABELS = frozenset({"name", "role"})
_GAUGES = frozenset({"waiting", "connections"})


@dataclass
class NodeMetrics:
    """The counters of one node. Integers that only grow, but for the gauges `connections` and `waiting`."""

    name: str
    """What a person calls the node, for example `mix-1`."""
    role: str
    """`mix-node`, `entry-gateway` or `exit-gateway`."""
    received: int = 0
    """Sphinx packets that arrived in well-formed frames."""
    forwarded: int = 0
    """Packets given to the connection of their next hop (delayed ones, acks and clients' packets)."""
    final: int = 0
    """Packets that ended at this node, as the last hop of their route."""
    replayed: int = 0
    malformed: int = 0
    """Packets that were not authentic or not well-formed, and byte streams that were no frames."""
    handshakes_failed: int = 0
    """Links with other nodes, from either side, that were to be encrypted and did not get ready."""
    delays_capped: int = 0
    """Packets whose sender asked for more than the longest delay that a node holds a packet."""
    acks_forwarded: int = 0
    pushed: int = 0
    """Payloads given to connected clients."""
    stored: int = 0
    """Payloads kept for clients that were away."""
    from_clients: int = 0
    """Packets that clients handed in to be sent to their first hop."""
    throttled: int = 0
    """Times that a client sent faster than it may, and was left unread for a while."""
    loops_sent: int = 0
    """Loop cover packets of this node's own."""
    loops_returned: int = 0
    """Those that have come back; they are not counted as `final`."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Dropped packets by reason (`replayed`, `unknown_next_hop`, `queue_full` …)."""
    waiting: int = 0
    """Packets held in the delay queue at this moment."""
    connections: int = 0
    """Open incoming connections, of peers and of clients."""

    def drop(self, reason: str, count: int = 1) -> None:
        """Count dropped packets."""
        self.dropped[reason] += count

    def add(self, snapshot: Mapping[str, Any], *, gauges: bool = True) -> None:
        """Add what somebody else has counted for this node; without `gauges` only what grows."""
        for name, value in snapshot.items():
            if name == "dropped":
                self.dropped.update(value)
            elif name not in _LABELS and (gauges or name not in _GAUGES):
                setattr(self, name, getattr(self, name) + value)

    def snapshot(self) -> dict[str, Any]:
        """The counters as JSON-able values."""
        return {
            "name": self.name,
            "role": self.role,
            "received": self.received,
            "forwarded": self.forwarded,
            "final": self.final,
            "replayed": self.replayed,
            "malformed": self.malformed,
            "handshakes_failed": self.handshakes_failed,
            "delays_capped": self.delays_capped,
            "acks_forwarded": self.acks_forwarded,
            "pushed": self.pushed,
            "stored": self.stored,
            "from_clients": self.from_clients,
            "throttled": self.throttled,
            "loops_sent": self.loops_sent,
            "loops_returned": self.loops_returned,
            "dropped": dict(sorted(self.dropped.items())),
            "waiting": self.waiting,
            "connections": self.connections,
        }


def add_up(snapshots: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Counters of the same shape, number by number."""
    total: dict[str, Any] = {}
    for snapshot in snapshots:
        for name, value in snapshot.items():
            if isinstance(value, Mapping):
                total[name] = add_up([total.get(name, {}), value])
            else:
                total[name] = total.get(name, 0) + value
    return total
