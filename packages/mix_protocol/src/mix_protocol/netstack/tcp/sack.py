"""Selective acknowledgments (RFC 2018) and reports of duplicates (RFC 2883), written and read."""

from __future__ import annotations

from mix_protocol.netstack.tcp.ranges import RangeSet
from mix_protocol.netstack.tcp.sequence import unwrap, wrap
from mix_protocol.netstack.wire.tcp import MAX_SACK_BLOCKS, SackBlock

# At most so many islands are told of in a row: 16 acknowledgments.
_MOST_UNREPORTED = 64


class SackReporter:
    """The receiving side: chooses which islands an acknowledgment names."""

    __slots__ = ("_duplicate", "_recent", "_unreported")

    def __init__(self) -> None:
        # Sequence numbers that arrived beyond a hole: the latest first; and those that no acknowledgment has named,
        # the latest last.
        self._recent: list[int] = []
        self._unreported: list[int] = []
        self._duplicate: tuple[int, int] | None = None

    @property
    def has_duplicate(self) -> bool:
        """Whether a duplicate waits to be reported."""
        return self._duplicate is not None

    @property
    def has_unreported(self) -> bool:
        """Whether more islands have changed than the acknowledgments so far had room for."""
        return bool(self._unreported)

    def on_island(self, sequence: int) -> None:
        """A segment arrived beyond a hole."""
        self._recent.insert(0, sequence)
        # Each block should be reported three times over (RFC 2018 section 4); twice as many starts as blocks suffice.
        del self._recent[2 * MAX_SACK_BLOCKS :]
        self._unreported.append(sequence)
        del self._unreported[:-_MOST_UNREPORTED]

    def on_duplicate(self, start: int, end: int) -> None:
        """A segment arrived that had arrived before."""
        self._duplicate = (start, end)

    def blocks(self, islands: RangeSet, limit: int = MAX_SACK_BLOCKS) -> tuple[SackBlock, ...]:
        """What to put into an acknowledgment: a duplicate, then the islands most lately changed, then the others.

        A duplicate is reported once (RFC 2883 section 4).
        """
        if limit <= 0:
            return ()
        blocks: list[tuple[int, int]] = []
        if self._duplicate is not None:
            # First, and again as part of its island: only so can the sender tell what it is.
            blocks.append(self._duplicate)
            self._duplicate = None
            limit -= 1
        if not islands:
            self._recent.clear()
            self._unreported.clear()
        else:
            blocks += self._choose(islands, limit)
        return tuple((wrap(start), wrap(end)) for start, end in blocks)

    def _choose(self, islands: RangeSet, limit: int) -> list[tuple[int, int]]:
        chosen: dict[tuple[int, int], None] = {}
        while self._unreported and len(chosen) < limit:
            island = islands.range_at(self._unreported.pop())
            if island is not None:
                chosen[island] = None
        for sequence in self._recent:
            island = islands.range_at(sequence)
            if island is not None:
                chosen[island] = None
        for island in islands:
            if len(chosen) >= limit:
                break
            chosen[island] = None
        named = list(chosen)[:limit]
        # What lies in an island that is named is named with it.
        self._unreported = [at for at in self._unreported if not any(start <= at < end for start, end in named)]
        return named


def read_sack_blocks(
    blocks: tuple[SackBlock, ...], ack: int, snd_una: int, snd_nxt: int
) -> tuple[list[tuple[int, int]], tuple[int, int] | None]:
    """The sending side: the blocks that can be true, and the duplicate that the peer reports, if it does.

    ack -- the acknowledgment number of the segment that holds the blocks
    """
    if not blocks:
        return [], None
    unwrapped = [(unwrap(left, ack), unwrap(right, ack)) for left, right in blocks]
    duplicate = None
    first = unwrapped[0]
    if first[0] < first[1] and (
        first[1] <= ack or (len(unwrapped) > 1 and unwrapped[1][0] <= first[0] and first[1] <= unwrapped[1][1])
    ):
        duplicate = first
        del unwrapped[0]
    floor = max(ack, snd_una)
    valid = [(max(left, floor), right) for left, right in unwrapped if left < right and floor < right <= snd_nxt]
    return valid, duplicate
