"""A record cut in windows, and each window as a row of figures for a classifier."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from support.vantage.record import Record, Seen

Rows = NDArray[np.float64]

_PIECES = 10
"""A window is cut in so many pieces; how unevenly packets fall in them tells bursts."""


def kinds_of(records: list[Record], vantage: str) -> list[tuple[str, int, int | None]]:
    """Every (flow, length, version) that a vantage sees in any of the records; frames of similar length are one."""
    kinds = {_kind(seen) for record in records for seen in record.seen[vantage]}
    return sorted(kinds, key=repr)


def rows(record: Record, vantage: str, window_s: float, kinds: list[tuple[str, int, int | None]]) -> Rows:
    """One row for each whole window: for each flow its count, bytes and gaps, for each kind its count."""
    flows = sorted({flow for flow, _, _ in kinds})
    result = []
    for began, ended in record.spans:
        count = int((ended - began) / window_s)
        windows: list[list[Seen]] = [[] for _ in range(count)]
        for each in record.seen[vantage]:
            number = math.floor((each.at - began) / window_s)
            if 0 <= number < count:
                windows[number].append(each)
        for number, window in enumerate(windows):
            row: list[float] = []
            for flow in flows:
                row += _figures([each for each in window if each.flow == flow], began + number * window_s, window_s)
            counts = dict.fromkeys(kinds, 0)
            for each in window:
                counts[_kind(each)] += 1
            result.append([*row, *counts.values()])
    return np.array(result)


def _kind(seen: Seen) -> tuple[str, int, int | None]:
    return seen.flow, seen.length, seen.version


def _figures(window: list[Seen], began: float, window_s: float) -> list[float]:
    """Count, bytes, spread of the lengths; the gaps' mean, spread, least and greatest; unevenness in the window."""
    times = np.array([each.at for each in window])
    lengths = np.array([each.length for each in window], dtype=float)
    gaps = np.diff(times) if len(times) > 1 else np.array([window_s])
    pieces = np.histogram(times, bins=_PIECES, range=(began, began + window_s))[0]
    return [
        len(window),
        lengths.sum(),
        lengths.std() if len(window) else 0.0,
        gaps.mean(),
        gaps.std(),
        gaps.min(),
        gaps.max(),
        pieces.var() / max(pieces.mean(), 0.1),
    ]
