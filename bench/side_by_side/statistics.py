"""Figures of several rounds, and of two clients beside each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Summary:
    """What several rounds gave."""

    median: float
    min: float
    max: float
    rounds: int

    @classmethod
    def of(cls, figures: Sequence[float]) -> Summary | None:
        """None where no round gave anything."""
        if not figures:
            return None
        return cls(median(figures), min(figures), max(figures), len(figures))


def ratio(ours: Summary | None, theirs: Summary | None) -> float | None:
    """Ours to theirs, by medians; None where either is missing or there is nothing to divide by."""
    if ours is None or theirs is None or theirs.median == 0:
        return None
    return ours.median / theirs.median


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest of the samples that at least this share of them doesn't exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
