"""The matrix: each vantage, each activity against idling, each length of window."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial

import numpy as np

from support.vantage.activities import ACTIVITIES
from support.vantage.record import VANTAGES, Record, record
from support.vantage.telling import Auc, tell_apart
from support.vantage.windows import kinds_of, rows

WINDOWS_S = (1.0, 10.0)
ANY = "any of them"

Matrix = dict[tuple[str, float, str], Auc]
"""By vantage, length of the windows in seconds, and activity (`ANY` for all of them together)."""


def record_all(seconds: float, *, seed: int = 1, processes: int = 2, is_ours: bool = True) -> dict[str, Record]:
    """Record every activity, each in a tunnel of its own with a seed of its own; `is_ours` as in `record`."""
    with ProcessPoolExecutor(processes) as pool:
        jobs = {
            name: pool.submit(partial(record, name, seconds, 100 * seed + number, is_ours=is_ours))
            for number, name in enumerate(ACTIVITIES)
        }
        return {name: job.result() for name, job in jobs.items()}


def judge(
    records: dict[str, Record],
    *,
    vantages: Sequence[str] = VANTAGES,
    windows_s: Sequence[float] = WINDOWS_S,
    processes: int = 2,
) -> Matrix:
    """Tell each activity from idling at each vantage."""
    busy = [name for name in records if name != "idle"]
    jobs: dict[tuple[str, float, str], Future[Auc]] = {}
    with ProcessPoolExecutor(processes) as pool:
        for vantage in vantages:
            kinds = kinds_of(list(records.values()), vantage)
            for window_s in windows_s:
                cut = {name: rows(each, vantage, window_s, kinds) for name, each in records.items()}
                cut[ANY] = np.concatenate([cut[name] for name in busy])
                for name in (*busy, ANY):
                    jobs[vantage, window_s, name] = pool.submit(tell_apart, cut["idle"], cut[name])
        return {key: job.result() for key, job in jobs.items()}


def as_table(matrix: Matrix, window_s: float) -> str:
    """A Markdown table: a row a vantage, a column an activity."""
    columns = list(dict.fromkeys(name for _, _, name in matrix))
    vantages = dict.fromkeys(vantage for vantage, _, _ in matrix)
    lines = [f"| seen from | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    lines += [f"| {v} | {' | '.join(str(matrix[v, window_s, name]) for name in columns)} |" for v in vantages]
    return "\n".join(lines)
