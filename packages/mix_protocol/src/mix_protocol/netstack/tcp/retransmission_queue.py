"""What has been sent and not been acknowledged: the sender's scoreboard."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import OrderedDict

from mix_protocol.delivery import Delivery
from mix_protocol.netstack.tcp.ranges import RangeSet


class SentSegment:
    """A run of sequence numbers that left in one segment.

    sent_at -- when it left last
    transmissions -- how often it left
    sacked -- the peer holds it, beyond a hole
    lost -- given up as lost, and waiting to leave again
    delivery -- what the link below says about the packet in which it left last
    """

    __slots__ = ("delivery", "end", "has_fin", "lost", "sacked", "sent_at", "start", "transmissions")

    def __init__(self, start: int, end: int, has_fin: bool, sent_at: float) -> None:
        self.start = start
        self.end = end
        self.has_fin = has_fin
        self.sent_at = sent_at
        self.transmissions = 1
        self.sacked = False
        self.lost = False
        self.delivery: Delivery | None = None

    def __len__(self) -> int:
        return self.end - self.start

    def __lt__(self, other: SentSegment) -> bool:
        return self.start < other.start

    def new_delivery(self) -> Delivery:
        """Note that it leaves in a packet, and that packets in which it left before are of no interest any more."""
        self.abandon()
        self.delivery = delivery = Delivery()
        return delivery

    def abandon(self) -> None:
        """Let the link below know that nobody waits for the packet."""
        if self.delivery is not None:
            self.delivery.is_wanted = False

    @property
    def is_vouched_for(self) -> bool:
        """Whether the link below has it or has delivered it."""
        return self.delivery is not None and self.delivery.is_vouched_for

    @property
    def is_held(self) -> bool:
        """Whether the link below still has it, and repeats it if need be."""
        return self.delivery is not None and self.delivery.is_held

    @property
    def waiting_since(self) -> float:
        """Since when an acknowledgment is due to come: since it left, or since the link below has delivered it."""
        delivery = self.delivery
        return self.sent_at if delivery is None or delivery.delivered_at is None else delivery.delivered_at

    @property
    def data_end(self) -> int:
        """The end of its bytes of the stream: a FIN takes a sequence number of its own."""
        return self.end - 1 if self.has_fin else self.end


def _start_of(segment: SentSegment) -> int:
    return segment.start


class RetransmissionQueue:
    """Outstanding segments by sequence number, by time of departure, and those that are lost.

    was_misjudged -- a segment that was thought lost, and had not left again, arrived; the owner resets it
    in_flight -- bytes that are neither acknowledged, sacked nor lost: the estimate that RFC 6675 calls pipe
    """

    __slots__ = ("_by_time", "_lost", "_segments", "in_flight", "sacked", "was_misjudged")

    def __init__(self) -> None:
        self._segments: list[SentSegment] = []
        # In the order of (last) departure; without those that are sacked or lost.
        self._by_time: OrderedDict[SentSegment, None] = OrderedDict()
        self._lost: list[SentSegment] = []  # a heap; entries that are lost no more are skipped
        self.sacked = RangeSet()
        self.in_flight = 0
        self.was_misjudged = False

    def __len__(self) -> int:
        return len(self._segments)

    @property
    def first(self) -> SentSegment:
        """The oldest outstanding segment."""
        return self._segments[0]

    @property
    def last(self) -> SentSegment:
        """The highest outstanding segment."""
        return self._segments[-1]

    @property
    def by_time(self) -> OrderedDict[SentSegment, None]:
        """Those in flight, the one that left longest ago first."""
        return self._by_time

    def sent(self, start: int, end: int, has_fin: bool, now: float) -> SentSegment:
        """Record the departure of new sequence numbers; `start` is where the last segment ended."""
        segment = SentSegment(start, end, has_fin, now)
        self._segments.append(segment)
        self._by_time[segment] = None
        self.in_flight += end - start
        return segment

    def resent(self, segment: SentSegment, now: float) -> None:
        """Record that a segment left again."""
        segment.transmissions += 1
        segment.sent_at = now
        if segment.lost:
            segment.lost = False
            self.in_flight += len(segment)
            self._by_time[segment] = None
        else:
            self._by_time.move_to_end(segment)

    def split(self, segment: SentSegment, at: int) -> None:
        """Cut a lost segment in two, since segments must be shorter now; its second part stays lost too."""
        rest = SentSegment(at, segment.end, segment.has_fin, segment.sent_at)
        rest.transmissions = segment.transmissions
        rest.lost = True
        segment.end = at
        segment.has_fin = False
        self._segments.insert(bisect_left(self._segments, segment.start, key=_start_of) + 1, rest)
        heapq.heappush(self._lost, rest)

    def acknowledge(self, ack: int) -> list[SentSegment]:
        """Take out all below `ack`; gives those segments of it that were not known to have arrived."""
        delivered = []
        count = 0
        for segment in self._segments:
            if segment.end > ack:
                break
            count += 1
            if not segment.sacked:
                self._land(segment)
                delivered.append(segment)
        if count:
            del self._segments[:count]
        if self._segments and self._segments[0].start < ack:
            head = self._segments[0]
            if not head.sacked and not head.lost:
                self.in_flight -= ack - head.start
            head.start = ack
        if self.sacked:
            self.sacked.discard_below(ack)
        return delivered

    def sack(self, start: int, end: int) -> list[SentSegment]:
        """The peer holds [start, end); gives the segments that are thereby newly known to have arrived."""
        delivered: list[SentSegment] = []
        segments = self._segments
        for fresh_start, fresh_end in self.sacked.add(start, end):
            # A block may begin or end inside a segment, whose other part was reported before.
            index = max(0, bisect_left(segments, fresh_start, key=_start_of) - 1)
            while index < len(segments) and segments[index].start < fresh_end:
                segment = segments[index]
                index += 1
                if not segment.sacked and self.sacked.covers(segment.start, segment.end):
                    self._land(segment)
                    segment.sacked = True
                    delivered.append(segment)
        return delivered

    def _land(self, segment: SentSegment) -> None:
        segment.abandon()
        if segment.lost:
            segment.lost = False
            self.was_misjudged |= segment.transmissions == 1
        else:
            self.in_flight -= len(segment)
            del self._by_time[segment]

    def mark_lost(self, segment: SentSegment) -> None:
        """Give up a segment that is in flight."""
        segment.lost = True
        self.in_flight -= len(segment)
        del self._by_time[segment]
        heapq.heappush(self._lost, segment)

    def first_lost(self) -> SentSegment | None:
        """The lowest segment that waits to leave again."""
        lost = self._lost
        while lost:
            # Taken out when resent or delivered after all; left in the heap until it comes up.
            if lost[0].lost:
                return lost[0]
            heapq.heappop(lost)
        return None

    def reprieve_lost(self) -> None:
        """Nothing was lost after all: count what waits to be resent as in flight again."""
        for segment in sorted(self._lost):
            if segment.lost:
                segment.lost = False
                self.in_flight += len(segment)
                self._by_time[segment] = None
                self._by_time.move_to_end(segment, last=False)
        self._lost.clear()

    def forget_sacks(self) -> None:
        """The peer has dropped what it reported to hold (RFC 2018 section 8)."""
        self.sacked.clear()
        for segment in self._segments:
            if segment.sacked:
                segment.sacked = False
                self.in_flight += len(segment)
                self._by_time[segment] = None
                self._by_time.move_to_end(segment, last=False)

    def clear(self) -> None:
        """Forget everything."""
        for segment in self._segments:
            segment.abandon()
        self._segments.clear()
        self._by_time.clear()
        self._lost.clear()
        self.sacked.clear()
        self.in_flight = 0
