"""The directory's documents: as large as they may be, or as odd; each step of the work is short."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.bounded_work import check_bounded, check_busy

from mix_network.node.directory_client import NetworkPicture
from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.codec.steps import Steps, run
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import MixError
from mix_protocol.topology.described import decode_described_in_steps
from mix_protocol.topology.documents import (
    MAX_COMMAS,
    MAX_DOCUMENT_LENGTH,
    MAX_NODES,
    RewardedSet,
    decode_key_rotation_info,
    decode_rewarded_set,
    decode_skimmed,
    decode_skimmed_in_steps,
    encode_rewarded_set,
)
from mix_protocol.topology.entries import list_entry_gateways
from mix_protocol.topology.exits import ExitNode, list_exits_in_steps
from mix_protocol.topology.semi_skimmed import decode_semi_skimmed_in_steps
from mix_protocol.topology.skimmed_bincode import decode_skimmed_bincode, encode_skimmed_bincode
from mix_protocol.topology.topology import Topology
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.candidates import exit_candidates


def longest_step_s(steps: Steps[Any]) -> float:
    longest_s = 0.0
    while True:
        began = time.thread_time()
        try:
            next(steps)
        except (StopIteration, MixError):
            return max(longest_s, time.thread_time() - began)
        longest_s = max(longest_s, time.thread_time() - began)


def check_steps(make: Callable[[], Steps[Any]]) -> None:
    longest_s = min(longest_step_s(make()) for _ in range(2))
    check_busy(longest_s)


def key(number: int) -> str:
    return base58.encode(b"\xff" * 28 + number.to_bytes(4, "big"))


def node(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "node_id": number,
        "ed25519_identity_pubkey": key(number),
        "ip_addresses": [f"{1 + number % 200}.{number // 200}.1.1", f"2a01:4f8:{number:x}::1"],
        "mix_port": 1789,
        "x25519_sphinx_pubkey": key(10_000_000 + number),
        "role": "EntryGateway",
        "supported_roles": {"mixnode": False, "entry": True, "exit_nr": True, "exit_ipr": True},
        "entry": {"hostname": f"gw.operator{number}.example", "ws_port": 9000, "wss_port": 9001},
        "performance": "0.99",
        **changes,
    }


def skimmed(rows: list[Any]) -> bytes:
    metadata = {"absolute_epoch_id": 1, "rotation_id": 1}
    pagination = {"total": len(rows), "page": 0, "size": len(rows)}
    return json.dumps({"metadata": metadata, "nodes": {"pagination": pagination, "data": rows}}).encode()


def described(rows: list[Any]) -> bytes:
    return json.dumps({"pagination": {"total": len(rows), "page": 0, "size": len(rows)}, "data": rows}).encode()


def description(number: int) -> dict[str, Any]:
    address = f"{key(number)}.{key(number + 1)}@{key(number)}"
    return {
        "node_id": number,
        "description": {
            "host_information": {"ip_address": ["1.2.3.4"], "keys": {"ed25519": key(number)}},
            "build_information": {"build_version": "1.40.0"},
            "ip_packet_router": {"address": address},
        },
    }


HALF_ROOM = MAX_DOCUMENT_LENGTH // 2 - 100
TEXTS: dict[str, Callable[[], bytes]] = {
    "as many nodes as there may be": lambda: skimmed([node(number) for number in range(MAX_NODES)]),
    "rows of which half can be read": lambda: skimmed([node(number, entry=7, role=7) for number in range(MAX_NODES)]),
    "rows that can't be read": lambda: skimmed([{"node_id": "x"}] * MAX_NODES),
    "numbers": lambda: b'{"nodes":{"data":[' + b"1," * (MAX_COMMAS - 2) + b"1]}}",
    "more numbers": lambda: b'{"nodes":{"data":[' + b"1," * HALF_ROOM + b"1]}}",
    "members": lambda: b"{" + b",".join(b'"%d":1' % number for number in range(MAX_COMMAS)) + b"}",
    "brackets": lambda: b"[" * MAX_DOCUMENT_LENGTH,
    "brackets by turns": lambda: b'{"a":[' + b"[]" * HALF_ROOM + b"]}",
    "an open string of quotes": lambda: b'"' + b'\\"' * HALF_ROOM,
    "a long number": lambda: b'{"nodes":' + b"9" * (2 * HALF_ROOM) + b"}",
    "one node of many addresses": lambda: skimmed([node(1, ip_addresses=["1.1.1.1"] * (MAX_COMMAS - 100))]),
    "a long key": lambda: skimmed([node(1, ed25519_identity_pubkey="1" * HALF_ROOM)]),
    "a long host name": lambda: skimmed([node(1, entry={"hostname": "a." * 1_000_000, "ws_port": 1})]),
    "a long performance": lambda: skimmed([node(1, performance="9" * HALF_ROOM)]),
}


@pytest.mark.parametrize("case", TEXTS)
def test_node_lists(case: str) -> None:
    text = TEXTS[case]()
    check_steps(lambda: decode_skimmed_in_steps(text))
    check_steps(lambda: decode_described_in_steps(text))
    check_steps(lambda: decode_semi_skimmed_in_steps(text))
    check_bounded(lambda: decode_rewarded_set(text))
    check_bounded(lambda: decode_key_rotation_info(text))


ODD_NODES = ("one node of many addresses", "a long key", "a long host name", "a long performance")


@pytest.mark.parametrize("case", ["as many nodes as there may be", *ODD_NODES])
def test_what_is_made_of_node_lists(case: str) -> None:
    try:
        nodes = decode_skimmed(TEXTS[case]())
    except MixError:
        return
    count = len(nodes.nodes.data)
    layers = {f"layer{layer}": list(range(layer % count, count, 3)) for layer in (1, 2, 3)}
    rewarded = RewardedSet(epoch_id=1, entry_gateways=[], exit_gateways=[], **layers)
    check_steps(lambda: Topology.join_in_steps(rewarded, nodes, nodes))
    check_bounded(lambda: list_entry_gateways(nodes))


def test_exits() -> None:
    described_text = described([description(number) for number in range(MAX_NODES)])
    check_steps(lambda: decode_described_in_steps(described_text))
    skimmed_nodes = decode_skimmed(skimmed([node(number) for number in range(MAX_NODES)]))
    described_nodes = run(decode_described_in_steps(described_text))
    check_steps(lambda: list_exits_in_steps(described_nodes, skimmed_nodes))


def test_a_nodes_picture_of_the_network() -> None:
    rows = [node(number) for number in range(MAX_NODES)]
    noise = [{"supported_version": 1, "x25519_pubkey": row["x25519_sphinx_pubkey"]} for row in rows]
    everybody = [{"basic": row, "x25519_noise_versioned_key": key} for row, key in zip(rows, noise, strict=True)]
    rotation = {
        "key_rotation_state": {"validity_epochs": 24, "initial_epoch_id": 0},
        "current_absolute_epoch_id": 1,
        "current_epoch_start": "2026-11-21T08:00:00Z",
        "epoch_duration": {"secs": 3600, "nanos": 0},
        "progress": {
            "current_key_rotation_id": 0,
            "current_rotation_starting_epoch": 0,
            "current_rotation_ending_epoch": 23,
        },
    }
    rewarded = RewardedSet(epoch_id=1, entry_gateways=[], exit_gateways=[], layer1=[], layer2=[], layer3=[])
    documents = {
        "rotation": json.dumps(rotation).encode(),
        "rewarded": encode_rewarded_set(rewarded),
        "mix_nodes": skimmed(rows),
        "gateways": skimmed(rows),
        "everybody": skimmed(everybody),
    }
    assert len(NetworkPicture.decode(documents).noise_keys) == 2 * MAX_NODES
    check_steps(lambda: NetworkPicture.decode_in_steps(documents))


def test_bincode() -> None:
    data = encode_skimmed_bincode(decode_skimmed(skimmed([node(number) for number in range(MAX_NODES)])))
    check_bounded(lambda: decode_skimmed_bincode(data))
    check_bounded(lambda: decode_skimmed_bincode(data[:40] + b"\xff" * 1000))


def test_exits_that_no_route_leads_to() -> None:
    """One mix node of the first layer has addresses in the networks of all gateways."""
    networks = [f"1.{number}.1.1" for number in range(60)]
    mixes = [node(1, ip_addresses=networks), node(2, ip_addresses=["9.9.9.9"]), node(3, ip_addresses=["9.9.8.9"])]
    gateways = [node(10 + n, ip_addresses=[networks[n % 60]], entry=None) for n in range(MAX_NODES - 10)]
    rewarded = RewardedSet(epoch_id=1, entry_gateways=[], exit_gateways=[], layer1=[1], layer2=[2], layer3=[3])
    listed = decode_skimmed(skimmed(gateways))
    topology = Topology.from_documents(rewarded, decode_skimmed(skimmed(mixes)), listed)
    exits = [ExitNode(Recipient(bytes(32), bytes(32), identity), "1.40.0", 10, 100) for identity in topology.gateways]
    entry = next(iter(topology.gateways))
    check_bounded(lambda: exit_candidates(TunnelOptions(), exits, topology, entry, SeededRandom(1)))
