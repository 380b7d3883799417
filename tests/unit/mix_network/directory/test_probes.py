"""Probes of a network monitor, processed by a node's own code."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mix_network.directory.probes import LOST_AFTER_S, Probes
from mix_network.directory.registered_node import RegisteredNode
from mix_network.directory.tomography import performance_of
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.acknowledgement import split_surb_ack
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, process_packet
from mix_protocol.topology.route import RouteHop

CRYPTO = NativeCrypto()
RANDOM = SeededRandom("probes")
SCHEDULE = RotationSchedule()
WALL_S = 1_795_249_698.0
ROTATION = SCHEDULE.rotation_of(SCHEDULE.epoch_at(WALL_S))
OWN = NodeAddress.from_text("192.0.2.1", 1795)


@pytest.fixture
def prober():
    identity = IdentityKeys.generate(CRYPTO, RANDOM)
    secret = RANDOM(32)
    own = RouteHop(OWN, CRYPTO.x25519_public(secret))
    return SimpleNamespace(probes=Probes(CRYPTO, RANDOM, identity.public), own=own, secret=secret)


def node(node_id, **roles):
    identity = IdentityKeys.generate(CRYPTO, RANDOM)
    keyring = SphinxKeyring(CRYPTO, RANDOM, SCHEDULE, WALL_S)
    facts = NodeFacts(ip_addresses=("192.0.2.7",), mix_port=1789, build_version="1.40.0", **roles)
    says = SelfDescription(identity.public, keyring, lambda: facts).describe(WALL_S)
    return RegisteredNode(node_id, says), keyring.current.secret


def come_back(prober, packet):
    final = process_packet(CRYPTO, prober.secret, packet)
    assert isinstance(final, FinalPacket)
    return prober.probes.has_returned(final.destination, final.surb_identifier)


def test_a_mix_node_passes_a_probe_on_to_where_it_came_from(prober):
    mix, secret = node(1, mixes=True)
    sent = prober.probes.make(mix, ROTATION, prober.own, 0.0)
    assert sent.first_hop == NodeAddress.from_text("192.0.2.7", 1789)
    passed = process_packet(CRYPTO, secret, sent.packet)
    assert isinstance(passed, ForwardPacket)
    assert passed.next_hop == OWN
    assert come_back(prober, passed.packet)
    assert not come_back(prober, passed.packet)  # once
    assert prober.probes.take_results(0.0).shares == {1: 1.0}
    assert prober.probes.take_results(0.0).shares == {}


def test_a_gateway_sends_the_acknowledgement_of_a_packet_for_nobody(prober):
    gateway, secret = node(2, ws_port=9000)
    sent = prober.probes.make(gateway, ROTATION, prober.own, 0.0)
    ended = process_packet(CRYPTO, secret, sent.packet)
    assert isinstance(ended, FinalPacket)
    assert ended.destination == gateway.identity
    ack, _ = split_surb_ack(ended.message)
    assert ack.first_hop == OWN
    assert come_back(prober, ack.packet)


def test_what_is_lost_counts_when_it_can_not_come_any_more(prober):
    (mix, secret), (other, _) = node(1, mixes=True), node(2, mixes=True)
    for at in range(4):
        sent = prober.probes.make(mix, ROTATION, prober.own, float(at))
        if at == 0:
            assert come_back(prober, process_packet(CRYPTO, secret, sent.packet).packet)
    prober.probes.make(other, ROTATION, prober.own, 10.0)
    assert prober.probes.take_results(0.9 + LOST_AFTER_S).shares == {1: 1.0}
    assert prober.probes.take_results(2.0 + LOST_AFTER_S).shares == {1: 0.0}
    assert come_back(prober, process_packet(CRYPTO, secret, sent.packet).packet)  # the last one, just in time
    assert prober.probes.take_results(3.0 + LOST_AFTER_S).shares == {1: 1.0}
    assert prober.probes.take_results(100.0).shares == {2: 0.0}
    assert prober.probes.take_results(200.0).shares == {}


def test_what_is_not_addressed_to_the_prober_is_none_of_them(prober):
    mix, _ = node(1, mixes=True)
    prober.probes.make(mix, ROTATION, prober.own, 0.0)
    assert not prober.probes.has_returned(b"x" * 32, bytes(16))


def whole_route(prober, passes, onward, back, secrets):
    """Send a probe through real nodes' steps; `passes` says whether a node, by number, passes this one on."""
    sent = prober.probes.make_whole(onward, back, ROTATION, prober.own, 0.0)
    packet = sent.packet
    for mix in onward[:-1]:
        forward = process_packet(CRYPTO, secrets[mix.node_id], packet)
        assert isinstance(forward, ForwardPacket)
        if not passes(mix.node_id):
            return False
        packet = forward.packet
    ended = process_packet(CRYPTO, secrets[onward[-1].node_id], packet)
    assert isinstance(ended, FinalPacket)
    assert ended.destination == onward[-1].identity
    packet = split_surb_ack(ended.message)[0].packet
    for mix in back:
        forward = process_packet(CRYPTO, secrets[mix.node_id], packet)
        assert isinstance(forward, ForwardPacket)
        if not passes(mix.node_id):
            return False
        packet = forward.packet
    return come_back(prober, packet)


def test_a_node_that_drops_half_of_what_it_does_not_know_for_probes_gets_about_half(prober):
    """It passes on all that leads straight back to the prober, and every other packet on whole routes."""
    nodes, secrets = {}, {}
    for number in range(1, 7):
        nodes[number], secrets[number] = node(number, mixes=True)
    for number in (7, 8):
        nodes[number], secrets[number] = node(number, ws_port=9000)
    cheat = 2
    for each in (nodes[number] for number in range(1, 7)):
        for _ in range(4):
            sent = prober.probes.make(each, ROTATION, prober.own, 0.0)
            assert come_back(prober, process_packet(CRYPTO, secrets[each.node_id], sent.packet).packet)
    alone = prober.probes.take_results(0.0).shares
    assert alone == dict.fromkeys(range(1, 7), 1.0)

    def passes(number):
        return number != cheat or RANDOM(1)[0] % 2 == 0

    def draw(*numbers):
        return nodes[numbers[RANDOM(1)[0] % len(numbers)]]

    for _ in range(150):
        layers = ((1, 2), (3, 4), (5, 6))
        whole_route(
            prober, passes, [*(draw(*layer) for layer in layers), draw(7, 8)], [draw(*each) for each in layers], secrets
        )
    routes = prober.probes.take_results(LOST_AFTER_S).paths
    assert len(routes) == 150
    performance = performance_of(alone, routes)
    assert 0.35 < performance.pop(cheat) < 0.65
    assert min(performance.values()) > 0.9
    assert performance.keys() >= {1, 3, 4, 5, 6, 7, 8}
