"""How well the times at which packets leave fit a Poisson process, and whether work shows in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mix_tunnel.mixnet.traffic import TrafficConfig
from support.vantage.record import LINK_UP, Record

GRAIN_S = 0.001
"""Timers of browsers and of operating systems' event loops are no finer."""
CHANCE = 0.001
"""How unlikely a distance may be, if there is nothing, until we say that there is something."""


def packets_per_second() -> float:
    """What leaves on average, by the defaults."""
    config = TrafficConfig()
    assert config.main_stream_mean_ms is not None
    assert config.cover_stream_mean_ms is not None
    return 1000.0 / config.main_stream_mean_ms + 1000.0 / config.cover_stream_mean_ms


def distance(gaps: ArrayLike, rate: float, grain_s: float = 0.0) -> float:
    """Kolmogorov and Smirnov's, from the exponential distribution with `rate` a second. What may be so because each gap
    is longer or shorter by up to `grain_s` does not count."""
    ordered = np.sort(np.asarray(gaps, dtype=float))
    count = len(ordered)
    expected_later, expected_sooner = (_exponential(ordered + step, rate) for step in (grain_s, -grain_s))
    at_most, fewer = np.arange(1, count + 1) / count, np.arange(count) / count
    return float(max((at_most - expected_later).max(), (expected_sooner - fewer).max(), 0.0))


def critical_distance(count: int, chance: float = CHANCE) -> float:
    """What `count` gaps of a Poisson process exceed by this chance only."""
    return float(stats.kstwo.ppf(1.0 - chance, count))


def as_table(records: Mapping[str, Record]) -> str:
    """A Markdown table of the times at which packets leave the client: a row an activity."""
    rate, idle = packets_per_second(), records["idle"].gaps(LINK_UP)
    lines = [
        "| | gaps | packets a second | distance | beyond 1 ms | by chance at most | from idling's | by chance |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, record in records.items():
        gaps = record.gaps(LINK_UP)
        figures = [
            f"{len(gaps):,}",
            f"{1 / np.mean(gaps):.1f}",
            f"{distance(gaps, rate):.3f}",
            f"{distance(gaps, rate, GRAIN_S):.3f}",
            f"{critical_distance(len(gaps)):.3f}",
        ]
        both = stats.ks_2samp(gaps, idle) if name != "idle" else None
        figures += [f"{both.statistic:.3f}", f"p = {both.pvalue:.2g}"] if both is not None else ["", ""]
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _exponential(gaps: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    return -np.expm1(-rate * np.maximum(gaps, 0.0))
