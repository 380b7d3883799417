"""What an event loop has to run, in few turns of the loop below it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable

TURN_S = 0.004
"""So long one turn lasts at most while more and more gets ready; then it is the browser's, which may have messages."""
_FEW_CANCELLED = 100


class Turns:
    """Calls that are ready, and calls for later.

    now -- monotonic seconds
    post -- lets `run` be called soon, in a turn of its own
    wake_in -- lets `wake` be called after so many seconds, not before, instead of the time that was said before
    """

    def __init__(self, now: Callable[[], float], post: Callable[[], None], wake_in: Callable[[float], None]) -> None:
        self._now = now
        self._post = post
        self._wake_in = wake_in
        self._ready: deque[asyncio.Handle] = deque()
        self._later: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._is_posted = False
        self._is_running = False
        self._wakes_at: float | None = None

    def add(self, handle: asyncio.Handle) -> None:
        """Run a call soon, after those that are ready already."""
        self._ready.append(handle)
        if not self._is_posted and not self._is_running:
            self._is_posted = True
            self._post()

    def add_later(self, handle: asyncio.TimerHandle) -> None:
        """Run a call at its time."""
        heapq.heappush(self._later, (handle.when(), next(self._numbers), handle))
        if not self._is_running:
            self._arm()

    def note_cancelled(self) -> None:
        """Note that a call for later was cancelled."""
        self._cancelled += 1
        if self._cancelled > _FEW_CANCELLED and 2 * self._cancelled > len(self._later):
            self._later = [each for each in self._later if not each[2].cancelled()]
            heapq.heapify(self._later)
            self._cancelled = 0

    def run(self) -> None:
        """Run what is ready, and what gets ready by that, as long as a turn may last."""
        self._is_posted = False
        self._run()
        self._arm()

    def wake(self) -> None:
        """Do the same when the time has come that was asked for."""
        self._wakes_at = None
        self._run()
        # Browsers make timers wait that are set within timers: the next one is set in a turn that is none.
        if self._later and not self._is_posted:
            self._is_posted = True
            self._post()

    def _run(self) -> None:
        self._is_running = True
        now = self._now()
        end = now + TURN_S
        try:
            while now < end:
                self._take_due(now)
                if not self._ready:
                    break
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
                now = self._now()
        finally:
            self._is_running = False
            if self._ready and not self._is_posted:
                self._is_posted = True
                self._post()

    def _take_due(self, now: float) -> None:
        while self._later and (self._later[0][2].cancelled() or self._later[0][0] <= now):
            handle = heapq.heappop(self._later)[2]
            if handle.cancelled():
                self._cancelled = max(0, self._cancelled - 1)
            else:
                self._ready.append(handle)

    def _arm(self) -> None:
        """See to it that `run` is called when the next call is due."""
        if self._later and not self._is_posted:
            at = self._later[0][0]
            if self._wakes_at is None or at < self._wakes_at:
                self._wakes_at = at
                self._wake_in(max(0.0, at - self._now()))
