"""Telling an exit that has nothing to say from one that has forgotten us.

A router drops a client that sends no data for 60 seconds, and says nothing when it does. So a client that wants to stay
must send data now and then, and one that gets no answers must find out why. Both are served by a packet of `ipr.probe`,
which every exit that knows us answers somehow. Silence means that it does not know our source address any more.

An exit that stands still for a while (it collects garbage, its machine is busy) answers nothing either, and comes back
with all that it knew. Its gateway, which is the same process, gives no acknowledgements then. So where those are told
(`delivered`), probes count only if they have arrived there, and an exit that takes nothing at all has longer.

An exit that has never answered a probe may be of a kind that does not, so that its silence alone says nothing: it is
taken for lost only when it does not answer our user's own packets either.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LivenessPolicy:
    """When to probe; all in seconds, None switches a part off.

    keepalive_s -- idle time (nothing sent) after which a probe keeps our addresses; well under the router's 60 s
    silence_s -- time without any answer to what we sent, after which a probe asks whether the exit knows us
    probe_interval_s -- time from one probe to the next while none is answered
    max_probes -- unanswered probes after which the exit counts as lost, if it is one that answers them
    needs_delivery -- whether a probe counts only if the exit's gateway acknowledged something after it (`delivered`)
    gone_s -- with `needs_delivery`: an exit whose gateway has acknowledged nothing for so long while it is being
        probed is gone, if other things do come back through the mixnet (`path_returned`). Longer than anybody stands
        still who comes back
    """

    keepalive_s: float | None = 25.0
    silence_s: float | None = 6.0
    probe_interval_s: float = 5.0
    max_probes: int = 3
    needs_delivery: bool = False
    gone_s: float = 40.0


class Liveness:
    """Keeps the times; says when a probe is due and when the exit is lost."""

    def __init__(self, policy: LivenessPolicy, now: float) -> None:
        self._policy = policy
        self._last_sent = now
        self._unanswered_since: float | None = None
        self._probes = 0  # of which each is known to have been left unanswered, but for the last
        self._has_delivery = False
        self._undelivered_since: float | None = None
        self._returned_at: float | None = None
        self._next_probe: float | None = None
        self._answers_probes = False

    def sent(self, now: float) -> None:
        """Note that data of our user's was sent."""
        self._last_sent = now
        if self._unanswered_since is None:
            self._unanswered_since = now

    def received(self, *, answers_probe: bool = False) -> None:
        """Note that the exit sent anything that belongs to this connection."""
        self._answers_probes = self._answers_probes or answers_probe
        self._unanswered_since = None
        self._probes = 0
        self._undelivered_since = None
        self._next_probe = None

    def probed(self, now: float) -> None:
        """Note that a probe was sent."""
        self._last_sent = now
        if self._answers_probes and self._unanswered_since is None:
            self._unanswered_since = now
        if self._policy.silence_s is not None and self._unanswered_since is not None:
            if self._probes == 0 or self._has_delivery:
                self._probes += 1
            self._has_delivery = not self._policy.needs_delivery
            if self._undelivered_since is None:
                self._undelivered_since = now
            self._next_probe = now + self._policy.probe_interval_s

    def delivered(self, now: float) -> None:
        """Note that the exit's gateway has acknowledged something."""
        self._has_delivery = True
        if self._undelivered_since is not None:
            self._undelivered_since = now

    def path_returned(self, now: float) -> None:
        """Note that something, from whomever, came back through the mixnet."""
        self._returned_at = now

    def note_absence(self, away_s: float) -> None:
        """Note that the clock behind `now` has stood still for so long; that of the exit, which counts too, has not."""
        self._last_sent -= away_s

    def suspect(self, now: float) -> None:
        """Find out now whether the exit still knows us: a probe is due."""
        policy = self._policy
        if self._answers_probes and policy.silence_s is not None:
            self._unanswered_since = now
            self._probes = 0
            self._undelivered_since = None
            self._next_probe = now
        elif policy.keepalive_s is not None:
            self._last_sent = now - policy.keepalive_s

    def deadline(self) -> float | None:
        """When `wants_probe` or `is_lost` may next change."""
        if self._next_probe is not None:
            return self._next_probe
        policy = self._policy
        times = []
        if policy.keepalive_s is not None:
            times.append(self._last_sent + policy.keepalive_s)
        if policy.silence_s is not None and self._unanswered_since is not None:
            times.append(self._unanswered_since + policy.silence_s)
        return min(times, default=None)

    def is_lost(self, now: float) -> bool:
        """Whether the last allowed probe, too, has gone unanswered, or none has arrived for long enough."""
        if self._next_probe is None or now < self._next_probe:
            return False
        return self._is_gone(now) or (self._has_delivery and self._probes >= self._policy.max_probes)

    def wants_probe(self, now: float) -> bool:
        """Whether a probe is due."""
        deadline = self.deadline()
        return deadline is not None and now >= deadline

    def _is_gone(self, now: float) -> bool:
        since, returned_at, gone_s = self._undelivered_since, self._returned_at, self._policy.gone_s
        if not self._policy.needs_delivery or since is None or now - since < gone_s:
            return False
        return returned_at is not None and now - returned_at < gone_s / 2
