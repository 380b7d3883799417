from collections import Counter

import pytest
from support.memory_mixnet import MemoryMixnet

from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.fragment import Fragment, remove_padding
from mix_protocol.messages.nym_message import ReplyData, SurbRequest, decode_message
from mix_protocol.messages.preparation import MessagePreparer, PreparedPacket
from mix_protocol.messages.reply_queue import RepliesDropped, ReplyQueue, ReplyQueueOptions
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.sphinx.version import SphinxVersion

ALICE, BOB = b"alice's tag 16 b", b"bob's tag, 16 by"
UNKNOWN_IV = bytes(16)  # tells nothing about the round trip


class RecordingPreparer(MessagePreparer):
    """Prepares replies and remembers what went on which SURB."""

    sent: list[tuple[Fragment, ReplySurb]]
    came_home: list[ReplySurb]
    ack_versions: list[SphinxVersion | None]

    def prepare_reply(
        self, fragment: Fragment, surb: ReplySurb, version: SphinxVersion | None = None
    ) -> PreparedPacket:
        self.sent.append((fragment, surb))
        self.ack_versions.append(version)
        return super().prepare_reply(fragment, surb, version)

    def prepare_empty_reply(self, surb: ReplySurb, version: SphinxVersion | None = None) -> PreparedPacket:
        self.came_home.append(surb)
        self.ack_versions.append(version)
        return super().prepare_empty_reply(surb, version)


class Replier:
    """A reply queue with a clock of its own."""

    def __init__(self, options: ReplyQueueOptions | None = None) -> None:
        mixnet = MemoryMixnet(seed=5)
        own, _ = mixnet.new_recipient(mixnet.gateways[0])
        self.preparer = RecordingPreparer(
            mixnet.crypto, SeededRandom("preparer"), own, b"a" * 16, topology=mixnet.topology
        )
        self.preparer.sent, self.preparer.came_home, self.preparer.ack_versions = [], [], []
        self.topology = mixnet.topology
        self.queue = ReplyQueue(self.preparer, SeededRandom("ids"), options=options)
        self.now = 0.0

    def send(self, limit: int | None = None) -> list[tuple[Fragment, ReplySurb]]:
        """Let everything go that can; give the fragments with their SURBs."""
        already = len(self.preparer.sent)
        packets = self.queue.packets_to_send(self.now, limit)
        sent = self.preparer.sent[already:]
        with_data = [packet.fragment for packet in packets if not packet.fragment.is_cover]
        assert with_data == [fragment.identifier for fragment, _ in sent]
        return sent

    def advance(self, until: float) -> list[Fragment]:
        """Let time pass, from deadline to deadline; give the fragments that were sent meanwhile."""
        sent: list[Fragment] = []
        while (timeout := self.queue.next_timeout()) is not None and timeout <= until:
            self.now = max(self.now, timeout)
            self.queue.handle_timeout(self.now)
            sent += [fragment for fragment, _ in self.send()]
        self.now = until
        return sent

    def acknowledge(self, fragments: list[Fragment]) -> None:
        for fragment in fragments:
            self.queue.acknowledge(fragment.identifier, UNKNOWN_IV, self.now)

    def events(self) -> list[RepliesDropped]:
        events = []
        while (event := self.queue.next_event()) is not None:
            events.append(event)
        return events


@pytest.fixture
def replier() -> Replier:
    return Replier()


def opened(fragment: Fragment) -> ReplyData | SurbRequest:
    message = decode_message(remove_padding(fragment.payload))
    assert isinstance(message, ReplyData | SurbRequest)
    return message


def requests(fragments: list[Fragment]) -> list[int]:
    """The amounts that SURB requests among single-fragment messages ask for."""
    messages = [opened(fragment) for fragment in fragments if fragment.total == 1]
    return [message.amount for message in messages if isinstance(message, SurbRequest)]


def test_a_reply_to_a_stranger_is_dropped(replier: Replier):
    assert not replier.queue.queue_reply(ALICE, b"hello?", 0.0)
    assert not replier.queue.knows(ALICE)
    replier.queue.receive_surbs(ALICE, (), 0.0)
    assert not replier.queue.knows(ALICE)
    assert replier.send() == []
    assert replier.queue.next_timeout() is None


def test_replies_go_on_the_oldest_surbs_above_the_reserve(replier: Replier, make_surb):
    surbs = make_surb.many(12)
    replier.queue.receive_surbs(ALICE, surbs, 0.0)
    assert replier.send() == []
    for data in (b"one", b"two"):
        assert replier.queue.queue_reply(ALICE, data, 0.0)
    sent = replier.send()
    assert [opened(fragment) for fragment, _ in sent] == [ReplyData(b"one"), ReplyData(b"two")]
    assert [surb for _, surb in sent] == list(surbs[:2])
    assert (replier.queue.surbs(ALICE), replier.queue.queued(ALICE)) == (10, 0)


def test_the_reserve_asks_for_more(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(10), 0.0)
    replier.queue.queue_reply(ALICE, b"waits", 0.0)
    ((fragment, _),) = replier.send()
    assert opened(fragment) == SurbRequest(replier.preparer.own, 10)
    assert (replier.queue.surbs(ALICE), replier.queue.queued(ALICE)) == (9, 1)

    replier.queue.receive_surbs(ALICE, make_surb.many(10), 0.5, requested=True)
    ((fragment, _),) = replier.send()
    assert opened(fragment) == ReplyData(b"waits")


def test_a_long_queue_asks_several_times_but_for_no_more_than_enough(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(20), 0.0)
    replier.queue.queue_reply(ALICE, bytes(300 * 1604), 0.0)
    sent = [fragment for fragment, _ in replier.send()]
    assert requests(sent) == [50, 50, 50, 50]
    # What was above the reserve carried the reply, the reserve the requests.
    assert len(sent) == 14
    assert replier.queue.surbs(ALICE) == 6


def test_a_whole_transfer_is_carried_by_requested_surbs(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(11), 0.0)
    message = SeededRandom("download")(400_000)
    replier.queue.queue_reply(ALICE, message, 0.0)
    payloads: dict[tuple[int, int], bytes] = {}
    for _ in range(100):
        sent = [fragment for fragment, _ in replier.send()]
        for fragment in sent:
            if fragment.total > 1:
                payloads[fragment.identifier] = fragment.payload
        for amount in requests(sent):
            replier.queue.receive_surbs(ALICE, make_surb.many(amount), replier.now, requested=True)
        if not replier.queue.queued(ALICE):
            break
    whole = remove_padding(b"".join(payloads[identifier] for identifier in sorted(payloads)))
    assert decode_message(whole) == ReplyData(message)


def test_without_any_surb_nothing_can_be_asked(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(1), 0.0)
    replier.queue.queue_reply(ALICE, b"waits", 0.0)
    assert requests([fragment for fragment, _ in replier.send()]) == [10]
    assert replier.queue.surbs(ALICE) == 0
    assert replier.send() == []
    replier.queue.receive_surbs(ALICE, make_surb.many(11), 1.0)
    assert [opened(fragment) for fragment, _ in replier.send()] == [ReplyData(b"waits")]


def test_senders_take_turns(replier: Replier, make_surb):
    for tag in (ALICE, BOB):
        replier.queue.receive_surbs(tag, make_surb.many(60), 0.0)
    replier.queue.queue_reply(ALICE, b"A" * 20_000, 0.0)
    replier.queue.queue_reply(BOB, b"B" * 20_000, 0.0)
    first = replier.send(limit=10)
    letters = Counter(fragment.payload[100:101] for fragment, _ in first)
    assert letters == {b"A": 5, b"B": 5}
    assert len(replier.send()) == 16
    assert replier.queue.queued(ALICE) == replier.queue.queued(BOB) == 0


def test_unacknowledged_replies_are_sent_again_on_new_surbs(replier: Replier, make_surb):
    surbs = make_surb.many(20)
    replier.queue.receive_surbs(ALICE, surbs, 0.0)
    replier.queue.queue_reply(ALICE, b"important", 0.0, max_retransmissions=2)
    ((first, first_surb),) = replier.send()
    assert replier.advance(3.0) == []
    assert replier.advance(30.0) == [first, first]
    assert {surb.encryption_key for _, surb in replier.preparer.sent} == {surb.encryption_key for surb in surbs[:3]}
    assert first_surb is surbs[0]
    assert replier.queue.surbs(ALICE) == 17
    assert not replier.queue.acknowledge(first.identifier, UNKNOWN_IV, 30.0)


def test_an_acknowledged_reply_is_not_sent_again(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(20), 0.0)
    replier.queue.queue_reply(ALICE, b"important", 0.0, max_retransmissions=None)
    ((fragment, _),) = replier.send()
    assert replier.queue.acknowledge(fragment.identifier, UNKNOWN_IV, 1.0)
    assert replier.advance(60.0) == []


def test_an_acknowledgement_calls_off_a_waiting_retransmission(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(11), 0.0)
    replier.queue.queue_reply(ALICE, b"one", 0.0, max_retransmissions=None)
    replier.queue.queue_reply(ALICE, b"two", 0.0)
    (one, _), (request, _) = replier.send()
    assert opened(one) == ReplyData(b"one")
    assert requests([request]) == [10]
    replier.acknowledge([request])
    assert replier.advance(3.5) == []
    assert replier.queue.queued(ALICE) == 2  # nine SURBs are too few for either

    replier.acknowledge([one])
    assert replier.queue.queued(ALICE) == 1
    replier.queue.receive_surbs(ALICE, make_surb.many(10), replier.now)
    assert [opened(fragment) for fragment, _ in replier.send()] == [ReplyData(b"two")]


def test_without_retransmissions_nothing_is_waited_for(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(20), 0.0)
    replier.queue.queue_reply(ALICE, b"a packet", 0.0)
    ((fragment, _),) = replier.send()
    assert not replier.queue.acknowledge(fragment.identifier, UNKNOWN_IV, 0.1)
    assert replier.advance(60.0) == []


def test_a_retransmission_may_take_the_first_of_the_reserve_but_no_more(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(12), 0.0)
    for data in (b"one", b"two"):
        replier.queue.queue_reply(ALICE, data, 0.0, max_retransmissions=None)
    first = [fragment for fragment, _ in replier.send()]
    assert replier.queue.surbs(ALICE) == 10
    again = replier.advance(3.5)
    assert [isinstance(opened(fragment), ReplyData) for fragment in again] == [True, False]
    assert again[0] in first
    assert requests(again) == [10]
    assert (replier.queue.surbs(ALICE), replier.queue.queued(ALICE)) == (8, 1)


def test_requests_are_retransmitted_at_most_ten_times(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(9), 0.0)
    (request, _) = replier.send()[0]
    assert requests([request]) == [10]
    replier.queue.receive_surbs(ALICE, make_surb.many(100), 0.0)
    sent = replier.advance(600.0)
    assert sent == [request] * 10


def test_a_silent_sender_is_asked_again_and_then_given_up(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(10), 0.0)
    replier.queue.queue_reply(ALICE, bytes(3000), 0.0)
    sent = [fragment for fragment, _ in replier.send()]
    assert requests(sent) == [10]
    replier.acknowledge(sent)
    asked_at = []
    for second in range(1, 60):
        sent = replier.advance(float(second))
        replier.acknowledge(sent)
        asked_at += [second for _ in requests(sent)]
    assert asked_at == [15, 20, 25, 30, 35]
    assert replier.events() == [RepliesDropped(ALICE, 2)]
    assert replier.queue.queued(ALICE) == 0
    assert replier.queue.knows(ALICE)


def test_a_sender_without_surbs_is_given_up_too(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(1), 0.0)
    replier.queue.queue_reply(ALICE, b"waits", 0.0)
    replier.acknowledge([fragment for fragment, _ in replier.send()])
    replier.advance(100.0)
    assert replier.events() == [RepliesDropped(ALICE, 1)]


def test_who_has_said_goodbye_is_forgotten_once_it_was_answered(replier: Replier, make_surb):
    for tag in (ALICE, BOB):
        replier.queue.receive_surbs(tag, make_surb.many(20), 0.0)
        replier.queue.queue_reply(tag, b"goodbye", 0.0)
        replier.queue.retire(tag)
    replier.queue.retire(b"a stranger's tag")
    assert len(replier.send()) == 2
    replier.queue.receive_surbs(BOB, make_surb.many(1), 8.0)
    replier.advance(16.0)
    assert (replier.queue.knows(ALICE), replier.queue.surbs(BOB)) == (False, 20)
    replier.advance(60.0)
    assert replier.queue.knows(BOB)


def test_queues_are_bounded(make_surb):
    replier = Replier(ReplyQueueOptions(queued_fragments=5))
    replier.queue.receive_surbs(ALICE, make_surb.many(10), 0.0)
    assert replier.queue.queue_reply(ALICE, bytes(4 * 1604), 0.0)
    assert not replier.queue.queue_reply(ALICE, b"one too many", 0.0)
    assert replier.queue.queued(ALICE) == 5


def test_all_queues_together_are_bounded(make_surb):
    replier = Replier(ReplyQueueOptions(all_queued_fragments=5))
    for tag in (ALICE, BOB):
        replier.queue.receive_surbs(tag, make_surb.many(10), 0.0)
    assert replier.queue.queue_reply(ALICE, bytes(3 * 1604), 0.0)
    assert not replier.queue.queue_reply(BOB, bytes(1604), 0.0)
    assert replier.queue.queue_reply(BOB, b"fits", 0.0)
    assert not replier.queue.queue_reply(BOB, b"one too many", 0.0)
    replier.queue.receive_surbs(ALICE, make_surb.many(3), 0.0)
    replier.send()
    assert replier.queue.queue_reply(BOB, b"fits again", 0.0)


def test_all_surbs_together_are_bounded(make_surb):
    replier = Replier(ReplyQueueOptions(surbs=50))
    replier.queue.receive_surbs(ALICE, make_surb.many(20), 0.0)
    replier.queue.receive_surbs(BOB, make_surb.many(20), 1.0)
    replier.queue.receive_surbs(ALICE, make_surb.many(11), 2.0)
    assert (replier.queue.surbs(ALICE), replier.queue.surbs(BOB)) == (31, 0)
    replier.queue.receive_surbs(BOB, make_surb.many(19), 3.0)
    assert (replier.queue.surbs(ALICE), replier.queue.surbs(BOB)) == (31, 19)


def test_totals_stay_right_whatever_happens(replier: Replier, make_surb):
    """After a busy life with losses and a rotation, everything forgotten leaves nothing counted."""
    random = SeededRandom("life")
    replier.queue.set_rotation(rotation(41, 0.0), 0.0)
    for step in range(300):
        replier.now = step * 0.7
        tag = (ALICE, BOB)[step % 2]
        if step == 150:
            replier.queue.set_rotation(rotation(42, replier.now), replier.now)
        replier.queue.receive_surbs(tag, make_surb.many(random(1)[0] % 14), replier.now, requested=step % 3 == 0)
        replier.queue.queue_reply(tag, bytes(1 + random(1)[0] * 40), replier.now, max_retransmissions=step % 4)
        replier.queue.handle_timeout(replier.now)
        replier.acknowledge([fragment for fragment, _ in replier.send() if random(1)[0] < 160])
        assert replier.queue._surbs == replier.queue.surbs(ALICE) + replier.queue.surbs(BOB)
        assert replier.queue._queued == replier.queue.queued(ALICE) + replier.queue.queued(BOB)
    replier.now += 25 * 3600.0
    replier.queue.handle_timeout(replier.now)
    assert replier.queue._surbs == replier.queue._queued == 0
    assert not replier.queue.knows(ALICE)
    replier.advance(replier.now + 3600.0)
    assert len(replier.queue._pending) == 0


def test_the_sender_that_was_silent_for_longest_is_forgotten_for_room(make_surb):
    replier = Replier(ReplyQueueOptions(senders=2))
    carol = b"carol's tag 16 b"
    replier.queue.receive_surbs(ALICE, make_surb.many(1), 0.0)
    replier.queue.receive_surbs(BOB, make_surb.many(2), 0.0)
    replier.queue.queue_reply(BOB, b"waits", 0.0)
    replier.queue.receive_surbs(ALICE, make_surb.many(1), 1.0)
    replier.queue.receive_surbs(carol, make_surb.many(1), 1.0)
    assert [replier.queue.knows(tag) for tag in (ALICE, BOB, carol)] == [True, False, True]
    assert replier.events() == [RepliesDropped(BOB, 1)]
    assert {tag for tag in (ALICE, carol) if replier.queue.surbs(tag)} == {ALICE, carol}


def test_senders_are_forgotten_after_a_day(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(50), 0.0)
    replier.now = 24 * 3600.0 + 1
    replier.queue.handle_timeout(replier.now)
    assert not replier.queue.knows(ALICE)
    assert replier.queue.next_timeout() is None


def test_nothing_is_lost_while_there_is_no_topology(replier: Replier, make_surb):
    replier.preparer.topology = None
    replier.queue.receive_surbs(ALICE, make_surb.many(20), 0.0)
    replier.queue.queue_reply(ALICE, b"later", 0.0)
    assert replier.send() == []
    replier.preparer.topology = replier.topology
    assert [opened(fragment) for fragment, _ in replier.send()] == [ReplyData(b"later")]


def rotation(number: int, started_at: float) -> RotationPeriod:
    return RotationPeriod(number, started_at, epoch_s=60.0, validity_epochs=24)


def test_a_new_rotation_replaces_surbs(replier: Replier, make_surb):
    replier.queue.set_rotation(rotation(41, 0.0), 0.0)
    replier.now = 1430.0
    replier.queue.receive_surbs(ALICE, make_surb.many(30, KeyRotation.ODD), 1430.0)
    assert replier.send() == []

    replier.now = 1440.0
    replier.queue.set_rotation(rotation(42, 1440.0), 1440.0)
    sent = [fragment for fragment, _ in replier.send()]
    assert sum(requests(sent)) == 30
    replier.acknowledge(sent)
    # Until the overlap ends the old ones are still good.
    assert replier.queue.surbs(ALICE) == 30 - len(sent)
    replier.queue.receive_surbs(ALICE, make_surb.many(12, KeyRotation.EVEN), 1441.0, requested=True)
    replier.queue.queue_reply(ALICE, b"on a new one", 1441.0)
    ((_, surb),) = replier.send()
    assert surb.key_rotation is KeyRotation.EVEN
    replier.advance(1500.0)
    assert replier.queue.surbs(ALICE) == 11


def test_surbs_made_for_the_former_keys_though_the_rotation_is_over_are_used_while_those_hold(
    replier: Replier, make_surb
):
    """A sender learns of new keys some time after us, and what it gives until then is good for the overlap only."""
    replier.queue.set_rotation(rotation(41, 0.0), 0.0)
    replier.queue.set_rotation(rotation(42, 1440.0), 1440.0)
    replier.queue.receive_surbs(ALICE, make_surb.many(50, KeyRotation.ODD), 1441.0, requested=True)
    assert replier.queue.queue_reply(ALICE, b"while they are good", 1441.0)
    assert [packet.packet.key_rotation for packet in replier.queue.packets_to_send(1441.0)] == [KeyRotation.ODD]
    replier.queue.receive_surbs(ALICE, make_surb.many(20, KeyRotation.EVEN), 1450.0)
    replier.queue.handle_timeout(1500.0)
    assert replier.queue.queue_reply(ALICE, b"afterwards", 1501.0)
    assert {packet.packet.key_rotation for packet in replier.queue.packets_to_send(1501.0)} == {KeyRotation.EVEN}


def test_surbs_of_a_rotation_before_the_last_are_dropped_at_once(replier: Replier, make_surb):
    replier.queue.set_rotation(rotation(41, 0.0), 0.0)
    replier.queue.receive_surbs(ALICE, make_surb.many(30), 100.0)
    replier.queue.set_rotation(rotation(42, 1440.0), 1440.0)
    assert replier.queue.surbs(ALICE) == 0


def test_the_same_rotation_again_changes_nothing(replier: Replier, make_surb):
    replier.queue.set_rotation(rotation(41, 0.0), 0.0)
    replier.queue.receive_surbs(ALICE, make_surb.many(30), 0.0)
    replier.queue.set_rotation(rotation(41, 0.0), 10.0)
    assert replier.send() == []
    assert replier.queue.surbs(ALICE) == 30


def test_when_rotations_stop_surbs_live_as_long_as_keys_can(replier: Replier, make_surb):
    replier.queue.set_rotation(rotation(41, 0.0), 0.0)
    replier.queue.receive_surbs(ALICE, make_surb.many(30), 0.0)
    replier.advance(25 * 60.0)
    assert replier.queue.surbs(ALICE) == 30
    replier.advance(25 * 60.0 + 6)
    assert replier.queue.surbs(ALICE) == 0


def test_what_goes_on_a_sealing_surb_is_waited_for_by_nobody(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, [make_surb(hops=1) for _ in range(20)], replier.now)
    assert replier.queue.queue_reply(ALICE, b"control", replier.now, max_retransmissions=3)
    [packet] = replier.queue.packets_to_send(replier.now)
    assert packet.fragment.is_cover
    replier.advance(300.0)
    assert len(replier.preparer.sent) == 1


def test_what_must_arrive_goes_on_an_ordinary_surb_if_there_is_one(replier: Replier, make_surb):
    surbs = [*(make_surb(hops=1) for _ in range(15)), *make_surb.many(10)]
    replier.queue.receive_surbs(ALICE, surbs, replier.now)
    replier.queue.queue_reply(ALICE, b"control", replier.now, max_retransmissions=3)
    replier.queue.queue_reply(ALICE, b"data", replier.now)
    replier.queue.packets_to_send(replier.now)
    assert [surb.surb.is_sealing for _, surb in replier.preparer.sent] == [False, True]
    [again] = replier.advance(60.0)[:1]
    assert again == replier.preparer.sent[0][0]


def test_surbs_of_a_balanced_sender_come_home_empty_after_a_random_time(replier: Replier, make_surb):
    surbs = make_surb.many(30)
    replier.queue.receive_surbs(ALICE, surbs[:20], 0.0)
    replier.queue.balance(ALICE, 0.0)
    replier.queue.receive_surbs(ALICE, surbs[20:], 0.0)
    assert replier.queue.surbs(ALICE) == 0
    assert replier.advance(2.0) == []
    assert len(replier.preparer.came_home) == 30
    assert set(replier.preparer.came_home) == set(surbs)
    assert replier.preparer.came_home != list(surbs)


def test_an_answer_takes_the_next_surb_that_leaves_and_makes_none_leave(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(1), 0.0)
    replier.queue.balance(ALICE, 0.0)
    moment = replier.queue.next_timeout()
    assert moment is not None
    for data in (b"one", b"two"):
        assert replier.queue.queue_reply(ALICE, data, 0.0)
    assert replier.send() == []
    replier.now = moment
    assert [opened(fragment) for fragment, _ in replier.send()] == [ReplyData(b"one")]
    # No SURB is asked for, though an answer waits: the sender keeps sending them.
    assert replier.advance(4.0) == []
    replier.queue.receive_surbs(ALICE, make_surb.many(3), 4.0)
    assert [opened(fragment) for fragment in replier.advance(5.0)] == [ReplyData(b"two")]
    assert len(replier.preparer.came_home) == 2


def test_a_balanced_senders_repeats_go_first(replier: Replier, make_surb):
    replier.queue.receive_surbs(ALICE, make_surb.many(1), 0.0)
    replier.queue.balance(ALICE, 0.0)
    replier.queue.queue_reply(ALICE, b"control", 0.0, max_retransmissions=3)
    [first] = replier.advance(1.0)
    replier.queue.queue_reply(ALICE, b"data", 1.0)
    replier.advance(9.0)  # the control message is overdue
    replier.queue.receive_surbs(ALICE, make_surb.many(2), 9.0)
    assert [opened(fragment) for fragment in replier.advance(10.0)] == [ReplyData(b"control"), ReplyData(b"data")]
    replier.acknowledge([first])


def test_surbs_of_a_forgotten_sender_still_come_home(make_surb):
    replier = Replier(ReplyQueueOptions(senders=1))
    replier.queue.receive_surbs(ALICE, make_surb.many(4), 0.0)
    replier.queue.balance(ALICE, 0.0)
    replier.queue.queue_reply(ALICE, b"for nobody", 0.0)
    replier.queue.receive_surbs(BOB, make_surb.many(12), 0.0)
    assert not replier.queue.knows(ALICE)
    assert replier.advance(1.0) == []
    assert len(replier.preparer.came_home) == 4
    assert replier.queue.surbs(BOB) == 12


def test_a_stranger_cannot_be_balanced(replier: Replier):
    replier.queue.balance(ALICE, 0.0)
    assert not replier.queue.knows(ALICE)


def test_acknowledgements_bear_the_version_of_all_that_the_sender_sends(replier: Replier, make_surb):
    # Its packets and their acknowledgements bear 260 while replies to it are sealed; one of 259 would stand out.
    replier.queue.receive_surbs(ALICE, make_surb.many(20), 0.0)
    replier.queue.queue_reply(ALICE, b"to whom nothing tells", 0.0)
    replier.send()
    assert replier.preparer.ack_versions == [None]
    replier.queue.receive_surbs(ALICE, [make_surb(hops=1)], 0.0)
    replier.queue.queue_reply(ALICE, b"sealed from now on", 0.0)
    replier.send()
    assert replier.preparer.ack_versions[1:] == [SphinxVersion.LAST_SEED]
