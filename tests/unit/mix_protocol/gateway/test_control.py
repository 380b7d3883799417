import json

import pytest

from mix_protocol.gateway.control import (
    MAX_DETAIL_LENGTH,
    MAX_TEXT_LENGTH,
    AskSupportedProtocol,
    Authenticated,
    AuthenticateV2,
    BandwidthExceeded,
    BandwidthGranted,
    ClaimFreeBandwidth,
    ErrorReported,
    HandshakeError,
    HandshakePayload,
    PacketSent,
    Registered,
    SupportedProtocol,
    UnknownMessage,
    decode_client_message,
    decode_gateway_message,
    encode_message,
)
from mix_protocol.gateway.errors import MalformedFrame

CLIENT_MESSAGES = [
    (AskSupportedProtocol(), '{"type":"supportedProtocol"}'),
    (HandshakePayload(6, b"\1\xff"), '{"type":"handshakePayload","protocol_version":6,"data":[1,255]}'),
    (HandshakeError('say "no"'), '{"type":"handshakeError","message":"say \\"no\\""}'),
    (ClaimFreeBandwidth(), '{"type":"claimFreeTestnetBandwidth"}'),
]

GATEWAY_MESSAGES = [
    (SupportedProtocol(6), '{"type":"supportedProtocol","version":6}'),
    (HandshakePayload(6, b"\1"), '{"type":"handshakePayload","protocol_version":6,"data":[1]}'),
    (HandshakeError("no"), '{"type":"handshakeError","message":"no"}'),
    (Registered(6, True), '{"type":"register","protocol_version":6,"status":true,"upgrade_mode":false}'),
    (
        Authenticated(6, False, -1, True),
        '{"type":"authenticate","protocol_version":6,"status":false,"bandwidth_remaining":-1,"upgrade_mode":true}',
    ),
    (BandwidthGranted(1 << 36), '{"type":"bandwidth","available_total":68719476736,"upgrade_mode":false}'),
    (PacketSent(5), '{"type":"send","remaining_bandwidth":5,"upgrade_mode":false}'),
    (ErrorReported("no"), '{"type":"error","message":"no"}'),
    (
        BandwidthExceeded(2413, 5),
        '{"type":"typedError","error":{"out_of_bandwidth":{"required":2413,"available":5}}}',
    ),
]


@pytest.mark.parametrize(("message", "text"), CLIENT_MESSAGES)
def test_client_messages(message, text):
    assert encode_message(message) == text
    assert decode_client_message(text) == message


@pytest.mark.parametrize(("message", "text"), GATEWAY_MESSAGES)
def test_gateway_messages(message, text):
    assert encode_message(message) == text
    assert decode_gateway_message(text) == message


def test_authentication_comes_back():
    request = AuthenticateV2(6, b"i" * 32, b"c" * 48, b"n" * 12, (1 << 64) - 1, b"s" * 64)
    text = encode_message(request)
    assert list(json.loads(text)) == [
        "type",
        "protocolVersion",
        "clientIdentity",
        "addressCiphertext",
        "nonce",
        "requestUnixTimestamp",
        "requestSignature",
    ]
    assert decode_client_message(text) == request


def test_the_older_name_of_the_handshake():
    message = decode_client_message('{"type":"registerHandshakeInitRequest","data":[7]}')
    assert message == HandshakePayload(0, b"\7")


def test_what_is_optional_has_a_default():
    assert decode_gateway_message('{"type":"register","status":true}') == Registered(0, True)
    assert decode_gateway_message('{"type":"bandwidth","available_total":1}') == BandwidthGranted(1)


def test_unknown_members_and_types_are_let_pass():
    assert decode_gateway_message('{"x":[1],"type":"supportedProtocol","version":7}') == SupportedProtocol(7)
    assert decode_gateway_message('{"type":"weather","data":{}}') == UnknownMessage("weather")
    assert decode_client_message('{"type":"ecashCredential","enc_credential":[1],"iv":[2]}').type == "ecashCredential"


@pytest.mark.parametrize(
    "error", ['"ticket_replay"', '{"brand_new":{}}', '{"out_of_bandwidth":null}', "null", "7", "[]"]
)
def test_other_typed_errors_are_errors(error):
    message = decode_gateway_message(f'{{"type":"typedError","error":{error}}}')
    assert isinstance(message, ErrorReported)


def test_the_other_sides_words_are_kept_short():
    message = decode_gateway_message(json.dumps({"type": "error", "message": "x" * 10_000}))
    assert len(message.message) == MAX_DETAIL_LENGTH


BAD_FRAMES = [
    "",
    "hello",
    "null",
    "[]",
    "{}",
    '{"type":5}',
    '{"type":"supportedProtocol"',
    "[" * 60_000,
    '{"a":' * 10_000,
    " " * (MAX_TEXT_LENGTH + 1),
    "\ud800",
    '{"type":"handshakePayload"}',
    '{"type":"handshakePayload","data":"AAAA"}',
    '{"type":"handshakePayload","data":[256]}',
    '{"type":"handshakePayload","data":[-1]}',
    '{"type":"handshakePayload","data":[1.0]}',
    '{"type":"handshakePayload","data":[true]}',
    '{"type":"handshakePayload","data":[1],"protocol_version":256}',
    '{"type":"handshakePayload","data":[1],"protocol_version":true}',
    '{"type":"handshakeError"}',
    '{"type":"handshakePayload","data":[' + "9" * 5_000 + "]}",
]


@pytest.mark.parametrize("text", BAD_FRAMES, ids=range(len(BAD_FRAMES)))
@pytest.mark.parametrize("decode", [decode_client_message, decode_gateway_message])
def test_malformed_frames(decode, text):
    with pytest.raises(MalformedFrame):
        decode(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"supportedProtocol"}',
        '{"type":"supportedProtocol","version":-1}',
        '{"type":"register"}',
        '{"type":"register","status":1}',
        '{"type":"authenticate","status":true}',
        '{"type":"authenticate","status":true,"bandwidth_remaining":9223372036854775808}',
        '{"type":"send","remaining_bandwidth":1e3}',
        '{"type":"error","message":null}',
        '{"type":"typedError","error":{"out_of_bandwidth":{"required":1}}}',
    ],
)
def test_malformed_answers(text):
    with pytest.raises(MalformedFrame):
        decode_gateway_message(text)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("clientIdentity", [0] * 31),
        ("requestSignature", [0] * 65),
        ("addressCiphertext", "not base64!"),
        ("addressCiphertext", "AAA"),
        ("nonce", [0] * 12),
        ("requestUnixTimestamp", -1),
        ("requestUnixTimestamp", 1 << 64),
        ("protocolVersion", None),
    ],
)
def test_malformed_authentication(member, value):
    request = AuthenticateV2(6, b"i" * 32, b"c" * 48, b"n" * 12, 1, b"s" * 64)
    members = {**json.loads(encode_message(request)), member: value}
    with pytest.raises(MalformedFrame):
        decode_client_message(json.dumps(members))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"register","protocol_version":null,"status":true,"upgrade_mode":null}', Registered(0, True)),
        (
            '{"type":"authenticate","protocol_version":null,"status":true,"bandwidth_remaining":-1}',
            Authenticated(0, True, -1),
        ),
        ('{"type":"send","remaining_bandwidth":7,"upgrade_mode":null,"extra":[{}]}', PacketSent(7)),
    ],
)
def test_null_means_absent(text, message):
    assert decode_gateway_message(text) == message
