"""Each epoch is drawn once; its seed is committed to before, and everything can be drawn again."""

import hashlib

import pytest

from mix_network.directory.draw import Candidate, draw_rewarded_set
from mix_network.directory.epochs import EpochBook
from mix_network.directory.state import DirectoryState
from mix_protocol.crypto.randomness import SeededRandom


class Directory:
    def __init__(self, folder):
        self.folder = folder
        random = SeededRandom("nodes")
        self.nodes = [Candidate(number, random(32), mixes=True) for number in range(1, 7)]
        self.nodes += [Candidate(7, random(32), enters=True), Candidate(8, random(32), enters=True, exits=True)]
        self.states = []
        self.everybody = []

    def book(self, seed="one", **options):
        self.states.append(DirectoryState(self.folder))
        return EpochBook(
            self.states[-1], SeededRandom(seed), lambda: self.nodes, lambda: self.everybody or self.nodes, **options
        )


@pytest.fixture
def directory(tmp_path):
    directory = Directory(tmp_path)
    yield directory
    for state in directory.states:
        state.close()


def test_an_epoch_never_changes_once_it_is_drawn(directory):
    book = directory.book()
    drawn = book.assign(10)
    assert sorted(map(len, drawn.layers)) == [2, 2, 2]
    directory.nodes = directory.nodes[1:]
    assert book.assign(10) == drawn
    assert directory.book("another").assign(10) == drawn  # after a restart, too
    assert 1 not in {each for layer in book.assign(11).layers for each in layer}
    assert book.past(10).rewarded == drawn
    assert book.past(9) is None


def test_anybody_draws_it_again_from_what_is_told(directory):
    record = directory.book().record(10)
    assert draw_rewarded_set(record.seed, 10, record.candidates) == record.rewarded


def test_the_next_seed_is_chosen_and_committed_to_before(directory):
    book = directory.book()
    book.record(10)
    commitment = book.commitment(11)
    restarted = directory.book("another")
    assert restarted.commitment(11) == commitment
    assert hashlib.sha256(restarted.record(11).seed).digest() == commitment
    assert restarted.record(11).seed != restarted.past(10).seed


def test_nothing_is_drawn_for_good_before_there_are_enough(directory):
    everybody = directory.nodes
    book = directory.book(least_mix_nodes=6)
    directory.nodes = everybody[:2]
    assert not all(book.assign(10).layers)
    directory.nodes = everybody[:6]
    assert all(book.assign(10).layers)  # but there is no gateway
    directory.nodes = everybody[1:]
    book.assign(10)  # five are not enough
    directory.nodes = everybody
    assert len({each for layer in book.assign(10).layers for each in layer}) == 6
    directory.nodes = everybody[:3]
    assert len({each for layer in book.assign(10).layers for each in layer}) == 6


def test_where_too_few_do_well_everybody_works(directory):
    directory.everybody = directory.nodes
    directory.nodes = directory.nodes[:2]
    record = directory.book().record(10)
    assert all(record.rewarded.layers)
    assert record.candidates == tuple(directory.everybody)
