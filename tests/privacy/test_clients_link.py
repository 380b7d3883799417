"""The client's link, as its network provider sees it: the same in both directions whatever the client does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from support.vantage.activities import ACTIVITIES, BUSY
from support.vantage.matrix import ANY, judge, record_all
from support.vantage.record import ENTRY_GATEWAY, EXIT_GATEWAY, LINK_DOWN, LINK_UP, MIXES, Record

from mix_protocol.sphinx.version import SphinxVersion
from mix_tunnel.mixnet.traffic import TrafficConfig

pytestmark = pytest.mark.timeout(1200)  # the records are made within the first test; a quiet machine takes a minute

SECONDS = 120.0
CHANCE = 0.001
"""How unlikely times may be, if they are what they should be, until we say that they are not."""


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    return record_all(SECONDS)


@pytest.mark.parametrize("vantage", [LINK_UP, LINK_DOWN])
def test_nobody_can_tell_from_the_clients_link_whether_it_is_busy(records: dict[str, Record], vantage: str) -> None:
    matrix = judge(records, vantages=[vantage])
    print(matrix)
    pooled = matrix[vantage, 1.0, ANY]
    assert pooled.value <= 0.55 or pooled.low <= 0.5, str(pooled)
    # There are fewer windows of each activity, and of ten seconds.
    for key, auc in matrix.items():
        assert auc.low <= 0.55, f"{key}: {auc}"


@pytest.mark.parametrize("vantage", [ENTRY_GATEWAY, *MIXES])
def test_nor_can_the_nodes_on_the_way(records: dict[str, Record], vantage: str) -> None:
    matrix = judge(records, vantages=[vantage], windows_s=[1.0])
    assert all(auc.low <= 0.55 for auc in matrix.values()), str(matrix)


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


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_as_many_whole_packets_come_as_have_left(records: dict[str, Record], activity: str) -> None:
    record = records[activity]
    lengths = [seen.length for seen in record.seen[LINK_DOWN]]
    whole = sum(length > 1000 for length in lengths)
    on_their_way = 60  # at the beginning and the end
    assert abs(whole - len(record.seen[LINK_UP])) <= on_their_way


def test_all_frames_of_a_direction_are_of_the_same_lengths(records: dict[str, Record]) -> None:
    for vantage, different in ((LINK_UP, 1), (LINK_DOWN, 3)):
        lengths = {seen.length for activity in ("idle", *BUSY) for seen in records[activity].seen[vantage]}
        print(vantage, lengths)
        assert len(lengths) <= different


def test_all_packets_bear_the_version_of_sealed_replies(records: dict[str, Record]) -> None:
    for vantage in (ENTRY_GATEWAY, *MIXES, EXIT_GATEWAY):
        versions = {seen.version for activity in ("idle", *BUSY) for seen in records[activity].seen[vantage]}
        assert versions - {None} == {SphinxVersion.LAST_SEED}


def test_an_exit_of_another_kind_changes_nothing_upwards() -> None:
    records = record_all(SECONDS / 2, is_ours=False)
    matrix = judge(records, vantages=[LINK_UP, LINK_DOWN], windows_s=[1.0])
    print(matrix)
    assert matrix[LINK_UP, 1.0, ANY].low <= 0.52, str(matrix)
    assert matrix[LINK_DOWN, 1.0, "download"].value > 0.9  # the measure would see what it sees here
