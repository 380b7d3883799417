"""One hop of a route."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.addressing import NodeAddress


@dataclass(frozen=True, slots=True)
class RouteHop:
    """A node as Sphinx sees it: where its packets go and which X25519 key (32 bytes) opens them."""

    address: NodeAddress
    sphinx_key: bytes = field(repr=False)
