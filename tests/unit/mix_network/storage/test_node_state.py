"""What a node keeps: keys, clients and their payloads are the same after any end of the process."""

import pytest

from mix_network.gateway.inbox import DAY_S, Inbox
from mix_network.node_keys import SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_network.storage.database import Database
from mix_network.storage.node_state import (
    APPLICATION_ID,
    FILE_NAME,
    MIGRATIONS,
    StoredClientRegistry,
    StoredInboxJournal,
    StoredSphinxKeys,
    open_node_state,
)
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom

CRYPTO = NativeCrypto()
SCHEDULE = RotationSchedule(epoch_duration_s=60, validity_epochs=4, genesis_unix_s=0)
ROTATION_S = 240.0
ALICE, BOB, CAROL = b"a" * 32, b"b" * 32, b"c" * 32
WALL_S = 1_790_000_000.0


@pytest.fixture
def database(tmp_path):
    """Never closed before it is opened again: as after a kill."""
    databases = []

    def reopen():
        databases.append(open_node_state(tmp_path))
        return databases[-1]

    yield reopen
    for each in databases:
        each.close()


def keyring(database, wall_s, seed):
    return SphinxKeyring(CRYPTO, SeededRandom(seed), SCHEDULE, wall_s, StoredSphinxKeys(database, CRYPTO))


def test_keys_outlive_the_process_and_go_with_their_rotation(database):
    first = keyring(database(), 10 * ROTATION_S + 200, 1)  # the last epoch: two keys
    again = keyring(database(), 10 * ROTATION_S + 210, 2)
    assert again.pairs == first.pairs
    assert again.pre_announced == first.pre_announced
    overlap = keyring(database(), 11 * ROTATION_S + 10, 3)
    assert overlap.current == first.pre_announced
    assert overlap.pairs[1] == first.current
    later = keyring(database(), 11 * ROTATION_S + 70, 4)
    assert later.pairs == (first.pre_announced,)
    state = database()
    assert state.read("SELECT count(*) FROM sphinx_keys") == [(1,)]
    StoredSphinxKeys(state, CRYPTO).destroy_others(())
    assert keyring(database(), 11 * ROTATION_S + 80, 5).current != first.pre_announced


def test_clients_stay_registered_with_their_keys_and_allowances(database):
    registry = StoredClientRegistry(database(), lambda: WALL_S)
    alice = registry.register(ALICE, b"k" * 32)
    assert alice.use_timestamp(100)
    alice.grant(1000, WALL_S)
    alice.spend(300, WALL_S)
    registry.register(BOB, b"l" * 32)

    killed = StoredClientRegistry(database(), lambda: WALL_S)
    found = killed.get(ALICE)
    assert (found.shared_key, found.last_timestamp) == (b"k" * 32, 100)
    assert not found.use_timestamp(100)
    assert found.allowance(WALL_S) == 1000  # never less than what is left
    assert found.granted(WALL_S) == 1000
    assert BOB in killed
    assert CAROL not in killed

    registry.flush()
    assert StoredClientRegistry(database(), lambda: WALL_S).get(ALICE).allowance(WALL_S) == 700


def test_who_was_away_longest_makes_room_on_disk_too(database):
    moments = iter(range(100))
    registry = StoredClientRegistry(database(), lambda: float(next(moments)), max_clients=2)
    for identity in (ALICE, BOB, CAROL):
        registry.register(identity, identity)
    state = database()
    assert {bytes(row[0]) for row in state.read("SELECT identity FROM clients")} == {BOB, CAROL}
    registry.clear()
    assert state.read("SELECT count(*) FROM clients") == [(0,)]


def test_payloads_wait_until_it_is_certain_that_they_have_left(database):
    def inbox(state, now, wall_s):
        journal = StoredInboxJournal(state, lambda: wall_s)
        box = Inbox(journal=journal)
        journal.load_into(box, now)
        return box

    first = inbox(database(), 1000.0, WALL_S)
    first.store(ALICE, b"one", 1000.0)
    first.store(ALICE, b"two", 1000.0)
    first.store(BOB, b"three", 1000.0)
    taken = []
    assert first.hand_out(ALICE, 1001.0, lambda payload: not taken and taken.append(payload) is None) == 1
    # Killed before it was settled: it comes once more.
    second = inbox(database(), 5.0, WALL_S + 60)
    everything = []
    assert second.hand_out(ALICE, 6.0, lambda payload: everything.append(payload) is None) == 2
    assert everything == [b"one", b"two"]
    second.settle(ALICE)
    third = inbox(database(), 5.0, WALL_S + 60)
    assert third.take(ALICE, 6.0) == []
    assert third.take(BOB, 6.0) == [b"three"]
    assert third.size_bytes == 0
    assert database().read("SELECT count(*) FROM inbox") == [(0,)]


def test_payloads_age_while_the_gateway_is_away(database):
    journal = StoredInboxJournal(database(), lambda: WALL_S)
    Inbox(journal=journal).store(ALICE, b"old", 0.0)
    state = database()
    late = StoredInboxJournal(state, lambda: WALL_S + DAY_S + 1)
    box = Inbox(journal=late)
    late.load_into(box, 7.0)
    assert ALICE not in box
    assert state.read("SELECT count(*) FROM inbox") == [(0,)]
    # A clock that was set back makes nothing older than it is.
    Inbox(journal=journal).store(ALICE, b"new", 0.0)
    early = StoredInboxJournal(state, lambda: WALL_S - 100)
    box = Inbox(journal=early)
    early.load_into(box, 7.0)
    assert box.take(ALICE, 7.0) == [b"new"]


def test_a_gateway_of_before_finds_its_clients_again(tmp_path):
    old = Database(tmp_path / FILE_NAME, APPLICATION_ID, MIGRATIONS[:1])
    old.write("INSERT INTO clients VALUES (?, ?, 100, 1000, ?, 1.0)", ALICE, b"k" * 32, int(WALL_S // 86_400))
    old.close()
    found = StoredClientRegistry(open_node_state(tmp_path), lambda: WALL_S).get(ALICE)
    assert (found.last_timestamp, found.allowance(WALL_S), found.granted(WALL_S)) == (100, 1000, 0)
