import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_mixnet import MemoryMixnet

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.nym_message import RepliableData, encode_message
from mix_protocol.messages.preparation import MessagePreparer
from mix_tunnel.mixnet.surb_budget import (
    BALANCED_MESSAGE_LENGTH,
    ENOUGH,
    PLENTIFUL,
    REFILL_S,
    RESERVE,
    SurbBudget,
    SurbGrants,
    balanced_surbs,
    fragments_of,
)


def budget(stock: int) -> SurbBudget:
    result = SurbBudget()
    result.give(stock)
    return result


def test_the_number_of_fragments_is_that_of_the_real_message():
    network = MemoryMixnet(1)
    own, _ = network.new_recipient(network.gateways[0])
    preparer = MessagePreparer(NativeCrypto(), network.random, own, bytes(16), topology=network.topology)
    surb = preparer.make_reply_surb()
    for surbs in range(8):
        for length in (0, 100, 660, 661, 662, 1500, 3000):
            message = encode_message(RepliableData(bytes(16), (surb,) * surbs, bytes(length)))
            assert len(split_message(SeededRandom(1), message)) == fragments_of(length, surbs)


@pytest.mark.parametrize(("length", "count"), [(66, 3), (300, 2), (700, 5), (1526, 3)])
def test_at_first_the_padding_is_filled(length: int, count: int):
    assert budget(PLENTIFUL - 1).choose(2, length) == count


@pytest.mark.parametrize(("length", "count"), [(66, 2), (700, 1), (1526, 0)])
def test_while_plentiful_only_what_is_free(length: int, count: int):
    assert budget(PLENTIFUL).choose(2, length) == count


def test_with_enough_there_are_none_and_zero_due_means_zero():
    assert budget(ENOUGH).choose(2, 10) == 0
    assert budget(0).choose(0, 10) == 0


def test_replies_and_requests_correct_the_estimate():
    estimate = budget(50)
    estimate.note_reply(1500)
    assert estimate.stock == 49
    estimate.note_reply(5000)
    assert estimate.stock == 45
    estimate.note_request(30)
    assert estimate.stock == RESERVE + 30
    for _ in range(100):
        estimate.note_reply(1)
    assert estimate.stock == 0


@given(st.integers(0, 500), st.integers(0, 10), st.integers(0, 5000))
def test_a_choice_never_costs_more_fragments_than_what_is_due(stock: int, due: int, length: int):
    chosen = budget(stock).choose(due, length)
    assert chosen >= 0
    assert fragments_of(length, chosen) <= fragments_of(length, due)


def test_grants_are_bounded_at_once_and_over_time():
    grants = SurbGrants(500, now=0.0)
    assert grants.take(50, 0.0) == 50
    assert grants.take(4_000_000_000, 0.0) == 450
    assert grants.take(1, 0.0) == 0
    assert grants.take(1000, REFILL_S / 2) == 250
    assert sum(grants.take(500, REFILL_S + tick / 100) for tick in range(1000)) <= 250 + 1000
    assert grants.take(1000, 1e6) == 500


@given(st.integers(0, 70_000))
def test_a_balanced_message_has_a_surb_for_each_of_its_packets(length: int):
    surbs = balanced_surbs(length)
    assert fragments_of(length, surbs) == surbs
    assert (surbs == 1) == (length <= BALANCED_MESSAGE_LENGTH)
