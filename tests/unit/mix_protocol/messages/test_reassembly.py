import pytest

from mix_protocol.crypto.randomness import SeededRandom, uniform_below
from mix_protocol.messages.fragment import Fragment, MalformedPadding, split_message
from mix_protocol.messages.reassembly import InconsistentFragment, Reassembler, ReassemblyLimits


def shuffled(fragments: list[Fragment], seed: int) -> list[Fragment]:
    random = SeededRandom(f"order {seed}")
    rest, order = list(fragments), []
    while rest:
        order.append(rest.pop(uniform_below(random, len(rest))))
    return order


def message_of(length: int) -> bytes:
    return SeededRandom("message")(length)


@pytest.mark.parametrize("length", [0, 100, 1604, 50_000, 255 * 1604, 900_000])
def test_messages_come_out_once_whatever_the_order(length: int):
    message = message_of(length)
    fragments = split_message(SeededRandom("ids"), message)
    reassembler = Reassembler()
    for order in (fragments, fragments[::-1], shuffled(fragments, 1)):
        results = [reassembler.receive(fragment, 0.0) for fragment in order]
        expected = [] if order is not fragments else [message]
        assert [result for result in results if result is not None] == expected
    assert reassembler.duplicates == 2 * len(fragments)
    assert reassembler.incomplete_sets == reassembler.payload_bytes == 0


@pytest.mark.parametrize("seed", range(5))
def test_linked_sets_in_any_order(seed: int):
    message = message_of(3 * 255 * 1604)
    fragments = split_message(SeededRandom(seed), message)
    reassembler = Reassembler()
    results = [reassembler.receive(fragment, 0.0) for fragment in shuffled(fragments, seed)]
    assert results[-1] == message
    assert set(results[:-1]) == {None}


def test_messages_interleave():
    messages = [message_of(5000), b"second" * 2000]
    parts = [split_message(SeededRandom(seed), message) for seed, message in enumerate(messages)]
    reassembler = Reassembler()
    results = [
        reassembler.receive(fragment, 0.0) for pair in zip(parts[0], parts[1][:4], strict=True) for fragment in pair
    ]
    results += [reassembler.receive(fragment, 0.0) for fragment in parts[1][4:]]
    assert [result for result in results if result is not None] == messages


def test_duplicates_keep_the_first_payload():
    reassembler = Reassembler()
    assert reassembler.receive(Fragment(9, 2, 1, None, None, b"first"), 0.0) is None
    assert reassembler.receive(Fragment(9, 2, 1, None, None, b"other"), 0.0) is None
    assert reassembler.receive(Fragment(9, 2, 2, None, None, b" last\x01"), 0.0) == b"first last"
    assert reassembler.duplicates == 1


def test_fragments_that_disagree_about_their_set_are_refused():
    reassembler = Reassembler()
    reassembler.receive(Fragment(9, 3, 1, None, None, b"a"), 0.0)
    for fragment in (Fragment(9, 2, 2, None, None, b"b"), Fragment(9, 5, 5, None, None, b"b")):
        with pytest.raises(InconsistentFragment):
            reassembler.receive(fragment, 0.0)
    reassembler.receive(Fragment(9, 3, 2, None, None, b"b"), 0.0)
    assert reassembler.receive(Fragment(9, 3, 3, None, None, b"c\x01"), 0.0) == b"abc"


def full_set(set_id: int, previous_set: int | None, next_set: int | None) -> list[Fragment]:
    return [
        Fragment(set_id, 255, at, previous_set if at == 1 else None, next_set if at == 255 else None, b"\x01")
        for at in range(1, 256)
    ]


def test_sets_that_disagree_about_their_link_are_refused():
    reassembler = Reassembler()
    for fragment in full_set(1, None, 3):
        assert reassembler.receive(fragment, 0.0) is None
    *others, last = full_set(2, 1, None)
    for fragment in others:
        assert reassembler.receive(fragment, 0.0) is None
    with pytest.raises(InconsistentFragment):
        reassembler.receive(last, 0.0)
    assert reassembler.incomplete_sets == 1
    assert reassembler.payload_bytes == 255


def test_circles_of_sets_are_refused():
    reassembler = Reassembler()
    fragments = full_set(1, 3, 2) + full_set(2, 1, 3) + full_set(3, 2, 1)
    for fragment in fragments[:-1]:
        assert reassembler.receive(fragment, 0.0) is None
    with pytest.raises(InconsistentFragment):
        reassembler.receive(fragments[-1], 0.0)


def test_a_message_without_an_end_counts_as_completed():
    reassembler = Reassembler()
    fragment = Fragment(5, 1, 1, None, None, bytes(10))
    with pytest.raises(MalformedPadding):
        reassembler.receive(fragment, 0.0)
    assert reassembler.receive(fragment, 0.0) is None
    assert reassembler.duplicates == 1


def test_idle_sets_are_given_up():
    reassembler = Reassembler()
    reassembler.receive(Fragment(1, 2, 1, None, None, b"a"), 0.0)
    reassembler.receive(Fragment(2, 3, 1, None, None, b"b"), 100.0)
    assert reassembler.next_timeout() == 1800.0
    reassembler.receive(Fragment(2, 3, 2, None, None, b"b"), 1000.0)
    reassembler.handle_timeout(1799.0)
    assert reassembler.incomplete_sets == 2
    reassembler.handle_timeout(1800.0)
    assert reassembler.incomplete_sets == 1
    assert reassembler.next_timeout() == 2800.0
    reassembler.handle_timeout(2800.0)
    assert reassembler.next_timeout() is None
    assert (reassembler.payload_bytes, reassembler.abandoned_sets) == (0, 2)
    # What was given up may come again from the start.
    reassembler.receive(Fragment(1, 2, 2, None, None, b"d\x01"), 3000.0)
    assert reassembler.receive(Fragment(1, 2, 1, None, None, b"c"), 3000.0) == b"cd"


def test_complete_sets_wait_as_long_as_their_successors_progress():
    message = message_of(600 * 1604)
    fragments = split_message(SeededRandom("ids"), message)
    reassembler = Reassembler()
    result = None
    for index, fragment in enumerate(fragments):
        now = index * 6.0  # the whole message takes an hour
        reassembler.handle_timeout(now)
        result = reassembler.receive(fragment, now)
    assert result == message


def test_the_number_of_sets_is_bounded():
    reassembler = Reassembler(ReassemblyLimits(sets=3))
    for set_id in range(1, 6):
        reassembler.receive(Fragment(set_id, 2, 1, None, None, b"a"), float(set_id))
    assert (reassembler.incomplete_sets, reassembler.abandoned_sets) == (3, 2)
    assert reassembler.receive(Fragment(1, 2, 2, None, None, b"b\x01"), 9.0) is None
    assert reassembler.receive(Fragment(5, 2, 2, None, None, b"b\x01"), 9.0) == b"ab"


def test_held_bytes_are_bounded():
    reassembler = Reassembler(ReassemblyLimits(payload_bytes=1000))
    for set_id in range(1, 50):
        reassembler.receive(Fragment(set_id, 2, 1, None, None, bytes(99)), float(set_id))
        assert reassembler.payload_bytes <= 1000
    reassembler.receive(Fragment(100, 2, 1, None, None, bytes(2000)), 60.0)
    assert reassembler.payload_bytes == reassembler.incomplete_sets == 0


def test_remembered_ids_are_bounded():
    reassembler = Reassembler(ReassemblyLimits(completed_sets=2))
    for set_id in (1, 2, 3):
        assert reassembler.receive(Fragment(set_id, 1, 1, None, None, b"\x01"), 0.0) == b""
    assert reassembler.receive(Fragment(3, 1, 1, None, None, b"\x01"), 0.0) is None
    assert reassembler.receive(Fragment(1, 1, 1, None, None, b"\x01"), 0.0) == b""
