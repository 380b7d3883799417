"""The flow table."""

from dataclasses import dataclass, field

import pytest

from mix_network.exit.nat.flow import FlowKey, FlowTable

ALICE, BOB, REMOTE = b"\x0a\x00\x00\x02", b"\x0a\x00\x00\x03", (b"\x09\x09\x09\x09", 443)


@dataclass
class Flow:
    key: FlowKey
    aborted: list[FlowKey] = field(default_factory=list)

    def abort(self) -> None:
        self.aborted.append(self.key)


def flow(client: bytes, port: int, protocol: str = "tcp") -> Flow:
    return Flow(FlowKey(protocol, (client, port), REMOTE))


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


def test_no_client_takes_more_than_its_share():
    table = FlowTable(max_flows=3, max_client_flows=2)
    flows = [flow(ALICE, 1), flow(ALICE, 2), flow(BOB, 1)]
    for each in flows[:2]:
        assert table.has_room_for(each.key.client[0])
        table.add(each)
    assert not table.has_room_for(ALICE)
    assert table.has_room_for(BOB)
    table.add(flows[2])
    assert not table.has_room_for(BOB)
    table.remove(flows[0])
    assert table.has_room_for(ALICE)


def test_a_key_is_entered_once():
    table = FlowTable()
    table.add(flow(ALICE, 1))
    with pytest.raises(AssertionError):
        table.add(flow(ALICE, 1))


def test_keys_are_readable():
    assert str(flow(ALICE, 5).key) == "tcp 10.0.0.2 port 5 to 9.9.9.9 port 443"
