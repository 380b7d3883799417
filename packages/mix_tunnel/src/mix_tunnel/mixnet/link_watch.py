"""Telling a connection to the entry gateway that is dead from one on which there is nothing to say.

A half-open TCP connection takes packets for minutes and gives nothing back. Everything that leaves, though, brings
something: a gateway answers each packet, and a packet that goes through the mixnet comes back as an acknowledgement or
as our own cover. So what matters is whether anything has come since something was sent.

Silence is counted in beats of `BEAT_S`, not in seconds: a process that was stopped, a throttled tab or a laptop that
slept misses beats, and must not take its own absence for the other side's. Whoever lets it beat does so only when all
that had come has been taken.
"""

from __future__ import annotations

from enum import Enum, auto

BEAT_S = 1.0
PROBE_BEATS = 3
"""Beats of silence after which a loop cover packet asks for an answer, and every second beat from then on."""
GATEWAY_BEATS = 10
"""Beats without any frame of the gateway's, after which the connection counts as dead."""
MIXNET_BEATS = 12
"""Beats without any packet that came back, while the gateway does answer; then it leads nowhere. An exit gets more of
them to answer, for without a way there its silence says nothing."""
MIXNET_ROUND_TRIPS = 4
MOST_MIXNET_BEATS = 60
"""On a slow way it takes so many round trips, as they were measured last, and at most so many beats."""
SUSPECT_BEATS = 5
"""Beats that are left to a connection after this machine has slept."""


class Verdict(Enum):
    """What to do after a beat."""

    PROBE = auto()
    GATEWAY_SILENT = auto()
    MIXNET_SILENT = auto()


class LinkWatch:
    """Counts the silence of one connection."""

    def __init__(self) -> None:
        self._is_waiting = False
        self._unheard = 0
        self._unreturned = 0
        self.has_returned = False

    def sent(self) -> None:
        """Note that packets were handed to the connection."""
        self._is_waiting = True

    def heard(self) -> None:
        """Note that the gateway sent any frame."""
        self._unheard = 0

    def returned(self) -> None:
        """Note that a packet came through the mixnet: the connection works, all the way."""
        self._is_waiting = False
        self._unheard = self._unreturned = 0
        self.has_returned = True

    def suspect(self) -> None:
        """Expect an answer within `SUSPECT_BEATS`; something is to be sent now."""
        self._is_waiting = True
        self._unheard = max(self._unheard, GATEWAY_BEATS - SUSPECT_BEATS)
        self._unreturned = max(self._unreturned, MIXNET_BEATS - SUSPECT_BEATS)

    def beat(self, round_trip_s: float | None = None) -> Verdict | None:
        """Let one beat pass.

        round_trip_s -- what a packet takes to the exit and its acknowledgement back, as far as it is known
        """
        if not self._is_waiting:
            return None
        self._unheard += 1
        self._unreturned += 1
        if self._unheard >= GATEWAY_BEATS:
            return Verdict.GATEWAY_SILENT
        patience = min(MIXNET_ROUND_TRIPS * (round_trip_s or 0.0) / BEAT_S, MOST_MIXNET_BEATS)
        if self._unreturned >= max(MIXNET_BEATS, patience):
            return Verdict.MIXNET_SILENT
        silence = max(self._unheard, self._unreturned)
        return Verdict.PROBE if silence >= PROBE_BEATS and silence % 2 == PROBE_BEATS % 2 else None
