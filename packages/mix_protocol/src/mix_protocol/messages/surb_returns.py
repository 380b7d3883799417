"""Reply SURBs on their way home, each after a random time, whether or not there is something to send on it.

Where every SURB comes home, as many packets come to their maker as it has sent ways back, at times that tell nothing
about what it has asked for. An answer waits for the next SURB that leaves; it never makes one leave.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from mix_protocol.crypto.randomness import RandomBytes, exponential
from mix_protocol.messages.reply_surb import ReplySurb


class SurbReturns:
    """SURBs of any number of senders, by the moments at which they leave.

    mean_delay_s -- mean of the exponentially distributed time for which one is kept, as a mix node keeps a packet
    capacity -- SURBs kept at once; what comes beyond is lost
    """

    def __init__(self, random: RandomBytes, *, mean_delay_s: float, capacity: int) -> None:
        self._random = random
        self._mean_delay_s = mean_delay_s
        self._capacity = capacity
        self._waiting: list[tuple[float, int, bytes, ReplySurb]] = []
        self._serial = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, sender_tag: bytes, surbs: Iterable[ReplySurb], now: float) -> None:
        """Take SURBs that came from a sender; the moment of each is drawn now."""
        for surb in surbs:
            if len(self._waiting) >= self._capacity:
                return
            self._serial += 1
            leaves_at = now + exponential(self._random, self._mean_delay_s)
            heapq.heappush(self._waiting, (leaves_at, self._serial, sender_tag, surb))

    def next_timeout(self) -> float | None:
        """Tell when the next one leaves."""
        return self._waiting[0][0] if self._waiting else None

    def take_due(self, now: float) -> tuple[bytes, ReplySurb] | None:
        """Give the tag of the sender and the SURB of the one that leaves first, if its moment has come."""
        if not self._waiting or self._waiting[0][0] > now:
            return None
        _, _, sender_tag, surb = heapq.heappop(self._waiting)
        return sender_tag, surb
