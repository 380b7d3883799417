"""The clock by which silence is judged: it stands still while this process does, or has not taken what has come."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mix_protocol.presence import TICK_S, Presence

_PASSES = 4
"""Turns of the event loop in which whatever had come would have been taken: the socket is read in the first, and tasks
that wait for each other follow."""
_LOOK_AGAIN_S = 0.05

_clocks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, PresentClock] = weakref.WeakKeyDictionary()


def present_clock() -> PresentClock:
    """The clock of the running event loop."""
    loop = asyncio.get_running_loop()
    clock = _clocks.get(loop)
    if clock is None:
        clock = _clocks[loop] = PresentClock(loop)
    return clock


def judged_by(now: Callable[[], float]) -> Callable[[], float]:
    """Another monotonic clock, such as the platform's, without the time in which this process was away."""
    return lambda: now() - present_clock().absent_s


class PresentTimer:
    """Calls back once, when so many seconds of presence have passed; or never, after `cancel`."""

    def __init__(self, clock: PresentClock, delay_s: float, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._callback = callback
        self._due = clock.time() + delay_s
        self._handle: asyncio.Handle | None = None
        self._wait()

    def cancel(self) -> None:
        """Do not call back."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._clock.release()

    def _wait(self) -> None:
        if self._handle is None:
            self._clock.hold()
        left_s = self._due - self._clock.time()
        self._handle = self._clock.loop.call_later(max(left_s, 0.0), self._come)

    def _come(self) -> None:
        if self._clock.time() < self._due:
            # A little later than the moment at which it would be due if all time counted.
            self._handle = self._clock.loop.call_later(max(self._due - self._clock.time(), _LOOK_AGAIN_S), self._come)
        else:
            self._look(_PASSES, self._clock.taken())

    def _look(self, passes: int, taken: int) -> None:
        """Judge only when nothing has been waiting to be taken."""
        if passes:
            self._handle = self._clock.loop.call_soon(self._look, passes - 1, taken)
        elif taken != self._clock.taken():
            self._handle = self._clock.loop.call_later(_LOOK_AGAIN_S, self._come)
        else:
            self._handle = None
            self._clock.release()
            self._callback()


class PresentClock:
    """Seconds in which this process ran and had taken what others sent (`mix_protocol.presence`).

    It ticks for as long as somebody holds it. `loop` is the event loop that it belongs to.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._presence = Presence(loop.time())
        self._holders = 0
        self._handle: asyncio.Handle | None = None
        self._readers: set[Callable[[], int]] = set()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        loop = self._loop()
        assert loop is not None
        return loop

    def time(self) -> float:
        """Seconds of presence."""
        return self.loop.time() - self.absent_s

    @property
    def absent_s(self) -> float:
        """Seconds that have not counted so far."""
        now = self.loop.time()
        if self._handle is None:
            self._presence.skip(now)
        return self._presence.absent_s(now)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> PresentTimer:
        """Call back when so many seconds have passed and nothing that has come waits to be taken."""
        return PresentTimer(self, delay_s, callback)

    @asynccontextmanager
    async def timeout(self, limit_s: float) -> AsyncIterator[None]:
        """Like `asyncio.timeout`, but absence does not count. Raises TimeoutError."""
        async with asyncio.timeout(None) as scope:
            timer = self.call_later(limit_s, lambda: scope.reschedule(self.loop.time()))
            try:
                yield
            finally:
                timer.cancel()

    def hold(self) -> None:
        """Let it tick until `release`."""
        if not self._holders:
            self._presence.skip(self.loop.time())
            self._arm()
        self._holders += 1

    def release(self) -> None:
        """One `hold` is over."""
        self._holders -= 1
        if not self._holders and self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def add_reader(self, taken: Callable[[], int]) -> None:
        """Somebody takes what others send; `taken` counts how much so far."""
        self._readers.add(taken)

    def remove_reader(self, taken: Callable[[], int]) -> None:
        """They don't any more."""
        self._readers.discard(taken)

    def taken(self) -> int:
        """How much has been taken by all readers that there are."""
        return sum(taken() for taken in self._readers)

    def _arm(self) -> None:
        self._handle = self.loop.call_later(TICK_S, self._look, _PASSES, None)

    def _look(self, passes: int, taken: int | None) -> None:
        if taken is None:
            taken = self.taken()
        if passes:
            self._handle = self.loop.call_soon(self._look, passes - 1, taken)
        elif taken != self.taken():
            self._handle = self.loop.call_later(_LOOK_AGAIN_S, self._look, _PASSES, None)
        else:
            self._presence.tick(self.loop.time())
            self._arm()
