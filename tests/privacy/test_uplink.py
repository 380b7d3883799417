"""The client's link, upwards: packets leave at the same random times whatever the client does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from support.vantage.activities import ACTIVITIES, BUSY
from support.vantage.matrix import ANY, judge, record_all
from support.vantage.record import LINK_UP, Record

from mix_tunnel.mixnet.traffic import TrafficConfig

SECONDS = 150.0
CHANCE = 0.001
"""How unlikely times may be, if they are what they should be, until we say that they are not."""


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    return record_all(SECONDS)


def test_nobody_can_tell_from_the_uplink_whether_a_client_is_busy(records: dict[str, Record]) -> None:
    matrix = judge(records, vantages=[LINK_UP])
    print(matrix)
    assert matrix[LINK_UP, 1.0, ANY].value <= 0.55
    # Fewer windows: what is told apart must be told apart by more than chance.
    for key, auc in matrix.items():
        assert auc.low <= 0.52, f"{key}: {auc}"


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_packets_leave_as_a_poisson_process_does(records: dict[str, Record], activity: str) -> None:
    config = TrafficConfig()
    assert config.main_stream_mean_ms is not None
    assert config.cover_stream_mean_ms is not None
    per_second = 1000.0 / config.main_stream_mean_ms + 1000.0 / config.cover_stream_mean_ms
    times = np.array([seen.at for seen in records[activity].seen[LINK_UP]])
    assert stats.kstest(np.diff(times), "expon", args=(0.0, 1.0 / per_second)).pvalue > CHANCE
    counts = np.histogram(times, bins=int(SECONDS))[0]
    assert stats.chisquare(counts, np.full(len(counts), per_second), sum_check=False).pvalue > CHANCE


def test_all_frames_are_of_one_length(records: dict[str, Record]) -> None:
    lengths = {seen.length for activity in ("idle", *BUSY) for seen in records[activity].seen[LINK_UP]}
    assert len(lengths) == 1
