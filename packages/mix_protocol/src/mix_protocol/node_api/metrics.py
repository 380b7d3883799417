"""A node's counters as JSON (Nym spec, metrics of the node HTTP API). Times are text of RFC 3339."""

from __future__ import annotations

from dataclasses import dataclass, field

UNAVAILABLE = "unavailable"
MEASURING = "measurementInProgress"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressMixing:
    """Packets that have come from other nodes."""

    forward_hop_packets_received: int = 0
    final_hop_packets_received: int = 0
    malformed_packets_received: int = 0
    replayed_packets_received: int = 0
    test_packets_received: int = 0
    excessive_delay_packets: int = 0
    forward_hop_packets_dropped: int = 0
    final_hop_packets_dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressMixing:
    """Packets that have left."""

    forward_hop_packets_sent: int = 0
    forward_hop_packets_dropped: int = 0
    ack_packets_sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketsStats:
    """`metrics/packets-stats`."""

    ingress_mixing: IngressMixing
    egress_mixing: EgressMixing


@dataclass(frozen=True, slots=True, kw_only=True)
class MixingStats:
    """`metrics/mixing`, the old form of the same."""

    update_time: str
    previous_update_time: str
    received_since_startup: int
    sent_since_startup: int
    dropped_since_startup: int
    received_since_last_update: int
    sent_since_last_update: int
    dropped_since_last_update: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One client's session at a gateway that is over."""

    duration_ms: int
    typ: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStats:
    """`metrics/sessions`: what a gateway's clients did in the day before."""

    update_time: str
    unique_active_users: int = 0
    unique_active_users_hashes: list[str] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    sessions_started: int = 0
    sessions_finished: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WireguardStats:
    """`metrics/wireguard-stats`."""

    bytes_tx: int = 0
    bytes_rx: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerlocMeasurement:
    """Round trips to one node, each a text with its unit such as `12ms`."""

    minimum: str
    mean: str
    maximum: str
    standard_deviation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerlocNodeResult:
    """What came of one node, whose identity is base58."""

    node_identity: str
    latest_measurement: VerlocMeasurement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerlocRun:
    """Measurements of all nodes."""

    nodes_tested: int
    run_started: str
    run_finished: str | None = None
    results: list[VerlocNodeResult] = field(default_factory=list)


VerlocResult = str | dict[str, VerlocRun]
"""`UNAVAILABLE`, `MEASURING`, or a run as the only member, `data`, of an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerlocStats:
    """`metrics/verloc`: the last two measurements of how far other nodes are."""

    previous: VerlocResult = UNAVAILABLE
    current: VerlocResult = UNAVAILABLE
