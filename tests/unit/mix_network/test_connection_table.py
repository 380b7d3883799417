"""A listener's connections."""

from hypothesis import given
from hypothesis import strategies as st

from mix_network.connection_table import ConnectionTable


class Connection:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def opened(table: ConnectionTable, address: str | None = "127.0.0.1") -> Connection:
    connection = Connection()
    table.opened(connection, address)
    return connection


def test_one_too_many_takes_the_place_of_the_longest_idle():
    dropped: list[None] = []
    table = ConnectionTable(max_unproven=3, on_dropped=lambda: dropped.append(None))
    first, second, third = (opened(table) for _ in range(3))
    table.heard(first)
    fourth = opened(table)
    assert [each.aborted for each in (first, second, third, fourth)] == [False, True, False, False]
    assert len(table) == 3
    assert len(dropped) == 1


def test_strangers_push_out_strangers_and_nobody_who_has_shown_who_it_is():
    table = ConnectionTable(max_unproven=2, max_proven=2)
    known = [opened(table), opened(table)]
    for each in known:
        table.proven(each)
    strangers = [opened(table) for _ in range(50)]
    assert not any(each.aborted for each in known)
    assert sum(not each.aborted for each in strangers) == 2
    newcomer = strangers[-1]
    table.heard(known[0])
    table.proven(newcomer)
    assert [each.aborted for each in known] == [False, True]
    assert not newcomer.aborted


def test_one_address_has_an_eighth_of_the_places_except_on_loopback():
    table = ConnectionTable(max_unproven=8, max_proven=8)
    guest = opened(table, "198.51.100.1")
    crowd = [opened(table, "203.0.113.5") for _ in range(4)]
    assert [each.aborted for each in crowd] == [True, True, False, False]
    neighbours = [opened(table, f"2001:db8::{number}%eth0") for number in (1, 2, 3)]
    assert [each.aborted for each in neighbours] == [True, False, False]
    assert not guest.aborted
    own = [opened(table, "127.0.0.1") for _ in range(3)] + [opened(table, "::1"), opened(table, None)]
    assert not own[-1].aborted


def test_of_one_address_the_longest_idle_goes():
    table = ConnectionTable(max_unproven=16)
    first, second = opened(table, "203.0.113.5"), opened(table, "203.0.113.5")
    table.heard(first)
    opened(table, "203.0.113.5")
    assert (first.aborted, second.aborted) == (False, True)


def test_what_is_gone_counts_no_more_however_often_it_is_told():
    table = ConnectionTable(max_unproven=1)
    first = opened(table, "203.0.113.5")
    for _ in range(2):
        table.closed(first)
    table.heard(first)
    table.proven(first)
    assert len(table) == 0
    assert not opened(table, "203.0.113.5").aborted


@given(st.lists(st.tuples(st.sampled_from("ohpc"), st.integers(0, 30), st.integers(1, 4)), max_size=300))
def test_no_bound_is_passed_whatever_happens(steps):
    table = ConnectionTable(max_unproven=5, max_proven=7)
    made: list[Connection] = []
    for what, which, address in steps:
        if what == "o" or not made:
            made.append(opened(table, f"203.0.113.{address}"))
            assert made[-1] in list(table)
        else:
            {"h": table.heard, "p": table.proven, "c": table.closed}[what](made[which % len(made)])
        assert len(table._unproven) <= 5
        assert len(table._proven) <= 7
        assert not any(each.aborted for each in list(table))
        assert sum(map(len, table._by_origin.values())) == len(table)
