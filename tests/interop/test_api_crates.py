"""Answers of our nodes and directory, read by the types of the crates `nym-node-requests` and `nym-api-requests` 2.0.0.

What those write is read by ours.
"""

from __future__ import annotations

import json
import time
from ipaddress import ip_address

import httpx
import pytest
from support.judge import SLOW, LineJudge

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.codec import base58
from mix_protocol.codec.bincode import BincodeReader
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.node_api import metrics
from mix_protocol.node_api.answers import encode_answer
from mix_protocol.node_api.directory_requests import AddressesAnswer, AddressesRequest, RefreshRequest
from mix_protocol.node_api.exit_policy import AddressPattern, Policy, PolicyRule, PortRange, UsedExitPolicy
from mix_protocol.node_api.host_information import decode_host_information, encode_host_information
from mix_protocol.node_api.load import Load, NodeLoad
from mix_protocol.node_api.self_description import (
    AuxiliaryDetailsV2,
    ClientInterfaces,
    Gateway,
    Health,
    NodeRoles,
    OperatorDescription,
    ServiceDetails,
)
from mix_protocol.topology.described import (
    AuxiliaryDetails,
    BuildInformation,
    HostInformation,
    HostKeys,
    MixnetWebSockets,
    NoiseKey,
    SphinxKey,
    Wireguard,
)

pytestmark = pytest.mark.timeout(2400)  # a first build takes ten minutes and more

CRYPTO = NativeCrypto()
SEED = b"\x07" * 32
IDENTITY = base58.encode(CRYPTO.ed25519_public(SEED))
SPHINX, NEXT, NOISE = (base58.encode(CRYPTO.x25519_public(bytes([number]) * 32)) for number in (1, 2, 3))
TIME = "2026-05-16T12:00:00Z"


@pytest.fixture(scope="module")
def judge():
    judge = LineJudge(SLOW)
    yield judge
    judge.close()


def information(*, hostname=None, following=None, noise=None, addresses=("192.0.2.1",)) -> HostInformation:
    keys = HostKeys(
        ed25519=IDENTITY,
        x25519=SPHINX,
        current_x25519_sphinx_key=SphinxKey(rotation_id=41, public_key=SPHINX),
        pre_announced_x25519_sphinx_key=following,
        x25519_versioned_noise=noise,
    )
    return HostInformation(ip_address=list(addresses), hostname=hostname, keys=keys)


HOSTS = [
    information(),
    information(hostname="node.example", following=SphinxKey(rotation_id=42, public_key=NEXT)),
    information(hostname='odd "name" ü\x01', noise=NoiseKey(supported_version=1, x25519_pubkey=NOISE)),
    information(noise=NoiseKey(supported_version=9, x25519_pubkey=NOISE)),
    information(
        addresses=["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80:0:0:1::", "1:0:0:2:0:0:0:3", "::1.2.3.4"]
    ),
]


@pytest.mark.parametrize("host", HOSTS)
def test_host_information_is_signed_for_both(judge, host):
    """Signed host information, written by either, checked by the other"""
    ours = encode_host_information(CRYPTO, SEED, host).decode()
    assert judge.ask("check_host", document=ours) == {"is_signed": True, "is_reachable": True}
    assert judge.ask("check_host", document=ours.replace("192.0.2.1", "192.0.2.2"))["is_signed"] is False
    unsigned = json.dumps(json.loads(ours)["data"])
    theirs = judge.ask("sign_host", seed=SEED.hex(), document=unsigned)["document"]
    assert theirs == ours
    assert decode_host_information(CRYPTO, theirs.encode()) == decode_host_information(CRYPTO, ours.encode())


def test_a_request_to_be_looked_at_again_is_signed_for_both(judge):
    """A signed request to be described again, written by either, checked by the other"""
    ours = RefreshRequest.sign(CRYPTO, SEED, int(time.time()))
    assert judge.ask("check_refresh", document=ours.encode().decode()) == {"is_signed": True, "is_stale": False}
    old = RefreshRequest.sign(CRYPTO, SEED, int(time.time()) - 40)
    assert judge.ask("check_refresh", document=old.encode().decode()) == {"is_signed": True, "is_stale": True}
    theirs = RefreshRequest.decode(judge.ask("sign_refresh", seed=SEED.hex())["document"].encode())
    theirs.check(CRYPTO, time.time())
    assert theirs.identity == CRYPTO.ed25519_public(SEED)


PORTS = AddressPattern(ip_pattern="1.2.3.6/16", ports=PortRange(start=80, end=81))
WEBSOCKETS = MixnetWebSockets(ws_port=9000)
RUN = metrics.VerlocRun(nodes_tested=1, run_started=TIME, results=[metrics.VerlocNodeResult(node_identity=IDENTITY)])
ANSWERS = [
    (
        "roles",
        NodeRoles(
            mixnode_enabled=True, gateway_enabled=False, network_requester_enabled=False, ip_packet_router_enabled=True
        ),
    ),
    (
        "build information",
        BuildInformation(build_version="1.2.3", build_timestamp=TIME, commit_timestamp=TIME, cargo_triple="x"),
    ),
    ("auxiliary v1", AuxiliaryDetails(location="PL")),
    ("auxiliary v2", AuxiliaryDetailsV2(address="n1")),
    ("description", OperatorDescription(moniker="a")),
    ("health", Health(uptime=5)),
    ("load", NodeLoad(total=Load.AT_CAPACITY, machine=Load.VERY_HIGH, network=Load.UNKNOWN)),
    ("gateway", Gateway(client_interfaces=ClientInterfaces(mixnet_websockets=WEBSOCKETS))),
    ("client interfaces", ClientInterfaces(wireguard=Wireguard(port=1, public_key="k"))),
    ("websockets", MixnetWebSockets(ws_port=9000, wss_port=443)),
    ("service", ServiceDetails(encoded_identity_key="a", encoded_x25519_key="b", address="c")),
    ("exit policy", UsedExitPolicy(enabled=False)),
    (
        "exit policy",
        UsedExitPolicy(
            enabled=True,
            upstream_source="u",
            last_updated=1,
            policy=Policy(rules=[PolicyRule(action=action, pattern=PORTS) for action in ("accept", "reject6")]),
        ),
    ),
    (
        "packets",
        metrics.PacketsStats(ingress_mixing=metrics.IngressMixing(), egress_mixing=metrics.EgressMixing()),
    ),
    (
        "mixing",
        metrics.MixingStats(
            update_time=TIME,
            previous_update_time=TIME,
            received_since_startup=1,
            sent_since_startup=2,
            dropped_since_startup=3,
            received_since_last_update=4,
            sent_since_last_update=5,
            dropped_since_last_update=6,
        ),
    ),
    ("sessions", metrics.SessionStats(update_time=TIME, sessions=[metrics.Session(duration_ms=1, typ="vpn")])),
    ("wireguard", metrics.WireguardStats()),
    ("verloc", metrics.VerlocStats(previous={"data": RUN}, current=metrics.MEASURING)),
    ("by addresses", AddressesRequest(addresses=["192.0.2.1", "2001:db8::1"])),
    ("existence", AddressesAnswer(existence={"192.0.2.1": 7})),
]


@pytest.mark.parametrize(("kind", "answer"), ANSWERS)
def test_a_nodes_answers_come_back_as_they_were(judge, kind, answer):
    """What a node answers of itself, read and written again by theirs"""
    written = encode_answer(answer).decode()
    assert judge.ask("read", kind=kind, document=written, bincode=False) == {"document": written, "bincode": None}


DOCUMENTS = {
    "rewarded set": "v1/nym-nodes/rewarded-set",
    "key rotation info": "v1/epoch/key-rotation-info",
    "skimmed": "v2/unstable/nym-nodes/skimmed",
    "semi-skimmed v1": "v1/unstable/nym-nodes/semi-skimmed",
    "semi-skimmed v2": "v2/unstable/nym-nodes/semi-skimmed",
    "semi-skimmed v3": "v3/unstable/nym-nodes/semi-skimmed",
    "described v1": "v1/nym-nodes/described",
    "described v2": "v2/nym-nodes/described",
}


async def test_the_directorys_answers_are_read(judge):
    """What the directory answers, read and written again by theirs"""
    options = NetworkOptions(noise=True, allow_local=True, hosts={"demo.test": (ip_address("127.0.0.1"),)})
    async with LocalNetwork(options) as network, httpx.AsyncClient(base_url=network.directory_url) as client:
        for kind, path in DOCUMENTS.items():
            answer = await client.get(f"/{path}?page=0")
            assert answer.status_code == 200
            read = judge.ask("read", kind=kind, document=answer.text, bincode=kind == "semi-skimmed v3")
            assert "error" not in read, (kind, read)
            assert strip(json.loads(read["document"])) == strip(answer.json()), kind
            if kind == "semi-skimmed v3":
                packed = (await client.get(f"/{path}?output=bincode")).content
                # Moments are written in more ways than one, and it has passed another one.
                assert behind_the_moment(packed) == behind_the_moment(bytes.fromhex(read["bincode"]))


def behind_the_moment(packed: bytes) -> bytes:
    reader = BincodeReader(packed, "list", byteorder="little")
    reader.boolean()
    reader.uint(), reader.uint(), reader.string(64)
    return reader.take(reader.remaining)


def strip(value: object) -> object:
    """Without moments, which are written in more ways than one."""
    if isinstance(value, dict):
        return {
            name: strip(inner)
            for name, inner in value.items()
            if name not in ("refreshed_at", "last_polled", "current_epoch_start", "performance")
        }
    return [strip(inner) for inner in value] if isinstance(value, list) else value
