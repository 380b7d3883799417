"""Which gateways and exits are tried, and in which order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from support.memory_mixnet import MemoryMixnet

from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.topology.documents import (
    EntryInterface,
    EpochDuration,
    KeyRotationInfo,
    KeyRotationState,
    RotationProgress,
    SkimmedMetadata,
    SkimmedNode,
    SkimmedNodes,
    SupportedRoles,
)
from mix_protocol.topology.errors import NoDiverseRoute, NoExit, NoTlsGateway
from mix_protocol.topology.exits import ExitNode
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.candidates import entry_candidates, exit_candidates
from mix_tunnel.runtime.directory import DirectorySnapshot
from mix_tunnel.runtime.directory_trust import InternalGateways
from mix_tunnel.runtime.tunnel_errors import PinnedExitUnreachable, PinnedGatewayMissing

TLS, PLAIN, LOOPBACK = b"t" * 32, b"p" * 32, b"l" * 32
NETWORK = MemoryMixnet(1, gateways=3)
TOPOLOGY = NETWORK.topology


def gateway(identity: bytes, ip: str, hostname: str | None = None, wss_port: int | None = None) -> SkimmedNode:
    return SkimmedNode(
        node_id=identity[0],
        ed25519_identity_pubkey=base58.encode(identity),
        ip_addresses=[ip],
        mix_port=1789,
        x25519_sphinx_pubkey=base58.encode(b"k" * 32),
        supported_roles=SupportedRoles(entry=True),
        entry=EntryInterface(hostname=hostname, ws_port=9000, wss_port=wss_port),
        performance="0.9",
    )


def snapshot(*nodes: SkimmedNode) -> DirectorySnapshot:
    entries = SkimmedNodes.of(SkimmedMetadata(absolute_epoch_id=1, rotation_id=7), list(nodes))
    rotation = KeyRotationInfo(
        key_rotation_state=KeyRotationState(validity_epochs=24, initial_epoch_id=0),
        current_absolute_epoch_id=1,
        current_epoch_start="",
        epoch_duration=EpochDuration(secs=3600),
        progress=RotationProgress(
            current_key_rotation_id=7, current_rotation_starting_epoch=0, current_rotation_ending_epoch=23
        ),
    )
    return DirectorySnapshot(TOPOLOGY, entries, rotation)


ALL = snapshot(
    gateway(TLS, "1.2.3.4", "gateway.example", 443), gateway(PLAIN, "1.2.3.5"), gateway(LOOPBACK, "127.0.0.1")
)


LOCAL = "http://127.0.0.1:8080/api"
"""A directory that may know gateways on loopback."""


def identities(
    options: TunnelOptions, known: Collection[bytes] = (), seed: int = 1, exits: Collection[bytes] = ()
) -> list[bytes]:
    nodes = entry_candidates(options, ALL, [exit_at(gateway) for gateway in exits], known, SeededRandom(seed))
    return [node.identity for node in nodes]


def test_with_forced_tls_only_plain_gateways_elsewhere_are_left_out():
    assert set(identities(TunnelOptions(directory_url=LOCAL))) == {TLS, LOOPBACK}
    assert set(identities(TunnelOptions(directory_url=LOCAL, force_tls=False))) == {TLS, PLAIN, LOOPBACK}


@pytest.mark.parametrize(
    ("directory", "taken"),
    [
        ("https://directory.example/api", {"1.2.3.4", "gateway.example"}),
        ("http://198.51.100.7/api", {"1.2.3.4", "gateway.example", "10.1.2.3", "172.18.0.5", "[fd00::1]", "gw.local"}),
        ("https://directory/api", {"1.2.3.4", "gateway.example", "10.1.2.3", "172.18.0.5", "[fd00::1]", "gw.local"}),
        (LOCAL, None),
    ],
)
def test_a_directory_lists_only_gateways_of_its_own_reach(directory: str, taken: set[str] | None):
    hosts = ["1.2.3.4", "10.1.2.3", "172.18.0.5", "fd00::1", "127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"]
    nodes = [gateway(bytes([number]) * 32, host) for number, host in enumerate(hosts)]
    names = ["gateway.example", "gw.local", "localhost", "a.localhost", "127.0.0.1"]
    nodes += [gateway(bytes([50 + number]) * 32, "1.2.3.4", name, 443) for number, name in enumerate(names)]
    options = TunnelOptions(directory_url=directory, force_tls=False)
    found = entry_candidates(options, snapshot(*nodes), [], (), SeededRandom(1))
    if taken is None:
        assert len(found) == len(nodes)
    else:
        assert {node.ws_host for node in found} == taken


def test_a_public_directory_that_knows_internal_gateways_alone_is_not_followed():
    options = TunnelOptions(force_tls=False)
    inside = snapshot(gateway(PLAIN, "192.168.1.1"))
    with pytest.raises(InternalGateways):
        entry_candidates(options, inside, [], (), SeededRandom(1))
    pinned = TunnelOptions(force_tls=False, preferred_gateway=base58.encode(PLAIN))
    with pytest.raises(InternalGateways):
        entry_candidates(pinned, inside, [], (), SeededRandom(1))


def test_the_order_is_random_but_known_gateways_come_first():
    options = TunnelOptions(force_tls=False, directory_url=LOCAL)
    assert len({tuple(identities(options, seed=seed)) for seed in range(60)}) == 6
    assert all(identities(options, {PLAIN}, seed)[0] == PLAIN for seed in range(10))


def test_a_pinned_gateway_is_the_only_candidate():
    assert identities(TunnelOptions(preferred_gateway=base58.encode(TLS))) == [TLS]
    with pytest.raises(PinnedGatewayMissing):
        identities(TunnelOptions(preferred_gateway=base58.encode(b"x" * 32)))
    with pytest.raises(NoTlsGateway):
        identities(TunnelOptions(preferred_gateway=base58.encode(PLAIN)))
    assert identities(TunnelOptions(preferred_gateway=base58.encode(PLAIN), force_tls=False)) == [PLAIN]


def exit_at(identity: bytes, performance: int = 100) -> ExitNode:
    return ExitNode(Recipient(b"i" * 32, b"k" * 32, identity), "1.37.0", 10, performance)


def test_exits_at_gateways_that_no_route_leads_to_are_left_out():
    reachable, elsewhere = exit_at(NETWORK.gateways[0]), exit_at(b"z" * 32)
    random = SeededRandom(1)
    assert exit_candidates(TunnelOptions(), [elsewhere, reachable], TOPOLOGY, b"", random) == [reachable]
    with pytest.raises(NoExit):
        exit_candidates(TunnelOptions(), [elsewhere], TOPOLOGY, b"", random)
    pinned = TunnelOptions(preferred_ipr=elsewhere.recipient.to_text())
    with pytest.raises(PinnedExitUnreachable):
        exit_candidates(pinned, [elsewhere], TOPOLOGY, b"", random)


def test_one_gateway_is_not_entry_and_exit_while_there_is_another():
    options = TunnelOptions(force_tls=False)
    for seed in range(10):
        assert identities(options, {PLAIN}, seed, exits=[PLAIN])[-1] == PLAIN
        assert identities(options, {PLAIN}, seed, exits=[PLAIN, TLS])[0] == PLAIN
        exits = [exit_at(gateway) for gateway in NETWORK.gateways]
        order = exit_candidates(options, exits, TOPOLOGY, NETWORK.gateways[1], SeededRandom(seed))
        assert order[-1].gateway == NETWORK.gateways[1]


def test_better_exits_are_tried_first_more_often():
    good, bad = exit_at(NETWORK.gateways[0], 90), exit_at(NETWORK.gateways[1], 10)
    first = [exit_candidates(TunnelOptions(), [bad, good], TOPOLOGY, b"", SeededRandom(seed))[0] for seed in range(300)]
    assert 240 < first.count(good) < 297


def test_exits_that_are_close_to_the_entry_gateway_are_left_out():
    near, far = (
        replace(TOPOLOGY.gateways[name], kinship=frozenset(marks))
        for name, marks in zip(NETWORK.gateways[1:], (["network 1"], ["network 2"]), strict=True)
    )
    entry = replace(TOPOLOGY.gateways[NETWORK.gateways[0]], kinship=frozenset(["network 1"]))
    topology = replace(TOPOLOGY, gateways={node.identity: node for node in (entry, near, far)})
    exits = [exit_at(near.identity), exit_at(far.identity)]
    assert exit_candidates(TunnelOptions(), exits, topology, entry.identity, SeededRandom(1)) == exits[1:]
    with pytest.raises(NoDiverseRoute, match="allow_close_nodes"):
        exit_candidates(TunnelOptions(), exits[:1], topology, entry.identity, SeededRandom(1))
