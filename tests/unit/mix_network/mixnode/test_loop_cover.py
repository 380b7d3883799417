"""A node's own loops, followed by someone who holds every node's key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.memory_mixnet import MemoryMixnet

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.loop_cover import LOST_AFTER_S, LoopCover
from mix_protocol.messages.acknowledgement import split_surb_ack
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, process_packet

LAYERS = [1, 2, 3, None]


class Stage:
    def __init__(self, layer: int | None) -> None:
        self.network = network = MemoryMixnet(seed=5)
        nodes = list(network.topology.gateways.values()) if layer is None else network.topology.layers[layer - 1]
        self.node = nodes[0]
        self.metrics = NodeMetrics("node", "mix-node")
        self.cover = LoopCover(network.crypto, network.random, self.metrics, identity=self.node.identity, rate=1.0)
        self.cover.set_topology(network.topology)

    def follow(self, address: Any, packet: bytes) -> tuple[list[Any], FinalPacket]:
        """The nodes on a packet's way, and what the last one reads."""
        way = []
        rotation = self.network.topology.key_rotation
        while True:
            way.append(address)
            done = process_packet(self.network.crypto, self.network._secrets[address, rotation], packet)
            assert done.version == 259
            if not isinstance(done, ForwardPacket):
                assert isinstance(done, FinalPacket)
                return way, done
            address, packet = done.next_hop, done.packet

    def places(self, way: list[Any]) -> list[int]:
        """The layers of nodes, 4 for gateways."""
        topology = self.network.topology
        layers = [*topology.layers, tuple(topology.gateways.values())]
        return [next(n for n, layer in enumerate(layers, 1) if at in {node.address for node in layer}) for at in way]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_loop_takes_the_ways_that_clients_packets_take_and_is_known_at_its_end(layer: int | None):
    stage = Stage(layer)
    for _ in range(20):
        sent = stage.cover.make(0.0)
        assert sent is not None
        assert len(sent.packet) == PacketSize.REGULAR.packet_length
        way, final = stage.follow(sent.first_hop, sent.packet)
        assert stage.places(way) == [*range((layer or 0) + 1, 5)]
        assert final.destination in stage.network.topology.gateways
        assert not stage.cover.has_returned(final.destination, final.surb_identifier)

        ack, _ = split_surb_ack(final.message)
        way, final = stage.follow(ack.first_hop, ack.packet)
        assert stage.places(way) == [*range(1, (layer or 4) + 1)]
        assert way[-1] == stage.node.address
        assert stage.cover.has_returned(final.destination, final.surb_identifier)
        assert not stage.cover.has_returned(final.destination, final.surb_identifier)
    assert (stage.metrics.loops_sent, stage.metrics.loops_returned) == (20, 20)


def test_what_others_send_is_no_loop():
    stage = Stage(2)
    stage.cover.make(0.0)
    assert not stage.cover.has_returned(stage.node.identity, bytes(16))
    assert not stage.cover.has_returned(b"c" * 32, b"i" * 16)
    assert stage.metrics.loops_returned == 0


def test_loops_that_are_lost_are_forgotten():
    stage = Stage(1)
    for second in range(200):
        stage.cover.make(float(second))
    assert len(stage.cover._under_way) == LOST_AFTER_S + 1


def test_nothing_is_sent_into_a_network_that_does_not_know_the_node():
    stage = Stage(1)
    network = MemoryMixnet(seed=6)
    unknown = LoopCover(network.crypto, network.random, stage.metrics, identity=b"?" * 32, rate=1.0)
    assert unknown.make(0.0) is None
    unknown.set_topology(network.topology)
    assert unknown.make(0.0) is None
    assert stage.metrics.loops_sent == 0


def test_a_node_that_is_drawn_into_another_layer_goes_the_ways_of_that():
    stage = Stage(1)
    topology = stage.network.topology
    stage.cover.set_topology(replace(topology, layers=(topology.layers[1], topology.layers[0], topology.layers[2])))
    sent = stage.cover.make(0.0)
    assert sent is not None
    assert stage.places(stage.follow(sent.first_hop, sent.packet)[0]) == [3, 4]
    others = (topology.layers[1], topology.layers[1], topology.layers[2])
    stage.cover.set_topology(replace(topology, layers=others))
    assert stage.cover.make(1.0) is None  # it has no part in this epoch
