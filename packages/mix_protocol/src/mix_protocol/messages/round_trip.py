"""How long a packet and its acknowledgement travel, apart from the time for which we asked mix nodes to hold them.

RFC 6298's estimate, with two differences. What is measured is the network's part alone: each packet's drawn delays are
known and no news. And samples come many to a round trip, so that what makes the estimate shorter counts less the more
packets are under way (RFC 7323 appendix G), or a calm moment would leave no tolerance at all; what makes it longer
counts in full.
"""

from __future__ import annotations

INITIAL_TIMEOUT_S = 3.0
"""Before the first sample. People see two to four seconds a call on the live network, so RFC 6298's one second would
send everything twice; three are what its section 2.1 comes from (RFC 1122)."""
MINIMUM_TIMEOUT_S = 1.0
MAXIMUM_TIMEOUT_S = 60.0

_ALPHA = 1 / 8
_BETA = 1 / 4
_K = 4
_LEAST_TOLERANCE = 1 / 4  # of the smoothed round trip: a steady path is not going to be steady for ever


class RoundTripEstimator:
    """Smoothed round trip, its variation, and the time-out made of them. All in seconds.

    srtt_s -- None before the first sample
    """

    __slots__ = ("_backoff", "_timeout_s", "rttvar_s", "srtt_s")

    def __init__(self) -> None:
        self.srtt_s: float | None = None
        self.rttvar_s = 0.0
        self._timeout_s = INITIAL_TIMEOUT_S
        self._backoff = 1

    @property
    def timeout_s(self) -> float:
        """How long to wait for an acknowledgement beyond the drawn delays, backed off."""
        return min(self._timeout_s * self._backoff, MAXIMUM_TIMEOUT_S)

    def backed_off_s(self, doublings: int) -> float:
        """The time-out after so many doublings of its own."""
        return min(self._timeout_s * (1 << doublings), MAXIMUM_TIMEOUT_S)

    def sample(self, round_trip_s: float, under_way: int) -> None:
        """Take in one measurement, which also ends any backing off.

        under_way -- how many packets wait for an acknowledgement, so about as many samples come in a round trip
        """
        round_trip_s = max(0.0, round_trip_s)  # a node that holds packets for less than it was asked to
        if self.srtt_s is None:
            self.srtt_s = round_trip_s
            self.rttvar_s = round_trip_s / 2
        else:
            share = max(1.0, under_way / 2)
            deviation = abs(self.srtt_s - round_trip_s)
            self.rttvar_s += (deviation - self.rttvar_s) * _BETA / (1.0 if deviation > self.rttvar_s else share)
            self.srtt_s += (round_trip_s - self.srtt_s) * _ALPHA / (1.0 if round_trip_s > self.srtt_s else share)
        tolerance_s = max(_K * self.rttvar_s, _LEAST_TOLERANCE * self.srtt_s)
        self._timeout_s = max(MINIMUM_TIMEOUT_S, self.srtt_s + tolerance_s)
        self._backoff = 1

    def back_off(self) -> None:
        """Double the time-out: nothing came back in time (section 5.5)."""
        if self._timeout_s * self._backoff < MAXIMUM_TIMEOUT_S:
            self._backoff *= 2
