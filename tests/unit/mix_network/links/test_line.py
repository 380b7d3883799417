"""Links driven by an event loop whose clock jumps."""

from __future__ import annotations

import asyncio

import pytest
from support.virtual_time import virtual_time

from mix_network.errors import InvalidNetworkOption
from mix_network.links.line import LinkEmulation
from mix_protocol.addressing import NodeAddress

PEER = NodeAddress.from_text("127.0.0.1", 1)
OTHER_PORT = NodeAddress.from_text("127.0.0.1", 2)


@virtual_time
async def test_without_delay_everything_arrives_at_once():
    arrived: list[bytes] = []
    line = LinkEmulation().node_line("mix-1", PEER, arrived.append, arrived.append)
    line.send(b"a")
    assert arrived == [b"a"]


@virtual_time
async def test_it_arrives_in_time_and_in_order():
    loop = asyncio.get_running_loop()
    arrived: list[tuple[bytes, float]] = []
    started = loop.time()
    links = LinkEmulation("delay=80ms jitter=30ms")
    line = links.node_line("mix-1", PEER, lambda item: arrived.append((item, loop.time() - started)), print)
    for number in range(50):
        line.send(bytes([number]))
        await asyncio.sleep(0.001)
    await line.drain()
    assert [item for item, _ in arrived] == [bytes([number]) for number in range(50)]
    assert all(0.08 + 0.001 * number <= late < 0.111 + 0.001 * number for number, (_, late) in enumerate(arrived))


@virtual_time
async def test_links_are_switched_while_packets_are_on_their_way():
    arrived: list[bytes] = []
    links = LinkEmulation("delay=1s")
    node = links.node_line("mix-1", PEER, arrived.append, print)
    up, down = links.client_lines(arrived.append, arrived.append)
    for line in (node, up, down):
        line.send(b"slow")
    links.change("none")
    assert links.links.text == "none"
    await asyncio.sleep(0.99)
    assert arrived == []
    await asyncio.sleep(0.02)
    for line in (node, up, down):
        line.send(b"quick")
    assert arrived == [b"slow"] * 3 + [b"quick"] * 3
    with pytest.raises(InvalidNetworkOption):
        links.change("warp")
    assert links.links.text == "none"


@virtual_time
async def test_a_presets_client_link_is_not_that_of_nodes():
    loop = asyncio.get_running_loop()
    times: list[float] = []
    links = LinkEmulation("mobile")
    up, _ = links.client_lines(lambda _: times.append(loop.time()), lambda _: None)
    node = links.node_line("entry", PEER, lambda _: times.append(loop.time()), print)
    started = loop.time()
    for line in (node, up):
        line.send(b"a")
    await up.drain()
    assert 0.015 <= times[0] - started < 0.021
    assert times[1] - started >= 0.060


@virtual_time
async def test_who_sends_waits_while_the_link_is_full():
    loop = asyncio.get_running_loop()
    up, _ = LinkEmulation("rate=800kbit").client_lines(lambda _: None, lambda _: None)
    started = loop.time()
    for _ in range(300):
        up.send(bytes(1000))
        await up.wait_for_room()
    assert loop.time() - started == pytest.approx(2.0)
    up.close()


@virtual_time
async def test_what_is_on_its_way_is_forgotten_when_the_line_is_closed():
    arrived: list[bytes] = []
    line = LinkEmulation("delay=1s").node_line("mix-1", PEER, arrived.append, print)
    line.send(b"a")
    line.close()
    await asyncio.sleep(2)
    assert arrived == []


@virtual_time
async def test_the_same_seed_loses_the_same_packets_whatever_the_ports():
    def lost(seed: int, peer: NodeAddress) -> list[int]:
        arrived: list[bytes] = []
        links = LinkEmulation("loss=20%", seed)
        links.name_nodes({peer: "mix-2"})
        drops: list[str] = []
        line = links.node_line("mix-1", peer, arrived.append, drops.append)
        for number in range(100):
            line.send(bytes([number]))
        assert drops == ["link_loss"] * (100 - len(arrived))
        return [number for number in range(100) if bytes([number]) not in arrived]

    assert lost(1, PEER) == lost(1, OTHER_PORT)
    assert lost(1, PEER) != lost(2, PEER)


@virtual_time
async def test_one_node_can_be_slower_than_the_others_whatever_those_are_like():
    loop = asyncio.get_running_loop()
    times: list[float] = []
    links = LinkEmulation()
    slow = links.node_line("mix-1", PEER, lambda _: times.append(loop.time()), print)
    other = links.node_line("mix-2", PEER, lambda _: times.append(loop.time()), print)
    links.slow("mix-1", "delay=500ms")
    links.slow("entry", "delay=200ms")
    _, down = links.client_lines(print, lambda _: times.append(loop.time()), "entry")
    links.change("delay=10ms")
    started = loop.time()
    for line in (slow, other, down):
        line.send(b"a")
    await asyncio.sleep(1)
    assert [round(at - started, 3) for at in times] == [0.01, 0.2, 0.5]
    links.slow("mix-1", None)
    slow.send(b"b")
    await asyncio.sleep(1)
    assert times[-1] - started == pytest.approx(1.01)
