"""The clients of a gateway as its workers see them: two views of one table, as two workers have."""

from __future__ import annotations

import os

import pytest

from mix_network.workers.clients import NOWHERE, RECORD_LENGTH, Seat, SharedClientRegistry
from mix_network.workers.shared_table import SharedTable
from mix_protocol.gateway.registry import ClientRecord

ALICE, BOB, KEY = b"a" * 32, b"b" * 32, b"k" * 32
DAY_S = 24 * 3600.0
NOON = 20_000 * DAY_S + DAY_S / 2


@pytest.fixture
def workers():
    table = SharedTable.create(os.urandom, 100, RECORD_LENGTH)
    other = SharedTable(os.dup(table.descriptor), 100, RECORD_LENGTH)
    yield SharedClientRegistry(table), SharedClientRegistry(other)
    table.close()
    other.close()


def test_who_registers_with_one_is_known_to_the_other(workers):
    one, other = workers
    assert other.get(ALICE) is None
    one.register(ALICE, KEY)
    assert ALICE in other
    assert other.get(ALICE).shared_key == KEY
    assert (len(one), len(other)) == (1, 1)
    assert {record.identity for record in other} == {ALICE}


def test_a_timestamp_is_good_once_whoever_sees_it(workers):
    one, other = workers
    one.register(ALICE, KEY)
    mine, theirs = one.get(ALICE), other.get(ALICE)
    assert mine.use_timestamp(1000)
    assert not theirs.use_timestamp(1000)
    assert theirs.use_timestamp(1001)
    assert not mine.use_timestamp(1001)


def test_an_allowance_is_spent_once(workers):
    one, other = workers
    one.register(ALICE, KEY)
    mine, theirs = one.get(ALICE), other.get(ALICE)
    assert mine.grant(100, NOON) == 100
    assert theirs.spend(60, NOON)
    assert not mine.spend(60, NOON)
    assert mine.allowance(NOON) == mine.allowance_bytes == 40
    assert theirs.grant(10, NOON) == 50
    assert mine.allowance(NOON + DAY_S) == 0


def test_an_allowance_is_found_again_when_many_others_have_come(workers):
    one, other = workers
    one.register(ALICE, KEY)
    mine = one.get(ALICE)
    mine.grant(100, NOON)
    assert mine.spend(10, NOON)
    for number in range(60):
        other.register(number.to_bytes(32, "big"), KEY)
    assert mine.spend(10, NOON)
    for number in range(49):
        other.register((1000 + number).to_bytes(32, "big"), KEY)
    assert mine.spend(10, NOON)
    assert other.get(ALICE).allowance(NOON) == 70
    assert not mine.spend(71, NOON)
    for number in range(200):
        other.register((2000 + number).to_bytes(32, "big"), KEY)
    assert ALICE not in other  # forgotten; the connection that there is still goes on with what it has
    assert mine.spend(10, NOON)
    assert other.get(ALICE).allowance(NOON) == 60


def test_a_new_key_leaves_timestamp_and_allowance(workers):
    one, other = workers
    one.register(ALICE, KEY).grant(100, NOON)
    assert one.get(ALICE).use_timestamp(7)
    other.register(ALICE, b"n" * 32)
    record = one.get(ALICE)
    assert (record.shared_key, record.allowance(NOON), record.last_timestamp) == (b"n" * 32, 100, 7)


def test_a_record_from_storage(workers):
    one, other = workers
    one.restore(ClientRecord(ALICE, KEY, 5, 100, 20_000))
    record = other.get(ALICE)
    assert (record.shared_key, record.last_timestamp, record.allowance(NOON)) == (KEY, 5, 100)
    other.clear()
    assert one.get(ALICE) is None


def test_the_newest_seat_counts(workers):
    one, other = workers
    assert one.seat_of(ALICE) is None
    one.register(ALICE, KEY)
    assert one.seat_of(ALICE).worker == NOWHERE
    before, first = one.take_seat(ALICE, 1)
    assert (before.worker, first.worker) == (NOWHERE, 1)
    before, second = other.take_seat(ALICE, 2)
    assert before == first
    one.leave_seat(ALICE, first)  # too late: it sits elsewhere
    assert one.seat_of(ALICE) == second
    other.leave_seat(ALICE, second)
    assert one.seat_of(ALICE).worker == NOWHERE
    assert one.take_seat(ALICE, 1)[1].number not in (first.number, second.number)


def test_a_client_that_was_forgotten_has_no_seat(workers):
    assert workers[0].take_seat(BOB, 1)[1] == Seat(NOWHERE, 0)
    workers[0].leave_seat(BOB, Seat(1, 1))
    assert BOB not in workers[1]


def test_no_key_shows(workers):
    workers[0].register(ALICE, b"secret" + bytes(26))
    assert "secret" not in repr(workers[1].get(ALICE))
