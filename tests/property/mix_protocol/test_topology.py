"""Directory documents: any bytes give a document or PeerMisbehaved, and documents come back."""

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mix_protocol.codec import base58
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.topology.described import DescribedNodes, decode_described
from mix_protocol.topology.documents import (
    EntryInterface,
    RewardedSet,
    SkimmedMetadata,
    SkimmedNode,
    SkimmedNodes,
    SupportedRoles,
    decode_key_rotation_info,
    decode_rewarded_set,
    decode_skimmed,
    encode_rewarded_set,
    encode_skimmed,
    mixnode_role,
)
from mix_protocol.topology.entries import list_entry_gateways
from mix_protocol.topology.exits import list_exits
from mix_protocol.topology.skimmed_bincode import decode_skimmed_bincode, encode_skimmed_bincode
from mix_protocol.topology.topology import Topology

JSON_DECODERS = [decode_skimmed, decode_rewarded_set, decode_key_rotation_info, decode_described]

u32 = st.integers(0, (1 << 32) - 1)
u16 = st.integers(0, (1 << 16) - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
keys = st.binary(min_size=32, max_size=32).map(base58.encode) | texts
ips = st.ip_addresses().map(str)
entries = st.builds(EntryInterface, hostname=st.none() | texts, ws_port=u16, wss_port=st.none() | u16)
nodes = st.builds(
    SkimmedNode,
    node_id=st.integers(0, 5) | u32,
    ed25519_identity_pubkey=keys,
    ip_addresses=st.lists(ips, max_size=3),
    mix_port=u16,
    x25519_sphinx_pubkey=keys,
    role=st.sampled_from(["EntryGateway", "ExitGateway", "Standby", "Inactive"])
    | st.integers(0, 255).map(mixnode_role),
    supported_roles=st.builds(SupportedRoles, mixnode=st.booleans(), entry=st.booleans(), exit_ipr=st.booleans()),
    entry=st.none() | entries,
    performance=st.sampled_from(["0", "0.49", "0.5", "1", "1.0"]) | texts,
)
metadata = st.builds(SkimmedMetadata, absolute_epoch_id=st.integers(0, 1), rotation_id=u32, refreshed_at=texts)
documents = st.builds(SkimmedNodes.of, metadata, st.lists(nodes, max_size=5))
rewarded_sets = st.builds(
    RewardedSet,
    epoch_id=st.integers(0, 1),
    **{
        name: st.lists(st.integers(0, 5), max_size=3)
        for name in ("entry_gateways", "exit_gateways", "layer1", "layer2", "layer3", "standby")
    },
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("decode", [*JSON_DECODERS, decode_skimmed_bincode])
@given(data=st.binary(max_size=300))
@example(data=b"[" * 100_000)
@example(data=b'{"metadata":' * 100_000)
@example(data=b'{"epoch_id":' + b"9" * 100_000 + b"}")
@example(data=b'{"epoch_id":1e400}')
@example(data=b'"\\ud800"')
@example(data=b"\xef\xbb\xbf{}")
def test_any_bytes(decode, data):
    with contextlib.suppress(PeerMisbehaved):
        decode(data)


@pytest.mark.parametrize("decode", JSON_DECODERS)
@given(value=json_values)
def test_any_json(decode, value):
    with contextlib.suppress(PeerMisbehaved):
        decode(json.dumps(value).encode())


@given(documents, st.data())
def test_any_value_in_the_place_of_any_member(document, data):
    """A document of which one member, at any depth, is replaced."""
    members = json.loads(encode_skimmed(document))
    parent = members
    while True:
        places = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        if not places:
            break
        place = data.draw(st.sampled_from(places))
        if isinstance(parent[place], (dict, list)) and parent[place] and data.draw(st.booleans()):
            parent = parent[place]
            continue
        parent[place] = data.draw(json_values)
        break
    try:
        decoded = decode_skimmed(json.dumps(members).encode())
    except PeerMisbehaved:
        return
    again = decode_skimmed(encode_skimmed(decoded))
    # The number of rows differs when some were left out as unreadable.
    assert (again.metadata, again.nodes.data) == (decoded.metadata, decoded.nodes.data)


@given(documents)
def test_node_lists_come_back_in_both_encodings(document):
    assert decode_skimmed(encode_skimmed(document)) == document
    encoded = encode_skimmed_bincode(document)
    assert decode_skimmed_bincode(encoded) == document
    assert encode_skimmed_bincode(decode_skimmed_bincode(encoded)) == encoded


@given(documents, st.data())
def test_changed_bincode(document, data):
    encoded = bytearray(encode_skimmed_bincode(document))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PeerMisbehaved):
        decode_skimmed_bincode(bytes(encoded))


@given(rewarded_sets)
def test_rewarded_sets_come_back(document):
    assert decode_rewarded_set(encode_rewarded_set(document)) == document


@given(rewarded_sets, documents, documents)
def test_any_documents_give_a_topology_with_routes_or_say_why_not(rewarded, mixnodes, gateways):
    try:
        topology = Topology.from_documents(rewarded, mixnodes, gateways)
    except MixError:
        return
    for identity in topology.gateways:
        route = topology.route_to(identity, SeededRandom(1))
        assert len(route) == 4
        assert {len(hop.sphinx_key) for hop in route} == {32}


@given(documents, st.booleans())
def test_any_list_gives_entry_gateways_or_says_why_not(document, force_tls):
    try:
        gateways = list_entry_gateways(document, force_tls)
    except MixError:
        return
    for gateway in gateways:
        scheme, _, rest = gateway.websocket_url.partition("://")
        assert scheme in (("wss",) if force_tls and not gateway.is_on_loopback else ("ws", "wss"))
        host, _, port = rest.rpartition(":")
        assert port.isdecimal()
        assert not set(host) & set("/@?# \\")


@given(documents)
def test_any_list_gives_exits_or_says_why_not(document):
    try:
        list_exits(DescribedNodes.of([]), document)
    except MixError:
        return
    raise AssertionError("there is no exit in an empty description")
