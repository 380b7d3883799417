"""The peer's window: how far we may send, and when it is worth it."""

from __future__ import annotations


class SendWindow:
    """SND.WND as a right edge, which unlike a length stays true when acknowledgments arrive out of order.

    edge -- the first sequence number that must not be sent
    largest -- the widest window that the peer has ever offered
    """

    __slots__ = ("_ack", "_sequence", "edge", "largest")

    def __init__(self, start: int) -> None:
        self.edge = start
        self.largest = 0
        # SND.WL2 and SND.WL1: of the segment that the edge was learnt from.
        self._ack = start - 1
        self._sequence = -1

    def update(self, window: int, sequence: int, ack: int) -> bool:
        """Learn from a segment (window scaled); gives whether the edge has moved.

        A segment with a higher acknowledgment is newer, even if it repeats old data; of two with the same one, that
        with the higher sequence number; of two bare acknowledgments, that which offers more, since an edge does not
        move back (RFC 9293 section 3.8.6).
        """
        edge = ack + window
        if (ack, sequence) < (self._ack, self._sequence):
            return False
        if (ack, sequence) == (self._ack, self._sequence) and edge <= self.edge:
            return False
        self._ack, self._sequence = ack, sequence
        self.largest = max(self.largest, window)
        moved = edge != self.edge
        self.edge = edge
        return moved

    def is_worth_using(self, length: int, unsent: int, full_segment: int) -> bool:
        """Whether a segment of `length` bytes out of `unsent` is no silly one (RFC 9293 section 3.8.6.2.1)."""
        return length >= full_segment or length == unsent or 2 * length >= self.largest
