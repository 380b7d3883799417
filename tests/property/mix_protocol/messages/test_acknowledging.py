"""Round trips and pending acknowledgements, whatever a network does with what is sent."""

from __future__ import annotations

from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.messages.fragment import FragmentIdentifier
from mix_protocol.messages.preparation import PreparedPacket
from mix_protocol.messages.retransmission import LEAST_REPEATS, PendingAcks
from mix_protocol.messages.round_trip import MAXIMUM_TIMEOUT_S, MINIMUM_TIMEOUT_S, RoundTripEstimator
from mix_protocol.sphinx.mix_packet import MixPacket

PACKET = MixPacket(NodeAddress(IPv4Address("10.0.0.1"), 1789), b"", KeyRotation.ODD)
seconds = st.floats(min_value=0.0, max_value=100.0)


@given(st.lists(st.tuples(seconds, st.integers(0, 500)), min_size=1, max_size=50), st.integers(0, 100))
def test_the_timeout_is_longer_than_the_round_trip_and_bounded(samples: list[tuple[float, int]], expiries: int):
    estimator = RoundTripEstimator()
    for sample, under_way in samples:
        estimator.sample(sample, under_way)
        longest = max(value for value, _ in samples)
        assert estimator.srtt_s is not None
        assert 0.0 <= estimator.srtt_s <= longest
        assert max(MINIMUM_TIMEOUT_S, min(estimator.srtt_s, MAXIMUM_TIMEOUT_S)) <= estimator.timeout_s
        assert estimator.timeout_s <= MAXIMUM_TIMEOUT_S
    before = estimator.timeout_s
    for _ in range(expiries):
        estimator.back_off()
        assert before <= estimator.timeout_s <= MAXIMUM_TIMEOUT_S
    estimator.sample(samples[-1][0], samples[-1][1])
    assert estimator.timeout_s <= max(before, MAXIMUM_TIMEOUT_S)


@given(seconds, st.integers(0, 500), st.integers(1, 100))
def test_a_sample_longer_than_the_timeout_makes_it_longer_than_the_sample(first: float, under_way: int, rounds: int):
    estimator = RoundTripEstimator()
    for _ in range(rounds):
        estimator.sample(first, under_way)
    jump = estimator.timeout_s + 1.0
    estimator.sample(jump, under_way)
    assert estimator.timeout_s >= min(jump, MAXIMUM_TIMEOUT_S)


class Acknowledging(RuleBasedStateMachine):
    """Packets are sent, leave later or at once, arrive late, twice or never; sometimes nobody looks."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.pending: PendingAcks[int] = PendingAcks()
        self.ivs = 0
        self.next_set = 0
        self.in_channel: list[PreparedPacket] = []
        self.left: list[tuple[PreparedPacket, float]] = []
        self.waiting: set[FragmentIdentifier] = set()
        self.overdue: list[FragmentIdentifier] = []
        self.last_left: dict[FragmentIdentifier, float] = {}

    def prepared(self, identifier: FragmentIdentifier, drawn_s: float) -> PreparedPacket:
        self.ivs += 1
        return PreparedPacket(PACKET, identifier, self.ivs.to_bytes(16, "big"), drawn_s)

    def send(self, identifier: FragmentIdentifier, drawn_s: float) -> None:
        packet = self.prepared(identifier, drawn_s)
        self.pending.register(packet, identifier.set_id, None)
        self.in_channel.append(packet)

    @rule(drawn_s=st.floats(0.0, 0.5))
    def send_new(self, drawn_s: float) -> None:
        self.next_set += 1
        identifier = FragmentIdentifier(self.next_set, 1)
        self.send(identifier, drawn_s)
        self.waiting.add(identifier)

    @precondition(lambda self: self.overdue)
    @rule(drawn_s=st.floats(0.0, 0.5))
    def send_again(self, drawn_s: float) -> None:
        identifier = self.overdue.pop(0)
        if identifier in self.waiting and self.pending.may_repeat and self.pending.is_still_due(identifier, self.now):
            self.send(identifier, drawn_s)

    @precondition(lambda self: self.in_channel)
    @rule(count=st.integers(1, 10))
    def leave(self, count: int) -> None:
        for packet in self.in_channel[:count]:
            self.pending.left(packet, self.now)
            self.left.append((packet, self.now))
            self.last_left[packet.fragment] = self.now
        del self.in_channel[:count]

    @precondition(lambda self: self.left)
    @rule(data=st.data(), copies=st.integers(1, 2))
    def acknowledge(self, data: st.DataObject, copies: int) -> None:
        packet, left_at = self.left.pop(data.draw(st.integers(0, len(self.left) - 1)))
        for copy in range(copies):
            answer = self.pending.acknowledge(packet.fragment, packet.ack_iv, self.now)
            assert (answer.context is not None) == (packet.fragment in self.waiting)
            assert answer.round_trip_s == (None if copy else self.now - left_at)
            self.waiting.discard(packet.fragment)

    @rule()
    def forget(self) -> None:
        if self.waiting:
            identifier = min(self.waiting)
            self.pending.forget(identifier)
            self.waiting.discard(identifier)

    @rule(passed_s=st.floats(0.0, 30.0), late_s=st.sampled_from([0.0, 0.0, 0.0, 0.2, 20.0]))
    def let_time_pass(self, passed_s: float, late_s: float) -> None:
        self.now += passed_s
        for each in self.pending.due(self.now, late_s):
            assert each.identifier in self.waiting
            # Never more than one repeat of a fragment in a round trip.
            assert self.now - self.last_left[each.identifier] >= MINIMUM_TIMEOUT_S - 1e-6
            self.overdue.append(each.identifier)

    @invariant()
    def what_waits_is_what_was_sent_and_not_answered(self) -> None:
        assert len(self.pending) == len(self.waiting)
        assert all(identifier in self.pending for identifier in self.waiting)

    @invariant()
    def repeats_are_bounded(self) -> None:
        assert 0 <= self.pending._repeats <= max(LEAST_REPEATS, self.next_set // 4 + 1)

    @invariant()
    def nothing_is_due_for_ever(self) -> None:
        deadline = self.pending.next_timeout()
        assert deadline is None or deadline <= self.now + MAXIMUM_TIMEOUT_S + 1.0 + self.pending._excused_s

    def teardown(self) -> None:
        for packet in self.in_channel:
            self.pending.left(packet, self.now)
        for identifier in list(self.waiting):
            self.pending.forget(identifier)
        assert len(self.pending) == self.pending._repeats == 0
        assert self.pending.next_timeout() is None


TestAcknowledging = Acknowledging.TestCase
TestAcknowledging.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
