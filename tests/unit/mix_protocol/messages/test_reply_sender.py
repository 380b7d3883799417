import pytest

from mix_protocol.messages.fragment import Fragment
from mix_protocol.messages.reply_sender import OutgoingFragment, ReplySender
from mix_protocol.messages.surb_store import SurbThresholds

TAG = b"t" * 16
THRESHOLDS = SurbThresholds(reserve=2, enough=20, request_min=3, request_max=5)


def fragment(number: int, *, asks: bool = False) -> OutgoingFragment:
    return OutgoingFragment(TAG, Fragment(number, 1, 1, None, None, b"data"), None, asks_for_surbs=asks)


def sender(make_surb, surbs: int, *queued: int) -> ReplySender:
    made = ReplySender(THRESHOLDS, 0.0)
    made.store.add(make_surb.many(surbs), 0.0)
    made.enqueue(map(fragment, queued))
    return made


def sendable(replier: ReplySender) -> list[int]:
    """The set ids of what goes, each taking a SURB."""
    ids = []
    while (outgoing := replier.pop_sendable()) is not None:
        replier.store.take()
        ids.append(outgoing.fragment.set_id)
    return ids


def test_ordinary_replies_leave_the_reserve(make_surb):
    replier = sender(make_surb, 5, 1, 2, 3, 4)
    assert sendable(replier) == [1, 2, 3]
    assert (len(replier.store), replier.queued) == (2, 1)


def test_retransmissions_go_first_and_may_take_one_of_the_reserve(make_surb):
    replier = sender(make_surb, 3, 1)
    for number in (7, 8, 9):
        replier.retransmit(fragment(number))
    assert sendable(replier) == [7, 8]
    assert replier.queued == 2


def test_while_new_replies_wait_one_in_four_is_a_retransmission(make_surb):
    replier = sender(make_surb, 20, *range(1, 8))
    for number in (11, 12, 13):
        replier.retransmit(fragment(number))
    assert sendable(replier) == [11, 1, 2, 3, 12, 4, 5, 6, 13, 7]


def test_a_request_may_take_the_last_surb(make_surb):
    replier = sender(make_surb, 1, 1)
    replier.retransmit(fragment(7))
    replier.retransmit(fragment(8, asks=True))
    assert sendable(replier) == [8]
    assert sendable(sender(make_surb, 0, 1)) == []


def test_an_acknowledged_fragment_is_called_off(make_surb):
    replier = sender(make_surb, 5)
    replier.retransmit(fragment(7))
    replier.call_off(fragment(7).identifier)
    replier.call_off(fragment(8).identifier)
    assert sendable(replier) == []


def test_dropping_the_queue_tells_what_it_was(make_surb):
    replier = sender(make_surb, 0, 1, 2)
    replier.retransmit(fragment(7))
    assert [outgoing.fragment.set_id for outgoing in replier.drop_queue()] == [7, 1, 2]
    assert replier.queued == 0


@pytest.mark.parametrize(("surbs", "queued", "amount"), [(0, 4, 0), (2, 0, 0), (1, 0, 3), (3, 4, 4), (3, 9, 5)])
def test_how_many_to_ask_for(make_surb, surbs: int, queued: int, amount: int):
    replier = sender(make_surb, surbs, *range(1, queued + 1))
    assert replier.amount_to_request() == amount


def test_what_is_asked_for_is_not_asked_for_again(make_surb):
    replier = sender(make_surb, 3, 1, 2, 3)
    replier.note_request(replier.amount_to_request())
    assert replier.amount_to_request() == 0
    replier.receive_surbs(3, 1.0, requested=True)
    assert (replier.store.requested, replier.heard_at) == (0, 1.0)


def test_suspect_surbs_are_replaced_a_request_at_a_time(make_surb):
    replier = sender(make_surb, 10)
    replier.replacements_wanted = 8
    amounts = []
    while amount := replier.amount_to_request():
        amounts.append(amount)
        replier.note_request(amount)
    assert amounts == [5, 3]


def test_more_than_was_requested_counts_no_further_than_zero(make_surb):
    replier = sender(make_surb, 1)
    replier.note_request(3)
    replier.receive_surbs(50, 1.0, requested=True)
    assert replier.store.requested == 0
    replier.note_request(3)
    replier.receive_surbs(50, 1.0, requested=False)
    assert replier.store.requested == 3
