"""Two devices back to back, on a clock that jumps from one deadline to the next."""

from __future__ import annotations

from collections.abc import Callable

from mix_protocol.netstack.device import Device


class Link:
    """Carries packets between two devices at once, and time no faster than they ask for.

    For simulations and tests: a transfer that takes minutes of its own time takes as long as it takes to compute, and
    comes out the same each time. Put a FaultInjector around either device for a worse link.

    now -- the link's time, in seconds; starts at 0
    """

    def __init__(self, left: Device, right: Device) -> None:
        self._left = left
        self._right = right
        self.now = 0.0

    def exchange(self) -> None:
        """Carry packets until neither device has any, without letting time pass."""
        while True:
            rightwards = self._left.packets_to_send(self.now)
            for packet in rightwards:
                self._right.receive_packet(packet, self.now)
            leftwards = self._right.packets_to_send(self.now)
            for packet in leftwards:
                self._left.receive_packet(packet, self.now)
            if not rightwards and not leftwards:
                return

    def step(self) -> bool:
        """Go on to the next deadline; gives False when there is none."""
        deadlines = [due for due in (self._left.next_timeout(), self._right.next_timeout()) if due is not None]
        if not deadlines:
            return False
        self.now = max(self.now, min(deadlines))
        self._left.handle_timeout(self.now)
        self._right.handle_timeout(self.now)
        self.exchange()
        return True

    def run(self, until: Callable[[], bool], patience_s: float) -> bool:
        """Go on until a condition holds; gives False if it does not within `patience_s` of the link's time."""
        end = self.now + patience_s
        self.exchange()
        while not until():
            if self.now > end or not self.step():
                return False
        return True

    def run_for(self, duration_s: float) -> None:
        """Let this much time pass."""
        end = self.now + duration_s
        self.exchange()
        while True:
            deadlines = [due for due in (self._left.next_timeout(), self._right.next_timeout()) if due is not None]
            if not deadlines or min(deadlines) > end:
                break
            self.step()
        self.now = end
        self._left.handle_timeout(end)
        self._right.handle_timeout(end)
        self.exchange()
