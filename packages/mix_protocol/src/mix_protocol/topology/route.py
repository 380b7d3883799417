"""One hop of a route."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mix_protocol.addressing import NodeAddress

PADDED_ADDRESS_LENGTH: Final = 32
"""What an address takes in a routing block, however short it is."""


@dataclass(frozen=True, slots=True)
class RouteHop:
    """A node as Sphinx sees it: where its packets go and which X25519 key (32 bytes) opens them.

    padded_address -- the address as it stands in routing blocks, 32 bytes; kept, since each route needs it
    """

    address: NodeAddress
    sphinx_key: bytes = field(repr=False)
    padded_address: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "padded_address", self.address.encode_padded(PADDED_ADDRESS_LENGTH))
