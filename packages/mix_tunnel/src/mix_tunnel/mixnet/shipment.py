"""The IP packets that one message carries, and what has become of its fragments."""

from __future__ import annotations

from collections.abc import Sequence

from mix_protocol.delivery import Delivery


class Shipment:
    """A message's packets: they have arrived when every fragment has, and are lost with any of them.

    deliveries -- of the packets; None for one that nobody above would repeat
    fragments -- of how many the message consists
    """

    __slots__ = ("_is_wanted_anyway", "_known", "_left")

    def __init__(self, deliveries: Sequence[Delivery | None], fragments: int) -> None:
        self._known = tuple(delivery for delivery in deliveries if delivery is not None)
        self._is_wanted_anyway = len(self._known) < len(deliveries)
        self._left = fragments
        for delivery in self._known:
            delivery.take()

    @property
    def is_wanted(self) -> bool:
        """Whether anybody still waits for one of the packets."""
        return self._is_wanted_anyway or any(delivery.is_wanted for delivery in self._known)

    def fragment_arrived(self) -> tuple[Delivery, ...]:
        """One of the fragments was acknowledged; gives what has arrived by that, and is to be told so."""
        self._left -= 1
        return self._known if not self._left else ()

    def fragment_given_up(self) -> None:
        """One of the fragments will not be sent any more."""
        for delivery in self._known:
            delivery.given_up()
