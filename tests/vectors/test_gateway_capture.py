"""Both connections of the published client with its gateway: every text frame decodes and comes back unchanged."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.gateway.authentication import check_request, has_valid_signature
from mix_protocol.gateway.control import (
    AskSupportedProtocol,
    Authenticated,
    AuthenticateV2,
    HandshakePayload,
    Registered,
    SupportedProtocol,
    decode_client_message,
    decode_gateway_message,
    encode_message,
)
from mix_protocol.gateway.errors import InvalidClientSignature, StaleRequest, UnknownClient
from mix_protocol.gateway.registry import ClientRegistry

CAPTURE = Path(__file__).parent / "reference-client"


@pytest.fixture(scope="module")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


def frames(name: str) -> list[tuple[str, str]]:
    lines = (CAPTURE / name).read_text().splitlines()
    return [(line[0], line[2:]) for line in lines]


def decode(sender: str, text: str):
    return decode_client_message(text) if sender == "C" else decode_gateway_message(text)


def conversation(name: str):
    return [decode(sender, text) for sender, text in frames(name)]


ALL_FRAMES = [*frames("gateway-registration.jsonl"), *frames("gateway-session.jsonl")]


@pytest.mark.parametrize(("sender", "text"), ALL_FRAMES, ids=[f"{i}-{row[0]}" for i, row in enumerate(ALL_FRAMES)])
def test_frames_come_back_byte_for_byte(sender, text):
    assert encode_message(decode(sender, text)) == text


def test_the_registration_is_the_conversation_that_we_hold():
    kinds = [type(message) for message in conversation("gateway-registration.jsonl")]
    assert kinds == [
        AskSupportedProtocol,
        SupportedProtocol,
        HandshakePayload,
        HandshakePayload,
        HandshakePayload,
        HandshakePayload,
        Registered,
    ]


def test_handshake_payloads_have_the_lengths_of_ours():
    payloads = [m for m in conversation("gateway-registration.jsonl") if isinstance(m, HandshakePayload)]
    assert [len(payload.data) for payload in payloads] == [80, 124, 92, 1]
    assert {payload.protocol_version for payload in payloads} == {6}


def test_the_session_is_the_conversation_that_we_hold():
    messages = conversation("gateway-session.jsonl")
    assert [type(message) for message in messages] == [
        AskSupportedProtocol,
        SupportedProtocol,
        AuthenticateV2,
        Authenticated,
    ]
    assert messages[3].bandwidth_remaining == 10**12


def request() -> AuthenticateV2:
    (message,) = (m for m in conversation("gateway-session.jsonl") if isinstance(m, AuthenticateV2))
    return message


def test_the_clients_signature_is_good_and_of_the_registered_identity(crypto):
    assert has_valid_signature(crypto, request())
    init = next(m for m in conversation("gateway-registration.jsonl") if isinstance(m, HandshakePayload))
    assert init.data[:32] == request().client_identity
    first = json.loads((CAPTURE / "expected.json").read_text())[0]
    assert first["destination"] == request().client_identity.hex()  # cover traffic comes back to the client itself


def test_our_gateway_checks_the_captured_request_up_to_the_unknown_key(crypto):
    asked_at = request().unix_timestamp
    registry = ClientRegistry()
    with pytest.raises(UnknownClient):
        check_request(crypto, registry, request(), asked_at)
    registry.register(request().client_identity, bytes(32))  # the key that both had is in no capture
    with pytest.raises(UnknownClient):
        check_request(crypto, registry, request(), asked_at)
    for skew in (-121, 121):
        with pytest.raises(StaleRequest):
            check_request(crypto, registry, request(), asked_at + skew)


@pytest.mark.parametrize("member", ["protocol_version", "unix_timestamp", "nonce", "address_ciphertext"])
def test_nothing_signed_can_be_changed(crypto, member):
    captured = request()
    value = getattr(captured, member)
    other = value - 1 if isinstance(value, int) else value[:-1] + bytes((value[-1] ^ 1,))
    forged = dataclasses.replace(captured, **{member: other})
    assert not has_valid_signature(crypto, forged)
    with pytest.raises(InvalidClientSignature):
        check_request(crypto, ClientRegistry(), forged, captured.unix_timestamp)
