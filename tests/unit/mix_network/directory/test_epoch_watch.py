"""An epoch that can't be drawn: the last one serves for a bounded time, and whoever looks is told why."""

import logging

import pytest

from mix_network.directory.draw import Candidate
from mix_network.directory.epoch_watch import EpochWatch
from mix_network.directory.epochs import EpochBook
from mix_network.directory.state import DirectoryState
from mix_network.rotation import MOST_EPOCHS_LATE, RotationSchedule
from mix_protocol.crypto.randomness import SeededRandom

EPOCH_S = 60
FIRST = 24 * 400 + 2


class Directory:
    def __init__(self, folder):
        random = SeededRandom("nodes")
        self.folder = folder
        self.everybody = [Candidate(number, random(32), mixes=True) for number in range(1, 4)]
        self.everybody.append(Candidate(4, random(32), enters=True))
        self.nodes = list(self.everybody)
        self.schedule = RotationSchedule(EPOCH_S, 24)
        self.wall_s = self.schedule.epoch_start(FIRST) + 5
        self.now = 100.0
        self.states = []
        self.start()

    def start(self):
        self.states.append(DirectoryState(self.folder))
        self.book = EpochBook(
            self.states[-1],
            SeededRandom("seeds"),
            lambda: self.nodes,
            lambda: self.nodes,
            may_serve=lambda earlier, later: self.schedule.epoch_start(later) < self.schedule.serves_until(earlier),
        )
        self.watch = EpochWatch(self.book, self.schedule, lambda: self.wall_s, self.book.lacks)

    def go(self, seconds):
        self.wall_s += seconds
        self.now += seconds
        return self.watch.look(self.now)


@pytest.fixture
def directory(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    directory = Directory(tmp_path)
    yield directory
    for state in directory.states:
        state.close()


def test_the_last_epoch_serves_until_the_next_can_be_drawn(directory, caplog):
    directory.go(0)
    assert directory.watch.status() == {
        "epoch_id": FIRST, "published_epoch_id": FIRST, "waits_for": None, "serves_until": None,
    }  # fmt: skip
    directory.nodes = directory.everybody[:2]
    assert directory.go(EPOCH_S) == 1.0  # it is tried again soon
    status = directory.watch.status()
    assert (status["epoch_id"], status["published_epoch_id"]) == (FIRST + 1, FIRST)
    assert status["waits_for"].startswith("2 mix nodes and 0 gateways answer")
    assert status["serves_until"] == directory.schedule.epoch_start(FIRST + MOST_EPOCHS_LATE + 1)
    assert all(directory.book.assign(directory.book.published(FIRST + 1)).layers)
    directory.go(1)
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert told[0].startswith(f"epoch {FIRST + 1} can't be drawn, and that of epoch {FIRST} serves meanwhile: 2 mix")
    directory.nodes = directory.everybody
    assert directory.go(1) > 1
    assert directory.watch.status()["published_epoch_id"] == FIRST + 1
    assert caplog.records[-1].message == f"epoch {FIRST + 1} is drawn"


def test_it_serves_for_a_bounded_time_across_a_restart(directory):
    directory.go(0)
    directory.nodes = []
    for late in range(1, MOST_EPOCHS_LATE + 1):
        directory.start()
        directory.go(EPOCH_S)
        assert directory.watch.status()["published_epoch_id"] == FIRST, late
    directory.go(EPOCH_S)
    status = directory.watch.status()
    assert status["published_epoch_id"] == status["epoch_id"] == FIRST + MOST_EPOCHS_LATE + 1
    assert status["waits_for"]
    assert not any(directory.book.assign(status["epoch_id"]).layers)


def test_it_never_serves_longer_than_its_keys(directory):
    """Nodes take packets for a rotation's keys in one epoch more."""
    schedule = directory.schedule
    last = schedule.epochs_of(schedule.rotation_of(FIRST))[-1]
    assert schedule.serves_until(last) == schedule.epoch_start(last + 2)
    assert schedule.serves_until(last - 1) == schedule.epoch_start(last + 2)
    assert schedule.serves_until(last - 10) == schedule.epoch_start(last - 10 + MOST_EPOCHS_LATE + 1)


def test_a_clock_that_jumps_is_told_and_changes_no_draw(directory, caplog):
    directory.go(0)
    drawn = directory.book.drawn(FIRST)
    directory.wall_s += 10 * EPOCH_S
    directory.go(1)
    assert "has jumped by 600 s" in caplog.text
    later = directory.book.drawn(FIRST + 10)
    directory.wall_s -= 10 * EPOCH_S
    directory.go(1)
    assert "has jumped by -600 s" in caplog.text
    assert directory.book.drawn(FIRST) == drawn
    assert directory.watch.status()["published_epoch_id"] == FIRST
    directory.go(10 * EPOCH_S)
    assert directory.book.drawn(FIRST + 10) == later


def test_a_network_that_comes_together_is_no_warning(directory, caplog):
    directory.nodes = []
    directory.go(0)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "nobody has a job meanwhile: 0 mix nodes" in caplog.text
