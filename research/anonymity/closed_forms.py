"""What is known of mixes without a simulation, which is tested against it. Entropies are in bits, times in seconds.

Danezis, "The Traffic Analysis of Continuous-Time Mixes" (2004): where messages come at a rate of λ and each is delayed
by a density f, the entropy of who sent one of them is log λ and the differential entropy of f.
"""

from __future__ import annotations

import math

from scipy import stats  # type: ignore[import-untyped]


def pool_packets(per_second: float, mean_delay_s: float) -> float:
    """How many packets a mix holds on average: an M/M/∞ queue, of Poisson distribution."""
    return per_second * mean_delay_s


def sender_entropy(per_second: float, mean_delay_s: float, mixes: int = 1) -> float:
    """The entropy behind so many exponential mixes in a row through which everything goes, if much does.

    The delays' sum has a gamma (Erlang) distribution; one mix gives log2(e λ/μ).
    """
    nats = float(stats.gamma(mixes, scale=mean_delay_s).entropy())
    return (math.log(per_second) + nats) / math.log(2.0)


def latency_s(mean_delay_s: float, mixes: int, share: float) -> float:
    """What so large a share of packets is delayed by at most."""
    return float(stats.gamma(mixes, scale=mean_delay_s).ppf(share))


def median_packets_until(chance: float) -> float:
    """How many packets until half of all clients have had one of this chance: a geometric distribution's median."""
    return math.log(0.5) / math.log1p(-chance) if 0.0 < chance < 1.0 else (1.0 if chance else math.inf)
