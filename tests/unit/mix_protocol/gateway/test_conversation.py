"""Client and gateway against each other, in both the orders in which clients connect."""

import json
from functools import partial

import pytest

from mix_protocol.gateway.client import ClientState
from mix_protocol.gateway.errors import (
    AuthenticationRejected,
    IncompatibleGateway,
    InvalidGatewaySignature,
    MalformedFrame,
)
from mix_protocol.gateway.events import (
    Authenticated,
    ClientAuthenticated,
    ClientRegistered,
    GatewayRejected,
    PacketForwarded,
    PayloadPushed,
    Registered,
    SessionFailed,
)
from mix_protocol.gateway.server import GatewaySessionConfig

from .conftest import PACKET


def types(connection):
    return [
        (side, json.loads(frame)["type"] if isinstance(frame, str) else "binary") for side, frame in connection.said
    ]


def assert_carries_both_ways(connection):
    connection.client.send_mix_packet(PACKET, connection.now)
    connection.session.push_payload(b"a payload")
    connection.exchange()
    assert connection.take(PacketForwarded)[-1].packet.packet == PACKET.packet
    assert connection.take(PayloadPushed)[-1].payload == b"a payload"


def test_one_connection(gateway):
    connection = gateway.connection().start()
    assert types(connection) == [
        ("C", "supportedProtocol"),
        ("S", "supportedProtocol"),
        ("C", "handshakePayload"),
        ("S", "handshakePayload"),
        ("C", "handshakePayload"),
        ("S", "handshakePayload"),
        ("S", "register"),
        ("C", "claimFreeTestnetBandwidth"),
        ("S", "bandwidth"),
    ]
    assert [type(event) for event in connection.client_events] == [Registered, Authenticated]
    assert [type(event) for event in connection.session_events] == [ClientRegistered, ClientAuthenticated]
    assert connection.client_events[0].shared_key == connection.session_events[0].shared_key
    assert_carries_both_ways(connection)


def test_two_connections(gateway):
    key = gateway.register()
    connection = gateway.connection(key, now=1.0).start()
    assert types(connection) == [
        ("C", "supportedProtocol"),
        ("S", "supportedProtocol"),
        ("C", "authenticateV2"),
        ("S", "authenticate"),
    ]
    assert connection.client_events == [Authenticated(64 << 30)]
    assert connection.session_events == [ClientAuthenticated(gateway.client_identity)]
    assert_carries_both_ways(connection)


@pytest.mark.parametrize("announced", [4, 5, 6, 7])
def test_every_version_of_a_gateway(gateway, announced):
    config = GatewaySessionConfig(announced_version=announced)
    connection = gateway.connection(session=config).start()
    assert connection.client.protocol_version == connection.session.protocol_version == min(announced, 6)
    assert_carries_both_ways(connection)
    key = connection.client_events[0].shared_key
    assert_carries_both_ways(gateway.connection(key, now=1.0, session=config).start())


def test_a_gateway_of_version_3(gateway):
    connection = gateway.connection(session=GatewaySessionConfig(announced_version=3)).start()
    assert isinstance(connection.take(GatewayRejected)[0].error, IncompatibleGateway)


def test_two_connections_within_one_second(gateway):
    key = gateway.register()
    gateway.connection(key, now=1.0).start()
    second = gateway.connection(key, now=1.5).start()
    assert isinstance(second.take(GatewayRejected)[0].error, AuthenticationRejected)
    assert_carries_both_ways(gateway.connection(key, now=2.0).start())


def test_a_client_with_a_wrong_clock(gateway):
    key = gateway.register()
    connection = gateway.connection(key, client_clock=0.0).start()
    assert isinstance(connection.take(GatewayRejected)[0].error, AuthenticationRejected)
    assert len(connection.take(SessionFailed)) == 1


def test_a_forgotten_client_registers_again(gateway):
    connection = gateway.connection(b"old key".ljust(32)).start()
    assert isinstance(connection.take(GatewayRejected)[0].error, AuthenticationRejected)
    assert_carries_both_ways(gateway.connection().start())


def test_an_impostor_of_the_gateway(gateway):
    connection = gateway.connection(gateway_identity=gateway.crypto.ed25519_public(bytes(32))).start()
    assert isinstance(connection.take(GatewayRejected)[0].error, InvalidGatewaySignature)
    assert len(connection.take(SessionFailed)) == 1
    assert connection.take(ClientRegistered) == []


def flip(index, position, counter, frame):
    """Change one byte of the frame with the given index."""
    counter.append(1)
    if len(counter) - 1 != index:
        return frame
    if isinstance(frame, bytes):
        at = position % len(frame)
        return frame[:at] + bytes((frame[at] ^ 1,)) + frame[at + 1 :]
    members = json.loads(frame)
    data = members.get("data")
    if not data:
        return frame
    data[position % len(data)] ^= 1
    return json.dumps(members)


@pytest.mark.parametrize("position", [0, 40, 70, 90, 120])
@pytest.mark.parametrize("index", [1, 2])
@pytest.mark.parametrize("direction", ["to_gateway", "to_client"])
def test_a_handshake_that_was_tampered_with_never_succeeds(gateway, direction, index, position):
    connection = gateway.connection()
    setattr(connection, direction, partial(flip, index, position, []))
    connection.start()
    assert connection.client.state is not ClientState.READY
    if (direction, index) != ("to_client", 2):  # by then the gateway is rightly content
        assert connection.take(ClientAuthenticated) == []


def test_a_payload_that_was_tampered_with_ends_the_connection(gateway):
    connection = gateway.connection().start()
    connection.session.push_payload(b"a payload")
    connection.to_client = lambda frame: frame[:-1] + bytes((frame[-1] ^ 1,))
    connection.exchange()
    assert isinstance(connection.take(GatewayRejected)[0].error, MalformedFrame)
    assert connection.take(PayloadPushed) == []


def test_without_confirmations_packets_still_flow(gateway):
    connection = gateway.connection().start()
    connection.to_client = lambda frame: frame if isinstance(frame, bytes) else None
    for _ in range(20):
        assert_carries_both_ways(connection)
    assert len(connection.take(PacketForwarded)) == 20


def test_no_keys_in_any_representation(gateway):
    connection = gateway.connection().start()
    key = connection.client_events[0].shared_key
    record = gateway.registry.get(gateway.client_identity)
    for thing in (*connection.client_events, *connection.session_events, record, connection.client, connection.session):
        assert repr(key)[2:-1] not in repr(thing)
        assert key.hex() not in repr(thing)
