import struct

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.fragment import (
    COVER,
    Fragment,
    FragmentIdentifier,
    InvalidFragment,
    MalformedFragment,
    MalformedPadding,
    draw_set_id,
    remove_padding,
    split_message,
)
from mix_protocol.messages.geometry import DATA_SIZES, fragment_length
from mix_protocol.sphinx.geometry import PacketSize

UNLINKED = 1604  # payload of a fragment in a regular packet
FIRST_SET = 255 * UNLINKED - 3
MIDDLE_SET = 255 * UNLINKED - 6


def test_headers_as_in_the_specification():
    cases = {
        "800030390a0500": Fragment(12345, 10, 5, None, None, b""),
        "80000001ffff80000002": Fragment(1, 255, 255, None, 2, b""),
        "800000022d0180000001": Fragment(2, 45, 1, 1, None, b""),
    }
    for encoded, fragment in cases.items():
        assert fragment.encode().hex() == encoded
        assert Fragment.decode(bytes.fromhex(encoded)) == fragment


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "800030390a05",  # short
        "000030390a0500",  # no leading bit
        "800000000a0500",  # set id 0
        "80003039000000",  # total 0
        "800030390a0000",  # position 0
        "800030390a0b00",  # position beyond total
        "800030390a0501",  # link without its leading bit
        "80000002018000",  # link cut off
        "800000020a0580000001",  # link in the middle of a set
        "800000020a0a80000001",  # next set after one that is not full
        "80000002ff0180000002",  # link to itself
        "80000002ff0180000000",  # link to set 0
        "80000002ffff80000002",
    ],
)
def test_malformed_headers_are_refused(encoded: str):
    with pytest.raises(MalformedFragment):
        Fragment.decode(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    "fragment",
    [
        Fragment(0, 1, 1, None, None, b""),
        Fragment(2**31, 1, 1, None, None, b""),
        Fragment(1, 256, 1, None, None, b""),
        Fragment(1, 1, 2, None, None, b""),
        Fragment(1, 3, 2, 5, None, b""),
        Fragment(1, 3, 3, None, 5, b""),
        Fragment(1, 1, 1, 1, None, b""),
        Fragment(1, 255, 1, 4, 5, b""),
    ],
)
def test_inconsistent_fragments_do_not_encode(fragment: Fragment):
    with pytest.raises(InvalidFragment):
        fragment.encode()


def test_identifiers():
    assert FragmentIdentifier(12345, 1).encode().hex() == "0000303901"
    assert FragmentIdentifier.decode(bytes.fromhex("0000303901")) == FragmentIdentifier(12345, 1)
    assert FragmentIdentifier.decode(bytes(5)).is_cover
    assert COVER.encode() == bytes(5)
    assert not FragmentIdentifier(1, 0).is_cover
    for malformed in (b"", bytes(4), bytes(6), b"\x80\0\0\0\x01"):
        with pytest.raises(MalformedFragment):
            FragmentIdentifier.decode(malformed)


def test_set_ids_are_positive_absolute_values():
    draws = iter([bytes(4), b"\x80\0\0\0", b"\xff\xff\xff\xfe"])
    assert draw_set_id(lambda count: next(draws)) == 2


@pytest.mark.parametrize("size", DATA_SIZES)
@pytest.mark.parametrize("length", [0, 1, 1602, 1603, 1604, 100_000])
def test_every_fragment_fills_its_packet(size: PacketSize, length: int):
    message = SeededRandom("message")(length)
    fragments = split_message(SeededRandom("ids"), message, size)
    assert {len(fragment.encode()) for fragment in fragments} == {fragment_length(size)}
    assert remove_padding(b"".join(fragment.payload for fragment in fragments)) == message
    assert [fragment.position for fragment in fragments] == list(range(1, len(fragments) + 1))


@pytest.mark.parametrize(
    ("padded", "sets"),
    [
        (UNLINKED, [1]),
        (255 * UNLINKED, [255]),
        (255 * UNLINKED + 1, [255, 1]),
        (FIRST_SET + UNLINKED - 3, [255, 1]),
        (FIRST_SET + UNLINKED - 2, [255, 2]),
        (2 * FIRST_SET, [255, 255]),
        (2 * FIRST_SET + 1, [255, 255, 1]),
        (2 * FIRST_SET + MIDDLE_SET, [255, 255, 255]),
        (2 * FIRST_SET + MIDDLE_SET + 1, [255, 255, 255, 1]),
    ],
)
def test_long_messages_are_split_in_linked_sets(padded: int, sets: list[int]):
    """`padded` is the message with the one byte of padding that it needs at least."""
    message = b"m" * (padded - 1)
    fragments = split_message(SeededRandom("ids"), message)

    ids = list(dict.fromkeys(fragment.set_id for fragment in fragments))
    assert [sum(fragment.set_id == set_id for fragment in fragments) for set_id in ids] == sets
    for fragment in fragments:
        index = ids.index(fragment.set_id)
        assert fragment.total == sets[index]
        assert fragment.previous_set == (ids[index - 1] if fragment.position == 1 and index else None)
        is_end = fragment.position == 255 and index + 1 < len(ids)
        assert fragment.next_set == (ids[index + 1] if is_end else None)
        assert len(fragment.encode()) == fragment_length(PacketSize.REGULAR)
    assert remove_padding(b"".join(fragment.payload for fragment in fragments)) == message


def test_set_ids_of_one_message_differ():
    same_twice = iter([struct.pack(">i", number) for number in (7, 7, 8)])
    fragments = split_message(lambda count: next(same_twice), bytes(255 * UNLINKED))
    assert list(dict.fromkeys(fragment.set_id for fragment in fragments)) == [7, 8]


def test_padding_ends_at_the_last_mark():
    assert remove_padding(b"a\x01b\x01\0\0") == b"a\x01b"
    assert remove_padding(b"\x01") == b""
    with pytest.raises(MalformedPadding):
        remove_padding(bytes(100))
