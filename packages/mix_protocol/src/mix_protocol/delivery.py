"""What a stack and a link that repeats what it loses tell each other about one packet.

Two layers that both repeat make a slow link slower: TCP would send again what the link below still has, and the link
what TCP has learned to have arrived. So each looks at the other's half of this note before it repeats.
"""

from __future__ import annotations

from typing import NamedTuple


class Delivery:
    """One packet on its way.

    is_held -- the link has it, and repeats it if need be. False for a link that never says anything
    delivered_at -- when it left the link at the other end, as far as the link knows; None if that is not known
    is_wanted -- the stack still wants it to arrive. The link need not repeat it otherwise
    """

    __slots__ = ("delivered_at", "is_held", "is_wanted")

    def __init__(self) -> None:
        self.is_held = False
        self.delivered_at: float | None = None
        self.is_wanted = True

    @property
    def is_vouched_for(self) -> bool:
        """Whether the link has it, or has delivered it: then its loss is nothing to worry about, or unlikely."""
        return self.is_held or self.delivered_at is not None

    def take(self) -> None:
        """The link has it from now on."""
        self.is_held = True

    def delivered(self, now: float) -> None:
        """The link has brought it to its other end, at this moment by the stack's clock."""
        self.is_held = False
        self.delivered_at = now

    def given_up(self) -> None:
        """The link does nothing more about it."""
        self.is_held = False


class Parcel(NamedTuple):
    """An IP packet that leaves a stack. `delivery` is None for what the stack itself would never repeat."""

    packet: bytes
    delivery: Delivery | None
