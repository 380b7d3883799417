"""The clock by which silence is judged: it stands still while this process does, or has not taken what has come."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from mix_protocol.presence import BEAT_S, Presence

_PASSES = 2
"""Turns of the event loop in which sockets are read: what had come is in this process then."""
_LOOK_AGAIN_S = 0.05
_MOST_LOOKS = 30
"""Beats that may wait at the same time for what had come to be taken; who lags further behind misses some."""

_clocks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, PresentClock] = weakref.WeakKeyDictionary()


def present_clock() -> PresentClock:
    """The clock of the running event loop."""
    loop = asyncio.get_running_loop()
    clock = _clocks.get(loop)
    if clock is None:
        clock = _clocks[loop] = PresentClock(loop)
    return clock


def judged_by(now: Callable[[], float]) -> Callable[[], float]:
    """Another monotonic clock, such as the platform's, without the time in which this process was away.

    It is to be read in one event loop only, and not before that runs.
    """
    clock: PresentClock | None = None

    def present() -> float:
        nonlocal clock
        if clock is None:
            clock = present_clock()
        return now() - clock.absent_s

    return present


class Reader(Protocol):
    """Takes what others send.

    taken -- how much it has taken so far
    come -- how much has come so far, and been taken or not
    """

    @property
    def taken(self) -> int: ...

    @property
    def come(self) -> int: ...


class _Look:
    """Calls back once all has been taken that has come until now."""

    def __init__(self, clock: PresentClock, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._callback = callback
        # A loop of ours in a browser has turns in which nothing can come, and says so.
        self._call = getattr(clock.loop, "call_after_events", clock.loop.call_soon)
        self._handle: asyncio.Handle = self._call(self._pass, _PASSES)
        self._waits_for: list[tuple[Reader, int]] = []

    def cancel(self) -> None:
        """Do not call back."""
        self._handle.cancel()

    def _pass(self, passes: int) -> None:
        if passes:
            self._handle = self._call(self._pass, passes - 1)
            return
        self._waits_for = [(reader, reader.come) for reader in self._clock.readers]
        self._wait()

    def _wait(self) -> None:
        if any(reader.taken < come and reader in self._clock.readers for reader, come in self._waits_for):
            self._handle = self._clock.loop.call_later(_LOOK_AGAIN_S, self._wait)
        else:
            self._callback()


class PresentTimer:
    """Calls back once, when so many seconds of presence have passed; or never, after `cancel`."""

    def __init__(self, clock: PresentClock, delay_s: float, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._callback = callback
        self._due = clock.time() + delay_s
        self._waiting: asyncio.Handle | _Look | None = clock.loop.call_later(delay_s, self._come)
        clock.hold()

    def cancel(self) -> None:
        """Do not call back."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._clock.release()

    def _come(self) -> None:
        left_s = self._due - self._clock.time()
        if left_s > 0:
            self._waiting = self._clock.loop.call_later(max(left_s, _LOOK_AGAIN_S), self._come)
        else:
            self._waiting = _Look(self._clock, self._end)

    def _end(self) -> None:
        self._waiting = None
        self._clock.release()
        self._callback()


class PresentClock:
    """Seconds in which this process ran and had taken what others sent (`mix_protocol.presence`).

    It beats for as long as somebody holds it. `loop` is the event loop that it belongs to; `readers` are those who take
    what others send; each of `on_lag` is called at every beat with the seconds by which it is late.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._presence = Presence(loop.time())
        self._holders = 0
        self._beating: asyncio.Handle | None = None
        self._looks: dict[int, _Look] = {}
        self._looked = 0
        self.readers: set[Reader] = set()
        self.on_lag: set[Callable[[float], None]] = set()

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
        if self._beating is None:
            self._presence.skip(now)
        return self._presence.absent_s(now)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> PresentTimer:
        """Call back when so many seconds have passed, and what has come until then has been taken."""
        return PresentTimer(self, max(delay_s, 0.0), callback)

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
        """Let it beat until `release`."""
        if not self._holders:
            self._presence.skip(self.loop.time())
            self._arm()
        self._holders += 1

    def release(self) -> None:
        """One `hold` is over."""
        self._holders -= 1
        if not self._holders and self._beating is not None:
            self._beating.cancel()
            for look in self._looks.values():
                look.cancel()
            self._beating = None
            self._looks.clear()

    def _arm(self) -> None:
        self._beating = self.loop.call_later(BEAT_S, self._beat, self.loop.time() + BEAT_S)

    def _beat(self, due: float) -> None:
        now = self.loop.time()
        for listener in tuple(self.on_lag):
            listener(max(now - due, 0.0))
        granted_s = self._presence.beat(now)
        self._arm()
        if len(self._looks) >= _MOST_LOOKS:
            return
        self._looked += 1
        number = self._looked

        def grant() -> None:
            del self._looks[number]
            self._presence.grant(granted_s, self.loop.time())

        self._looks[number] = _Look(self, grant)
