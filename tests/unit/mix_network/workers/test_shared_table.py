"""The table that workers share: as a dictionary for one process, and for several at once."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_network.workers.replay import SharedReplayFilter
from mix_network.workers.shared_table import KEY_LENGTH, SharedTable

KEYS = [bytes((number,)) * KEY_LENGTH for number in range(256)]


@pytest.fixture
def table():
    made = SharedTable.create(os.urandom, 8, 4)
    yield made
    made.close()


@given(st.lists(st.tuples(st.integers(0, 11), st.binary(min_size=4, max_size=4)), max_size=60))
def test_it_has_what_was_put_last_and_at_least_the_newest_half(puts: list[tuple[int, bytes]]):
    table = SharedTable.create(os.urandom, 8, 4)
    expected: dict[int, bytes] = {}
    for key, value in puts:
        with table:
            table.put(KEYS[key], value)
        expected.pop(key, None)
        expected[key] = value
        with table:
            for newest in list(expected)[-4:]:
                assert table.get(KEYS[newest]) == expected[newest]
            found = {key: table.get(KEYS[key]) for key in expected}
            assert all(value in (None, expected[key]) for key, value in found.items())
            present = {KEYS[key] for key, value in found.items() if value is not None}
            assert set(table.keys()) == present
            assert len(table) == len(present) <= 8
    table.close()


@given(st.lists(st.integers(0, 30), max_size=80))
def test_a_tag_is_new_once_as_long_as_it_is_remembered(numbers: list[int]):
    table = SharedTable.create(os.urandom, 8, 0)
    seen, order = SharedReplayFilter(table), []
    for number in numbers:
        is_new = seen.check_and_set(KEYS[number])
        if number in order[-4:]:
            assert not is_new
        elif number not in order:
            assert is_new
        if is_new:
            order = [other for other in order if other != number] + [number]
        assert len(seen) <= 8
    table.close()


def test_a_key_of_zeros_is_a_key_like_any_other(table: SharedTable):
    with table:
        assert table.get(KEYS[0]) is None
        table.put(KEYS[0], b"zero")
        assert table.get(KEYS[0]) == b"zero"


def test_it_can_be_emptied(table: SharedTable):
    with table:
        for key in KEYS[:7]:
            table.put(key, b"abcd")
        table.clear()
        assert len(table) == 0
        assert list(table.keys()) == []
        table.put(KEYS[1], b"abcd")
        assert len(table) == 1


def test_nobody_can_look_inside_meanwhile(table: SharedTable):
    with table, table:
        pass
    with table, open(f"/proc/self/fd/{table.descriptor}", "rb") as again:
        # Another process would wait; a lock of this one's own does not show it, so ask who would be in the way.
        child = subprocess.run(
            [sys.executable, "-c", f"import fcntl; fcntl.lockf({table.descriptor}, fcntl.LOCK_EX | fcntl.LOCK_NB)"],
            pass_fds=[table.descriptor],
            stderr=subprocess.DEVNULL,
            check=False,
        )
        assert child.returncode != 0
        assert again.readable()


_ADD = """
import os, sys
from mix_network.workers.replay import SharedReplayFilter
from mix_network.workers.shared_table import SharedTable
seen = SharedReplayFilter(SharedTable(int(sys.argv[1]), 20_000, 0))
print(sum(seen.check_and_set(number.to_bytes(32, "big")) for number in range(5000)))
"""


def test_two_processes_that_see_the_same_packets_let_each_pass_once():
    table = SharedTable.create(os.urandom, 20_000, 0)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _ADD, str(table.descriptor)],
            pass_fds=[table.descriptor],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    passed = [int(child.communicate()[0]) for child in children]
    assert sum(passed) == 5000
    assert len(SharedReplayFilter(table)) == 5000
    table.close()


_HOLD = """
import fcntl, os, sys, time
fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


def test_who_dies_inside_keeps_nobody_out(table: SharedTable):
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(table.descriptor)],
        pass_fds=[table.descriptor],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "held\n"
    with pytest.raises(BlockingIOError):
        fcntl.lockf(table.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with table:
        table.put(KEYS[1], b"abcd")


def test_a_row_that_was_left_unfinished_is_found_by_nobody():
    table = SharedTable.create(os.urandom, 64, 0)
    with table:
        for key in KEYS[:20]:
            table._make_room()
            table._write(table._place_of(key), b"")  # and the process died here
        assert not any(table.get(key) is not None for key in KEYS[1:20])
        assert all(table.add(key) for key in KEYS[1:20])
        assert not any(table.add(key) for key in KEYS[1:20])
    table.close()
