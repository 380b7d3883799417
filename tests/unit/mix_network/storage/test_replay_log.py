"""Replay tags on disk: exact from one process to the next."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_network.storage.replay_log import DurableReplayFilters, ReplayLog, RunMark
from mix_protocol.sphinx.replay import ReplayFilter

KILLED = """
import os, signal, sys
from pathlib import Path
from mix_network.storage.replay_log import ReplayLog
log = ReplayLog(Path(sys.argv[1]), 5)
for number in range(1000):
    log.check_and_set_all([number.to_bytes(32, "big")])
os.kill(os.getpid(), signal.SIGKILL)
"""


def tag(number):
    return number.to_bytes(32, "big")


def test_what_a_killed_process_has_seen_is_seen(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -9
    log = ReplayLog(tmp_path, 5)
    assert log.check_and_set_all(map(tag, range(1001))) == [False] * 1000 + [True]
    log.close()


@given(st.lists(st.one_of(st.lists(st.integers(0, 12), max_size=8), st.none()), max_size=30))
def test_it_says_what_a_filter_in_memory_says_however_often_it_is_opened_again(tmp_path_factory, batches):
    folder = tmp_path_factory.mktemp("log")
    log, memory = ReplayLog(folder, 1, capacity=6), ReplayFilter(capacity=6)
    for batch in batches:
        if batch is None:
            log.close()
            log = ReplayLog(folder, 1, capacity=6)
        else:
            assert log.check_and_set_all(map(tag, batch)) == memory.check_and_set_all(map(tag, batch))
        assert len(log) == len(memory)
    log.close()


def test_a_torn_tag_is_one_that_was_never_seen(tmp_path):
    log = ReplayLog(tmp_path, 1)
    log.check_and_set_all([tag(1), tag(2)])
    log.close()
    path = tmp_path / "replay-1-0.log"
    os.truncate(path, path.stat().st_size - 5)
    log = ReplayLog(tmp_path, 1)
    assert log.check_and_set_all([tag(1), tag(2), tag(3)]) == [False, True, True]
    log.close()
    log = ReplayLog(tmp_path, 1)
    assert log.check_and_set_all([tag(1), tag(2), tag(3)]) == [False, False, False]
    log.close()


def test_an_end_between_two_generations_forgets_nothing_that_counts(tmp_path):
    log = ReplayLog(tmp_path, 1, capacity=4)
    log.check_and_set_all(map(tag, range(4)))  # 0, 1 are the older ones, 2, 3 the younger
    log.close()
    os.truncate(tmp_path / "replay-1-0.log", 0)  # it died as it emptied the older file
    log = ReplayLog(tmp_path, 1, capacity=4)
    assert log.check_and_set_all([tag(2), tag(3), tag(4), tag(5), tag(2)]) == [False, False, True, True, False]
    log.close()


def test_a_disk_that_fails_lets_nothing_through(tmp_path):
    log = ReplayLog(tmp_path, 1)
    for descriptor in log._descriptors:
        os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        log.check_and_set_all([tag(1)])


def test_logs_of_keys_that_are_gone_are_deleted_also_those_of_former_runs(tmp_path):
    filters = DurableReplayFilters(tmp_path)
    for rotation_id in (7, 8):
        filters.of(rotation_id).check_and_set_all([tag(rotation_id)])
    filters.close()
    filters = DurableReplayFilters(tmp_path)
    filters.hold((8, 9))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["replay-8-0.log", "replay-8-1.log"]
    assert filters.of(8).check_and_set_all([tag(8)]) == [False]
    filters.hold(())
    assert list(tmp_path.iterdir()) == []
    filters.close()


def test_a_run_knows_whether_the_machine_may_have_lost_what_the_one_before_wrote(tmp_path):
    def begin(boot):
        return RunMark(tmp_path, lambda: boot).begin()

    assert begin("one")  # the first one at all
    assert begin("one")  # the one before was killed, and the kernel has everything
    assert not begin("two")  # the machine went down under it
    RunMark(tmp_path, lambda: "two").end()
    assert begin("three")  # the one before ended well
    assert not begin(None)  # who can't tell assumes the worst
    assert not begin(None)
