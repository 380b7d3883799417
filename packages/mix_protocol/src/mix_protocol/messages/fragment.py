"""Fragments: the pieces of a message that fit in one packet each (Nym spec: fragmentation).

A message is split in sets of at most 255 fragments, for the position is one byte. A set that continues another
names it: its first fragment bears the previous set's id, its last (the 255th) the next set's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import PeerMisbehaved, UsageError
from mix_protocol.messages.geometry import fragment_length
from mix_protocol.sphinx.geometry import PacketSize

MAX_SET_LENGTH = 255
UNLINKED_HEADER_LENGTH = 7
LINKED_HEADER_LENGTH = 10
LINK_COST = LINKED_HEADER_LENGTH - UNLINKED_HEADER_LENGTH

_TOP_BIT = 0x8000_0000
_MAX_SET_ID = 0x7FFF_FFFF
_UNLINKED = struct.Struct(">IBBB")
_LINKED = struct.Struct(">IBBI")
_IDENTIFIER = struct.Struct(">iB")
_PADDING_MARK = b"\x01"


class MalformedFragment(PeerMisbehaved):
    """Decrypted bytes that are no fragment: wrong key, tampering, or a header that contradicts itself."""

    code = "messages.malformed_fragment"
    message = "a message fragment has an impossible header"


class MalformedPadding(PeerMisbehaved):
    """A reassembled message without the mark that ends it."""

    code = "messages.malformed_padding"
    message = "a reassembled message does not end with padding"


class InvalidFragment(UsageError):
    """A fragment that the caller built, whose numbers do not fit together."""

    code = "messages.invalid_fragment"
    message = "a fragment's set ids, position and total do not fit together"


class FragmentIdentifier(NamedTuple):
    """Names one fragment of one of our own sets; this is what an acknowledgement carries, encrypted (5 bytes)."""

    set_id: int
    position: int

    @property
    def is_cover(self) -> bool:
        """Whether this stands for a cover packet, which holds no fragment."""
        return self == COVER

    def encode(self) -> bytes:
        """Give the set id as a signed 32-bit number, big-endian, and the position."""
        return _IDENTIFIER.pack(*self)

    @classmethod
    def decode(cls, data: bytes) -> FragmentIdentifier:
        """Read exactly 5 bytes; raises `MalformedFragment`."""
        if len(data) != _IDENTIFIER.size:
            raise MalformedFragment("a fragment identifier must be 5 bytes long")
        identifier = cls(*_IDENTIFIER.unpack(data))
        if identifier.set_id < 0:
            raise MalformedFragment("a fragment identifier has a negative set id")
        return identifier


IDENTIFIER_LENGTH = _IDENTIFIER.size
COVER = FragmentIdentifier(0, 0)


@dataclass(frozen=True, slots=True)
class Fragment:
    """One piece of a message.

    set_id -- 1 to 2**31 - 1
    total -- how many fragments the set has, 1 to 255
    position -- which of them this is, from 1
    previous_set -- the set that this one continues; only the first fragment can tell
    next_set -- the set that continues this one; only the 255th fragment can tell
    """

    set_id: int
    total: int
    position: int
    previous_set: int | None
    next_set: int | None
    payload: bytes = field(repr=False)

    @property
    def identifier(self) -> FragmentIdentifier:
        return FragmentIdentifier(self.set_id, self.position)

    def encode(self) -> bytes:
        """Give the 7-byte header (10 bytes when linked) and the payload; raises `InvalidFragment`."""
        if not self._is_consistent():
            raise InvalidFragment(position=self.position, total=self.total)
        link = self.previous_set or self.next_set
        if link is None:
            header = _UNLINKED.pack(self.set_id | _TOP_BIT, self.total, self.position, 0)
        else:
            header = _LINKED.pack(self.set_id | _TOP_BIT, self.total, self.position, link | _TOP_BIT)
        return header + self.payload

    @classmethod
    def decode(cls, data: bytes) -> Fragment:
        """Read a fragment with everything that follows its header; raises `MalformedFragment`."""
        if len(data) < UNLINKED_HEADER_LENGTH:
            raise MalformedFragment("a fragment is shorter than its header")
        first_word, total, position, seventh = _UNLINKED.unpack_from(data)
        previous_set = next_set = None
        start = UNLINKED_HEADER_LENGTH
        if seventh:
            if len(data) < LINKED_HEADER_LENGTH or not seventh & 0x80:
                raise MalformedFragment("a fragment's link to another set is malformed")
            link = int.from_bytes(data[6:LINKED_HEADER_LENGTH], "big") ^ _TOP_BIT
            start = LINKED_HEADER_LENGTH
            if position == 1:
                previous_set = link
            else:
                next_set = link
        if not first_word & _TOP_BIT:
            raise MalformedFragment("a fragment's header lacks its leading bit")
        fragment = cls(first_word ^ _TOP_BIT, total, position, previous_set, next_set, bytes(data[start:]))
        if not fragment._is_consistent():
            raise MalformedFragment(position=position, total=total)
        return fragment

    def _is_consistent(self) -> bool:
        if not (1 <= self.set_id <= _MAX_SET_ID and 1 <= self.position <= self.total <= MAX_SET_LENGTH):
            return False
        if self.previous_set is None and self.next_set is None:
            return True
        link = self.previous_set
        if link is not None:
            return self.next_set is None and self.position == 1 and 1 <= link <= _MAX_SET_ID and link != self.set_id
        link = self.next_set
        is_end_of_full_set = self.position == self.total == MAX_SET_LENGTH
        return link is not None and is_end_of_full_set and 1 <= link <= _MAX_SET_ID and link != self.set_id


def draw_set_id(random: RandomBytes) -> int:
    """Draw the id of a new set: the absolute value of a random signed number, never 0."""
    while True:
        value = abs(int.from_bytes(random(4), "big", signed=True))
        if 0 < value <= _MAX_SET_ID:
            return value


def split_message(random: RandomBytes, message: bytes, size: PacketSize = PacketSize.REGULAR) -> list[Fragment]:
    """Pad a message and cut it in fragments, all of which are full.

    message -- an encoded `NymMessage`
    size -- of the packets that shall carry the fragments
    """
    lengths = _set_lengths(len(message) + len(_PADDING_MARK), fragment_length(size) - UNLINKED_HEADER_LENGTH)
    ids: list[int] = []
    while len(ids) < len(lengths):
        set_id = draw_set_id(random)
        if set_id not in ids:
            ids.append(set_id)

    padded = memoryview((message + _PADDING_MARK).ljust(sum(map(sum, lengths)), b"\0"))
    fragments = []
    start = 0
    for index, (set_id, payload_lengths) in enumerate(zip(ids, lengths, strict=True)):
        total = len(payload_lengths)
        previous_set = ids[index - 1] if index > 0 else None
        next_set = ids[index + 1] if index + 1 < len(ids) else None
        for position, length in enumerate(payload_lengths, 1):
            fragments.append(
                Fragment(
                    set_id,
                    total,
                    position,
                    previous_set if position == 1 else None,
                    next_set if position == total else None,
                    bytes(padded[start : start + length]),
                )
            )
            start += length
    return fragments


def remove_padding(padded: bytes) -> bytes:
    """Give what precedes the last byte 0x01; raises `MalformedPadding` if there is none."""
    end = padded.rfind(_PADDING_MARK)
    if end < 0:
        raise MalformedPadding()
    return padded[:end]


def _set_lengths(length: int, unlinked: int) -> list[list[int]]:
    """Give the payload length of every fragment of every set for at least `length` bytes.

    unlinked -- payload length of a fragment without a link
    """
    if length <= MAX_SET_LENGTH * unlinked:
        return [[unlinked] * -(-length // unlinked)]
    linked = unlinked - LINK_COST
    sets = [[unlinked] * (MAX_SET_LENGTH - 1) + [linked]]
    left = length - sum(sets[0])
    middle = [linked] + [unlinked] * (MAX_SET_LENGTH - 2) + [linked]
    while left > MAX_SET_LENGTH * unlinked - LINK_COST:
        sets.append(middle)
        left -= sum(middle)
    sets.append([linked] + [unlinked] * (-(-(left + LINK_COST) // unlinked) - 1))
    return sets
