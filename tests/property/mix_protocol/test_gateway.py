"""The gateway protocol: any frame gives a value, an event or PeerMisbehaved, on both sides and in every state."""

import contextlib
import json
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.gateway.binary import decode_forward, open_frame, seal_frame
from mix_protocol.gateway.client import ClientState, GatewayClient
from mix_protocol.gateway.control import (
    Authenticated,
    AuthenticateV2,
    BandwidthExceeded,
    BandwidthGranted,
    ErrorReported,
    HandshakeError,
    HandshakePayload,
    PacketSent,
    Registered,
    SupportedProtocol,
    decode_client_message,
    decode_gateway_message,
    encode_message,
)
from mix_protocol.gateway.events import PayloadPushed
from mix_protocol.gateway.handshake import ClientHandshake, GatewayHandshake
from mix_protocol.gateway.registry import ClientRegistry
from mix_protocol.gateway.server import GatewaySession
from mix_protocol.sphinx.mix_packet import MixPacket

CLIENT_SEED, GATEWAY_SEED = b"c" * 32, b"g" * 32


@pytest.fixture(scope="module")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


u8 = st.integers(0, 255)
i64 = st.integers(-(1 << 63), (1 << 63) - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=60)
TYPES = [
    "supportedProtocol",
    "handshakePayload",
    "registerHandshakeInitRequest",
    "handshakeError",
    "authenticateV2",
    "claimFreeTestnetBandwidth",
    "register",
    "authenticate",
    "bandwidth",
    "send",
    "error",
    "typedError",
    "encryptedRequest",
    "ecashCredential",
]
MEMBERS = [
    "version",
    "protocol_version",
    "data",
    "message",
    "status",
    "bandwidth_remaining",
    "available_total",
    "remaining_bandwidth",
    "upgrade_mode",
    "error",
    "protocolVersion",
    "clientIdentity",
    "addressCiphertext",
    "nonce",
    "requestUnixTimestamp",
    "requestSignature",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just("out_of_bandwidth"), inner, max_size=3),
    max_leaves=5,
)
byte_arrays = st.sampled_from([0, 1, 32, 64, 80, 92, 124]).flatmap(lambda n: st.lists(u8, min_size=n, max_size=n))
objects = st.builds(
    lambda kind, members: json.dumps({"type": kind, **members}),
    st.sampled_from(TYPES) | texts,
    st.dictionaries(st.sampled_from(MEMBERS), json_values | byte_arrays | st.integers(0, 8), max_size=6),
)
frames = st.text(max_size=100) | objects

gateway_messages = st.one_of(
    st.builds(SupportedProtocol, u8),
    st.builds(HandshakePayload, u8, st.binary(max_size=130)),
    st.builds(HandshakeError, texts),
    st.builds(Registered, u8, st.booleans(), st.booleans()),
    st.builds(Authenticated, u8, st.booleans(), i64, st.booleans()),
    st.builds(BandwidthGranted, i64, st.booleans()),
    st.builds(PacketSent, i64, st.booleans()),
    st.builds(ErrorReported, texts),
    st.builds(BandwidthExceeded, i64, i64),
)
client_messages = st.one_of(
    st.builds(HandshakePayload, u8, st.binary(max_size=130)),
    st.builds(HandshakeError, texts),
    st.builds(
        AuthenticateV2,
        u8,
        st.binary(min_size=32, max_size=32),
        st.binary(max_size=64),
        st.binary(max_size=16),
        st.integers(0, (1 << 64) - 1),
        st.binary(min_size=64, max_size=64),
    ),
)
addresses = st.builds(NodeAddress, st.ip_addresses(), st.integers(0, 65535))
packets = st.builds(
    MixPacket,
    addresses,
    st.sampled_from([386, 2413]).flatmap(lambda length: st.binary(min_size=length, max_size=length)),
    st.sampled_from(KeyRotation),
)
thorough = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


@pytest.mark.parametrize("decode", [decode_client_message, decode_gateway_message])
@given(text=frames)
@example(text="[" * 60_000)
@example(text='{"type":' * 8_000)
@example(text='{"type":"send","remaining_bandwidth":' + "9" * 6_000 + "}")
@example(text='{"type":"send","remaining_bandwidth":1e999}')
@example(text='{"type":"\ud800"}')
@example(text='{"type":"error","message":"\\ud800"}')
def test_any_text(decode, text):
    try:
        message = decode(text)
    except PeerMisbehaved:
        return
    assert decode(encode_message(message)) == message


@given(gateway_messages)
def test_gateway_messages_come_back(message):
    assert decode_gateway_message(encode_message(message)) == message


@given(client_messages)
def test_client_messages_come_back(message):
    assert decode_client_message(encode_message(message)) == message


@given(packets)
def test_forward_requests_come_back(packet):
    assert decode_forward(2, packet.encode_v2()) == packet
    assert decode_forward(1, packet.encode_v1()).packet == packet.packet


@given(st.integers(0, 255), st.binary(max_size=500))
def test_any_forward_request(kind, plaintext):
    with contextlib.suppress(PeerMisbehaved):
        decode_forward(kind, plaintext)


@thorough
@given(st.binary(min_size=1, max_size=3000), u8, st.binary(min_size=32, max_size=32))
def test_sealed_frames_come_back(crypto, plaintext, kind, key):
    assert open_frame(crypto, key, seal_frame(crypto, SeededRandom(1), key, kind, plaintext)) == (kind, plaintext)


@thorough
@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_any_binary_frame(crypto, frame, key):
    with pytest.raises(PeerMisbehaved):
        open_frame(crypto, key, frame)


@thorough
@given(st.binary(max_size=130) | st.sampled_from([80, 92, 124]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_any_handshake_step(crypto, data):
    client = ClientHandshake(crypto, SeededRandom(1), CLIENT_SEED, crypto.ed25519_public(GATEWAY_SEED))
    with pytest.raises(PeerMisbehaved):
        client.finish(data)
    gateway = GatewayHandshake(crypto, SeededRandom(1), GATEWAY_SEED)
    with contextlib.suppress(PeerMisbehaved):
        gateway.respond(data)
    with pytest.raises(PeerMisbehaved):
        gateway.finish(data)


def new_client(crypto, key=None) -> GatewayClient:
    identity = crypto.ed25519_public(GATEWAY_SEED)
    return GatewayClient(crypto, SeededRandom(1), CLIENT_SEED, identity, key, unix_time_offset_s=1.8e9)


def new_session(crypto, registry) -> GatewaySession:
    return GatewaySession(crypto, SeededRandom(2), GATEWAY_SEED, registry, 0.0, unix_time_offset_s=1.8e9)


anything = st.lists(frames | gateway_messages.map(encode_message) | st.binary(max_size=60), max_size=6)


@thorough
@given(anything, st.booleans())
def test_a_client_survives_any_gateway(crypto, said, has_key):
    client = new_client(crypto, b"k" * 32 if has_key else None)
    client.start(0.0)
    for frame in said:
        client.receive_text(frame, 0.0) if isinstance(frame, str) else client.receive_binary(frame, 0.0)
        client.handle_timeout(0.0)
    client.frames_to_send(0.0)
    happened = []
    while (event := client.next_event()) is not None:
        happened.append(event)
    assert not any(isinstance(event, PayloadPushed) for event in happened)
    if not has_key:  # nothing that a stranger says makes a client believe that it is registered
        assert client.state is not ClientState.READY


@thorough
@given(st.lists(frames | client_messages.map(encode_message) | st.binary(max_size=60), max_size=6))
def test_a_gateway_survives_any_client(crypto, said):
    registry = ClientRegistry()
    session = new_session(crypto, registry)
    for frame in said:
        session.receive_text(frame, 0.0) if isinstance(frame, str) else session.receive_binary(frame, 0.0)
    session.frames_to_send(0.0)
    assert session.client_identity is None
    assert len(registry) == 0


@thorough
@given(st.lists(frames | st.binary(max_size=60), max_size=4), st.lists(packets, max_size=3), st.data())
def test_garbage_between_packets_does_not_end_a_session(crypto, garbage, wanted, data):
    client, session = new_client(crypto), new_session(crypto, ClientRegistry())
    client.start(0.0)
    for _ in range(5):
        for frame in client.frames_to_send(0.0):
            session.receive_text(frame, 0.0)
        for frame in session.frames_to_send(0.0):
            client.receive_text(frame, 0.0)
    assert client.state is ClientState.READY
    for packet in wanted:
        client.send_mix_packet(packet, 0.0)
    sequence = data.draw(st.permutations([*client.frames_to_send(0.0), *garbage]))
    for frame in sequence:
        session.receive_text(frame, 0.0) if isinstance(frame, str) else session.receive_binary(frame, 0.0)
    forwarded = []
    while (event := session.next_event()) is not None:
        forwarded += [event.packet] if hasattr(event, "packet") else []
    assert sorted(p.packet for p in forwarded) == sorted(p.packet for p in wanted)
