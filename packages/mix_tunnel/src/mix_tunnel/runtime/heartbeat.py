"""The beat by which a tunnel notices silence, and that this machine has slept."""

from __future__ import annotations

from collections.abc import Callable

from mix_tunnel.mixnet.link_watch import BEAT_S, LinkWatch, Verdict
from mix_tunnel.runtime.presence import PresentTimer, present_clock

SLEPT_AFTER_S = 5.0
"""A beat that is later than this, by the monotonic clock or by the wall clock (which goes on during sleep, unlike the
other on some systems), means that this machine slept or this process was stopped."""


class Clock:
    """Time by both clocks: what passed is the larger of what they say.

    now -- monotonic seconds
    wall_clock -- seconds since 1970
    """

    def __init__(self, now: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self._now = now
        self._wall_clock = wall_clock

    def read(self) -> tuple[float, float]:
        """This moment, for `since`."""
        return self._now(), self._wall_clock()

    def since(self, moment: tuple[float, float]) -> float:
        """Seconds that have passed since a moment."""
        return max(self._now() - moment[0], self._wall_clock() - moment[1])


class Heartbeat:
    """Lets a `LinkWatch` beat once in each second of presence, for as long as a connection is served.

    round_trip_s -- what a packet and its acknowledgement take at present, as far as it is known
    on_probe -- called when something should be sent, so that an answer may come
    on_silent -- called once, with what is silent; there are no more beats then
    on_slept -- called with the seconds that this machine was away
    """

    def __init__(
        self,
        watch: LinkWatch,
        clock: Clock,
        *,
        round_trip_s: Callable[[], float | None],
        on_probe: Callable[[], None],
        on_silent: Callable[[Verdict], None],
        on_slept: Callable[[float], None],
    ) -> None:
        self._watch = watch
        self._clock = clock
        self._round_trip_s = round_trip_s
        self._on_probe = on_probe
        self._on_silent = on_silent
        self._on_slept = on_slept
        self._last = clock.read()
        self._timer: PresentTimer | None = None
        self._arm()

    def stop(self) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = present_clock().call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        away_s = self._clock.since(self._last) - BEAT_S
        self._last = self._clock.read()
        self._arm()
        if away_s > SLEPT_AFTER_S:
            self._watch.suspect()
            self._on_slept(away_s)
            self._on_probe()
            return
        match self._watch.beat(self._round_trip_s()):
            case Verdict.PROBE:
                self._on_probe()
            case None:
                pass
            case silent:
                self.stop()
                self._on_silent(silent)
