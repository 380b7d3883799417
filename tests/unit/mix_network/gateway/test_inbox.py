"""What gateways keep for clients that are away."""

from hypothesis import given
from hypothesis import strategies as st

from mix_network.gateway.inbox import DAY_S, Inbox, InboxLimits

ALICE, BOB, CAROL = b"a" * 32, b"b" * 32, b"c" * 32


def test_payloads_come_back_once_and_in_order():
    inbox = Inbox()
    assert inbox.store(ALICE, b"1", 0.0)
    assert inbox.store(BOB, b"x", 0.0)
    assert inbox.store(ALICE, b"2", 1.0)
    assert inbox.take(ALICE, 2.0) == [b"1", b"2"]
    assert inbox.take(ALICE, 2.0) == []
    assert inbox.take(BOB, 2.0) == [b"x"]
    assert inbox.size_bytes == 0


def test_a_day_later_they_are_gone():
    inbox = Inbox()
    inbox.store(ALICE, b"old", 0.0)
    inbox.store(ALICE, b"new", 10.0)
    assert inbox.take(ALICE, DAY_S + 5.0) == [b"new"]


def test_expire_frees_the_room_of_clients_that_never_come_back():
    inbox = Inbox()
    inbox.store(ALICE, bytes(100), 0.0)
    inbox.store(BOB, bytes(10), DAY_S)
    inbox.expire(DAY_S + 1.0)
    assert inbox.size_bytes == 10


def test_one_clients_oldest_payloads_make_room_for_its_newest():
    inbox = Inbox(InboxLimits(max_bytes=100, max_client_bytes=30))
    for number in range(5):
        assert inbox.store(ALICE, bytes([number]) * 10, 0.0)
    assert inbox.take(ALICE, 0.0) == [bytes([number]) * 10 for number in (2, 3, 4)]


def test_a_flood_for_one_client_does_not_push_out_what_others_wait_for():
    inbox = Inbox(InboxLimits(max_bytes=30, max_client_bytes=20))
    assert inbox.store(BOB, bytes(10), 0.0)
    for _ in range(10):
        inbox.store(ALICE, bytes(10), 0.0)
    assert inbox.size_bytes == 30
    assert inbox.store(CAROL, bytes(10), 0.0)
    assert inbox.size_bytes == 30
    assert inbox.take(BOB, 0.0) == [bytes(10)]
    assert inbox.take(CAROL, 0.0) == [bytes(10)]
    assert inbox.take(ALICE, 0.0) == [bytes(10)]


def test_in_a_full_inbox_of_equals_a_clients_own_oldest_payloads_make_room():
    inbox = Inbox(InboxLimits(max_bytes=40, max_client_bytes=30))
    for identity in (ALICE, BOB):
        for number in range(2):
            assert inbox.store(identity, bytes([number]) * 10, 0.0)
    assert inbox.store(BOB, bytes([2]) * 10, 0.0)
    assert inbox.take(ALICE, 0.0) == [bytes([0]) * 10, bytes([1]) * 10]
    assert inbox.take(BOB, 0.0) == [bytes([1]) * 10, bytes([2]) * 10]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 20), st.booleans()), max_size=200))
def test_no_bound_is_passed_and_a_newcomer_always_finds_room(steps):
    inbox, now = Inbox(InboxLimits(max_bytes=100, max_client_bytes=60)), 0.0
    for client, length, takes in steps:
        now += 1
        identity = bytes([client])
        if takes:
            inbox.take(identity, now)
        assert inbox.store(identity, bytes(length), now)
        assert inbox.size_bytes <= 100
    held = [inbox.take(bytes([client]), now) for client in range(6)]
    assert all(sum(map(len, payloads)) <= 60 for payloads in held)
    assert inbox.size_bytes == 0


def test_a_payload_larger_than_a_box_is_refused():
    inbox = Inbox(InboxLimits(max_bytes=30, max_client_bytes=20))
    assert not inbox.store(ALICE, bytes(21), 0.0)
    assert inbox.size_bytes == 0


def test_small_payloads_are_bounded_by_their_number():
    inbox = Inbox(InboxLimits(max_client_payloads=3))
    for number in range(5):
        assert inbox.store(ALICE, bytes([number]), 0.0)
    assert inbox.take(ALICE, 0.0) == [b"\x02", b"\x03", b"\x04"]
    assert inbox.size_bytes == 0


def test_what_was_handed_out_is_kept_until_it_is_settled():
    inbox = Inbox()
    for payload in (b"1", b"2", b"3"):
        inbox.store(ALICE, payload, 0.0)
    taken: list[bytes] = []

    def accept_two(payload: bytes) -> bool:
        taken.append(payload)
        return len(taken) < 3

    assert inbox.hand_out(ALICE, 1.0, accept_two) == 2
    assert inbox.size_bytes == 3
    inbox.store(ALICE, b"4", 1.0)
    inbox.settle(ALICE)
    assert inbox.take(ALICE, 1.0) == [b"3", b"4"]
    assert ALICE not in inbox


def test_what_makes_room_while_it_is_handed_out_is_not_settled_twice():
    inbox = Inbox(InboxLimits(max_client_payloads=2))
    inbox.store(ALICE, b"1", 0.0)
    inbox.store(ALICE, b"2", 0.0)
    assert inbox.hand_out(ALICE, 0.0, lambda _: True) == 2
    inbox.store(ALICE, b"3", 0.0)
    inbox.settle(ALICE)
    assert inbox.take(ALICE, 0.0) == [b"3"]
    assert inbox.size_bytes == 0
