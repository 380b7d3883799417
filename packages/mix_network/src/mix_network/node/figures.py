"""What a node counts, from wherever it is counted, for those who read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mix_network.gateway.sessions import SessionStatistics
from mix_network.metrics import NodeMetrics


@dataclass(frozen=True)
class NodeFigures:
    """A node's figures.

    gateway -- gives `clients`, `connected` and `inbox_bytes` of a gateway; None where there is none
    exit -- gives what `ExitGateway.snapshot` does
    sessions -- a gateway's
    """

    metrics: NodeMetrics
    gateway: Callable[[], Mapping[str, int]] | None = None
    exit: Callable[[], Mapping[str, Any]] | None = None
    sessions: SessionStatistics | None = None
