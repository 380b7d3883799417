"""What all nodes do with a frame, on a virtual clock: hold, send on, hand over, or drop and count."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.virtual_time import virtual_time

from mix_network.metrics import NodeMetrics
from mix_network.mixnode import mixer
from mix_network.mixnode.mixing import MixingNode, NodeContext
from mix_network.mixnode.processing import Outcome
from mix_network.network_view import NetworkView
from mix_network.node_keys import SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.mixwire.frames import NodeFrame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.topology.route import RouteHop

CRYPTO, RANDOM = NativeCrypto(), SeededRandom("mixing")
WALL_S = 1_795_249_698.0
OWN, NEXT = NodeAddress.from_text("127.0.0.1", 1789), NodeAddress.from_text("127.0.0.1", 1790)
NEXT_PUBLIC = CRYPTO.x25519_public(RANDOM(32))
SECOND_NS = 1_000_000_000


class Outgoing:
    """Notes when something is sent."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def send(self, next_hop: NodeAddress, packet: bytes, key_rotation: KeyRotation) -> None:
        assert next_hop == NEXT
        self.times.append(asyncio.get_running_loop().time())


class Node:
    def __init__(self, *, mixes: bool = True, is_gateway: bool = False) -> None:
        schedule = RotationSchedule()
        self.keyring = SphinxKeyring(CRYPTO, RANDOM, schedule, WALL_S)
        self.metrics = NodeMetrics("mix", "mix-node")
        self.final: list[bytes] = []
        context = NodeContext(CRYPTO, NetworkView([NEXT]), schedule, lambda: WALL_S)
        on_final = (lambda packet, size, rotation: self.final.append(packet.message)) if is_gateway else None
        self.mixing = MixingNode(context, self.keyring, self.metrics, mixes=mixes, on_final=on_final)
        self.outgoing = self.mixing._outgoing = Outgoing()
        self.began = asyncio.get_running_loop().time()

    def receive(self, delay_ns: int = 0, **options: Any) -> None:
        self.receive_raw(self.packet(delay_ns, **options))

    def packet(self, delay_ns: int = 0, *, size: PacketSize = PacketSize.REGULAR, ends_here: bool = False) -> bytes:
        own = RouteHop(OWN, self.keyring.current.public)
        route = [own] if ends_here else [own, RouteHop(NEXT, NEXT_PUBLIC)]
        delays_ns = [delay_ns, *[0] * (len(route) - 1)]
        return build_packet(
            CRYPTO, RANDOM, route=route, delays_ns=delays_ns, destination=bytes(32), message=b"hello", size=size
        )

    def receive_raw(self, *packets: bytes) -> None:
        rotation = KeyRotation.from_rotation_id(self.keyring.current.rotation_id)
        self.mixing._receive_frames([NodeFrame(packet, rotation) for packet in packets])

    @property
    def sent_after(self) -> list[float]:
        return [round(time - self.began, 6) for time in self.outgoing.times]


@virtual_time
async def test_packets_leave_exactly_when_their_delays_are_over():
    node = Node()
    for delay_s in (3, 1, 2, 1):
        node.receive(delay_s * SECOND_NS)
    assert node.metrics.waiting == 4
    await asyncio.sleep(5)
    assert node.sent_after == [1, 1, 2, 3]
    assert node.metrics.waiting == 0


@virtual_time
async def test_nobody_holds_a_place_for_longer_than_the_longest_delay():
    node = Node()
    node.receive(2**63)
    await asyncio.sleep(20)
    assert node.sent_after == [10]
    assert node.metrics.delays_capped == 1


@pytest.mark.parametrize(("packets", "size"), [(3, PacketSize.REGULAR), (2, PacketSize.EXTENDED_32)])
@virtual_time
async def test_a_flood_fills_the_queue_and_no_more_and_then_packets_pass_again(packets, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixer, "DELAY_QUEUE_PACKETS", 3)
        patch.setattr(mixer, "DELAY_QUEUE_BYTES", 80_000)
        node = Node()
    for _ in range(6):
        node.receive(9 * SECOND_NS, size=size)
    assert node.metrics.waiting == packets
    assert node.metrics.dropped == {"delay_queue_full": 6 - packets}
    await asyncio.sleep(9)
    node.receive(size=size)
    await asyncio.sleep(1)
    assert node.sent_after == [9] * (packets + 1)


@virtual_time
async def test_who_has_not_the_role_drops():
    gateway, mix = Node(mixes=False, is_gateway=True), Node()
    gateway.receive()
    gateway.receive(ends_here=True)
    mix.receive(ends_here=True)
    await asyncio.sleep(1)
    assert gateway.metrics.dropped == {"not_a_mix_node": 1}
    assert gateway.final == [b"hello"]
    assert mix.metrics.dropped == {"not_a_gateway": 1}
    assert gateway.sent_after == mix.sent_after == []


@given(st.sampled_from(list(PacketSize)), st.data())
def test_garbage_is_dropped_and_counted_and_others_pass(size: PacketSize, data: st.DataObject):
    start = data.draw(st.binary(max_size=400))

    @virtual_time
    async def check() -> None:
        node = Node()
        node.receive_raw(start.ljust(size.packet_length, b"\x07")[: size.packet_length])
        assert node.metrics.malformed == 1
        node.receive()
        await asyncio.sleep(1)
        assert node.sent_after == [0]

    check()


@pytest.mark.expects_crashes
def test_a_packet_that_cannot_be_handled_costs_that_packet(caplog: pytest.LogCaptureFixture):
    @virtual_time
    async def check() -> None:
        node = Node()
        packets = [node.packet() for _ in range(5)]
        process = node.mixing._mixer._processor.process_frames

        def crash_at_some(frames: list[NodeFrame]) -> list[Outcome]:
            if any(frame.packet in packets[1:3] for frame in frames):
                raise ZeroDivisionError
            return process(frames)

        node.mixing._mixer._processor.process_frames = crash_at_some
        node.receive_raw(*packets)
        await asyncio.sleep(1)
        assert len(node.outgoing.times) == 3

    check()
    assert len(caplog.records) == 1
