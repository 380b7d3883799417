"""The flow table."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_network.exit.nat.flow import FlowKey, FlowTable
from mix_protocol.netstack.wire.ip import pack_address

ALICE, BOB, CAROL = (bytes((10, 0, 0, number)) for number in (2, 3, 4))
ALICE6 = pack_address("fc00::2")
REMOTE = (bytes((9, 9, 9, 9)), 443)


@dataclass
class Flow:
    key: FlowKey
    table: FlowTable | None = None
    last_active: float = 0.0
    idle_s: float = 60.0
    aborted: bool = False

    def abort(self) -> None:
        self.aborted = True
        assert self.table is not None
        self.table.remove(self)


def flow(client: bytes, port: int, protocol: str = "tcp", table: FlowTable | None = None, now: float = 0.0) -> Flow:
    return Flow(FlowKey(protocol, (client, port), REMOTE), table, now)


def test_flows_are_found_counted_and_removed():
    table = FlowTable()
    first, second = flow(ALICE, 1), flow(ALICE, 1, "udp")
    table.add(first)
    table.add(second)
    assert table.get(first.key) is first
    assert table.counts() == {"tcp": 1, "udp": 1, "icmp": 0}
    assert table.of_client(ALICE) == [first, second]
    assert table.of_client(BOB) == []
    table.remove(first)
    table.remove(first)
    assert table.all() == [second]
    assert len(table) == 1


def test_removing_a_flow_leaves_its_successor_alone():
    table = FlowTable()
    old, new = flow(ALICE, 1), flow(ALICE, 1)
    table.add(old)
    table.remove(old)
    table.add(new)
    table.remove(old)
    assert table.get(new.key) is new


def filled(table: FlowTable, clients: dict[bytes, int], now: float = 0.0) -> list[Flow]:
    """Flows of clients, each used one second after the one before."""
    flows = [flow(client, port, table=table) for client, count in clients.items() for port in range(1, count + 1)]
    for number, each in enumerate(flows):
        assert table.make_room(each.key.client[0], now)
        table.add(each)
        table.touch(each, now + number)
    return flows


def test_no_client_takes_more_than_its_share_and_its_own_least_used_flow_makes_room():
    table = FlowTable(max_flows=10, max_client_flows=2)
    first, second = filled(table, {ALICE: 2})
    table.touch(first, 5.0)
    assert table.make_room(ALICE, 100.0)
    assert table.all() == [first]
    assert second.aborted


def test_both_addresses_of_a_client_have_one_share():
    table = FlowTable(max_flows=10, max_client_flows=2)
    filled(table, {ALICE: 1, ALICE6: 1})
    assert len(table.of_client(ALICE)) == len(table.of_client(ALICE6)) == 2
    assert table.make_room(ALICE6, 100.0)
    assert len(table) == 1


def test_flows_that_were_just_used_make_no_room_for_more_of_the_same_client():
    table = FlowTable(max_flows=10, max_client_flows=2)
    flows = filled(table, {ALICE: 2})
    assert not table.make_room(ALICE, 0.9)
    assert table.all() == flows


def test_in_a_full_table_the_greediest_client_makes_room_however_busy_it_is():
    table = FlowTable(max_flows=5, max_client_flows=5)
    alices = filled(table, {ALICE: 3})
    bobs = filled(table, {BOB: 2})
    table.touch(alices[0], 7.0)
    assert table.make_room(CAROL, 7.0)
    assert table.all() == [alices[0], alices[2], *bobs]
    assert alices[1].aborted
    assert not any(each.aborted for each in bobs)


def test_a_client_takes_nothing_from_clients_that_have_no_more_than_itself():
    table = FlowTable(max_flows=4, max_client_flows=4)
    alices, bobs = filled(table, {ALICE: 2}), filled(table, {BOB: 2})
    assert table.make_room(BOB, 100.0)
    assert table.all() == [*alices, bobs[1]]


@given(st.lists(st.tuples(st.integers(2, 6), st.integers(0, 3)), max_size=300))
def test_a_newcomer_always_finds_room_and_no_bound_is_passed(steps):
    table, now, made = FlowTable(max_flows=12, max_client_flows=5), 0.0, 0
    for client, wait in steps:
        now += wait / 4
        address = bytes((10, 0, 0, client))
        had = len(table.of_client(address))
        may = table.make_room(address, now)
        assert may or had
        if may:
            made += 1
            table.add(flow(address, made, table=table, now=now))
        assert len(table) <= 12
        assert all(len(table.of_client(bytes((10, 0, 0, other)))) <= 5 for other in range(2, 7))


def test_idle_flows_end():
    table = FlowTable()
    first, second = filled(table, {ALICE: 2})
    table.touch(second, 50.0)
    table.end_idle(first.idle_s)
    assert table.all() == [second]


def test_a_key_is_entered_once():
    table = FlowTable()
    table.add(flow(ALICE, 1))
    with pytest.raises(AssertionError):
        table.add(flow(ALICE, 1))


def test_keys_are_readable():
    assert str(flow(ALICE, 5).key) == "tcp 10.0.0.2 port 5 to 9.9.9.9 port 443"
