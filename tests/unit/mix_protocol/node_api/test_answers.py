"""The documents as published nodes write them, read and written again."""

import json

import pytest

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.node_api import metrics
from mix_protocol.node_api.answers import MAX_ANSWER_LENGTH, decode_answer, encode_answer
from mix_protocol.node_api.exit_policy import UsedExitPolicy
from mix_protocol.node_api.load import NodeLoad
from mix_protocol.node_api.self_description import (
    AuxiliaryDetailsV2,
    ClientInterfaces,
    Gateway,
    Health,
    NodeRoles,
    OperatorDescription,
    ServiceDetails,
    UpgradeModeStatus,
)
from mix_protocol.topology.described import AuxiliaryDetails, MixnetWebSockets, Wireguard
from mix_protocol.topology.documents import SupportedRoles

PORTS = {"verloc_port": None, "mix_port": 1789}
WEBSOCKETS = {"ws_port": 9000, "wss_port": None}
WIREGUARD = {"port": 51822, "tunnel_port": 51822, "metadata_port": 51830, "public_key": "k"}
SERVICE = {"encoded_identity_key": "a", "encoded_x25519_key": "b", "address": "a.b@c"}
INGRESS = (
    "forward_hop_packets_received final_hop_packets_received malformed_packets_received replayed_packets_received "
    "test_packets_received excessive_delay_packets forward_hop_packets_dropped final_hop_packets_dropped"
)
EGRESS = "forward_hop_packets_sent forward_hop_packets_dropped ack_packets_sent"
PACKETS = {
    "ingress_mixing": {name: number for number, name in enumerate(INGRESS.split())},
    "egress_mixing": {name: number for number, name in enumerate(EGRESS.split())},
}
TIME = "2026-05-16T12:00:00Z"
MIXING = {
    "update_time": TIME,
    "previous_update_time": TIME,
    **{f"{what}_since_{since}": 1 for since in ("startup", "last_update") for what in ("received", "sent", "dropped")},
}
SESSIONS = {
    "update_time": TIME,
    "unique_active_users": 2,
    "unique_active_users_hashes": ["x"],
    "sessions": [{"duration_ms": 5, "typ": "vpn"}],
    "sessions_started": 3,
    "sessions_finished": 4,
}
TIMES = {"minimum": "12ms", "mean": "13ms", "maximum": "14ms", "standard_deviation": "1ms"}
RUN = {
    "nodes_tested": 1,
    "run_started": TIME,
    "run_finished": None,
    "results": [
        {"node_identity": "k", "latest_measurement": TIMES},
        {"node_identity": "l", "latest_measurement": None},
    ],
}
RULES = [
    {"action": "accept", "pattern": {"ip_pattern": "1.2.3.6/16", "ports": {"start": 80, "end": 81}}},
    {"action": "reject6", "pattern": {"ip_pattern": "*", "ports": {"start": 1, "end": 65535}}},
]
POLICY = {"enabled": True, "upstream_source": "u", "last_updated": 1_800_000_000, "policy": {"rules": RULES}}
UPGRADE = {
    "enabled": False,
    "last_queried": TIME,
    "attestation_provider": "https://a.example/",
    "attester_pubkey": "k",
    "published_attestation": None,
}

DOCUMENTS = [
    (
        NodeRoles,
        {
            "mixnode_enabled": True,
            "gateway_enabled": False,
            "network_requester_enabled": False,
            "ip_packet_router_enabled": False,
        },
    ),
    (AuxiliaryDetails, {"location": "PL", "announce_ports": PORTS, "accepted_operator_terms_and_conditions": True}),
    (
        AuxiliaryDetailsV2,
        {"location": None, "address": "n1", "announce_ports": PORTS, "accepted_operator_terms_and_conditions": True},
    ),
    (OperatorDescription, {"moniker": "a", "website": "b", "security_contact": "c", "details": "d"}),
    (Health, {"status": "up", "uptime": 17}),
    (NodeLoad, {"total": "low", "machine": "negligible", "network": "unknown"}),
    (ServiceDetails, SERVICE),
    (MixnetWebSockets, WEBSOCKETS),
    (Wireguard, WIREGUARD),
    (ClientInterfaces, {"wireguard": WIREGUARD, "mixnet_websockets": None}),
    (
        Gateway,
        {"enforces_zk_nyms": False, "client_interfaces": {"wireguard": None, "mixnet_websockets": WEBSOCKETS}},
    ),
    (UsedExitPolicy, POLICY),
    (UsedExitPolicy, {"enabled": False, "upstream_source": "", "last_updated": 0, "policy": None}),
    (UpgradeModeStatus, UPGRADE),
    (metrics.PacketsStats, PACKETS),
    (metrics.MixingStats, MIXING),
    (metrics.SessionStats, SESSIONS),
    (metrics.WireguardStats, {"bytes_tx": 1, "bytes_rx": 2}),
    (metrics.VerlocStats, {"previous": "unavailable", "current": "measurementInProgress"}),
    (metrics.VerlocStats, {"previous": {"data": RUN}, "current": "unavailable"}),
]


@pytest.mark.parametrize(("kind", "document"), DOCUMENTS, ids=lambda value: getattr(value, "__name__", ""))
def test_documents_are_read_and_written_alike(kind, document):
    compact = json.dumps(document, separators=(",", ":")).encode()
    read = decode_answer(compact, kind, "document")
    assert isinstance(read, kind)
    assert encode_answer(read) == compact
    newer = json.dumps({**document, "newer": {}}).encode()
    assert decode_answer(newer, kind, "document") == read


@pytest.mark.parametrize(("kind", "document"), DOCUMENTS, ids=lambda value: getattr(value, "__name__", ""))
def test_documents_of_another_shape_are_malformed(kind, document):
    for wrong in ([], {**document, next(iter(document)): []}, None):
        with pytest.raises(MalformedMessage):
            decode_answer(json.dumps(wrong).encode(), kind, "document")


def test_answers_are_bounded():
    text = b'"' + b"x" * MAX_ANSWER_LENGTH + b'"'
    with pytest.raises(MalformedMessage, match="longer"):
        decode_answer(text, str, "document")
    with pytest.raises(MalformedMessage, match="nested"):
        decode_answer(b'{"newer":' + b"[" * 5000 + b"]" * 5000 + b"}", Health, "document")


def test_roles_as_the_directory_lists_them():
    roles = NodeRoles(
        mixnode_enabled=False, gateway_enabled=True, network_requester_enabled=False, ip_packet_router_enabled=True
    )
    assert roles.to_supported_roles() == SupportedRoles(entry=True, exit_ipr=True)


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (Health, {"status": "up", "uptime": -1}),
        (UsedExitPolicy, {"enabled": True, "last_updated": 1 << 64}),
        (UsedExitPolicy, {"enabled": True, "policy": {"rules": [{**RULES[0], "action": "allow"}]}}),
        (MixnetWebSockets, {"ws_port": 65536}),
    ],
)
def test_numbers_fit_their_types(kind, document):
    with pytest.raises(MalformedMessage):
        decode_answer(json.dumps(document).encode(), kind, "document")


def test_who_is_up():
    assert Health(uptime=1).is_up
    assert not decode_answer(b'{"status":"down","uptime":1}', Health, "health").is_up
