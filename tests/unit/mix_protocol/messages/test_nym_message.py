import pytest

from mix_protocol.addressing import KeyRotation, Recipient, UnknownKeyRotation
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.nym_message import (
    AdditionalSurbs,
    Heartbeat,
    InvalidMessage,
    NymMessage,
    PlainMessage,
    RepliableData,
    ReplyData,
    SurbRequest,
    decode_message,
    encode_message,
)

TAG = bytes(range(16))
RECIPIENT = Recipient(b"i" * 32, b"e" * 32, b"g" * 32)


@pytest.mark.parametrize(
    ("message", "encoded"),
    [
        (PlainMessage(b"hello"), b"\0hello"),
        (PlainMessage(b""), b"\0"),
        (ReplyData(b"pong"), b"\x02\0pong"),
        (SurbRequest(RECIPIENT, 50), b"\x02\x01" + RECIPIENT.encode() + b"\0\0\0\x32"),
        (RepliableData(TAG, (), b"ping"), b"\x01" + TAG + b"\x03\0\0\0\0ping"),
        (AdditionalSurbs(TAG, ()), b"\x01" + TAG + b"\x04\0\0\0\0"),
        (Heartbeat(TAG, ()), b"\x01" + TAG + b"\x05\0\0\0\0"),
    ],
)
def test_encodings_without_surbs(message: NymMessage, encoded: bytes):
    assert encode_message(message) == encoded
    assert decode_message(encoded) == message


@pytest.mark.parametrize("rotation", KeyRotation)
@pytest.mark.parametrize("hops", [1, 4, 5])
def test_surbs_with_seeds_are_written_as_v2(make_surb, hops: int, rotation: KeyRotation):
    surbs = tuple(make_surb(rotation, hops=hops) for _ in range(3))
    for tag, message in (
        (3, RepliableData(TAG, surbs, b"data")),
        (4, AdditionalSurbs(TAG, surbs)),
        (5, Heartbeat(TAG, surbs)),
    ):
        encoded = encode_message(message)
        assert encoded[17:22] == bytes((tag, 0, 3, hops, rotation))
        assert len(encoded) == 22 + 3 * (396 + 16 * hops) + (4 if tag == 3 else 0)
        assert decode_message(encoded) == message


def test_surbs_with_full_keys_are_written_as_v1(make_surb):
    surbs = tuple(make_surb(KeyRotation.UNKNOWN, key_length=192) for _ in range(2))
    for tag, message in (
        (0, RepliableData(TAG, surbs, b"data")),
        (1, AdditionalSurbs(TAG, surbs)),
        (2, Heartbeat(TAG, surbs)),
    ):
        encoded = encode_message(message)
        assert encoded[17:22] == bytes((tag, 0, 0, 0, 2))
        assert len(encoded) == 22 + 2 * 1164 + (4 if tag == 0 else 0)
        assert decode_message(encoded) == message


def test_v1_loses_the_key_rotation(make_surb):
    surb = make_surb(KeyRotation.EVEN, key_length=192)
    decoded = decode_message(encode_message(AdditionalSurbs(TAG, (surb,))))
    assert isinstance(decoded, AdditionalSurbs)
    assert decoded.surbs[0].key_rotation is KeyRotation.UNKNOWN


def test_bytes_after_surbs_are_tolerated_where_no_data_belongs(make_surb):
    message = AdditionalSurbs(TAG, make_surb.many(2))
    assert decode_message(encode_message(message) + b"surplus") == message


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x03",
        b"\x02",
        b"\x02\x02data",
        b"\x02\0",
        b"\x02\x01" + bytes(99),
        b"\x02\x01" + bytes(101),
        b"\x01" + TAG,
        b"\x01" + TAG[:-1],
        b"\x01" + TAG + b"\x03",
        b"\x01" + TAG + b"\x06\0\0\0\0",
        b"\x01" + TAG + b"\x03\0\x01\x04\x01" + bytes(459),
        b"\x01" + TAG + b"\x03\0\x01\0\x01" + bytes(1000),
        b"\x01" + TAG + b"\x03\0\x01\x06\x01" + bytes(1000),
        b"\x01" + TAG + b"\x03\0\x01\xff\x01" + bytes(10_000),
        b"\x01" + TAG + b"\0\xff\xff\xff\xff" + bytes(5000),
        b"\x01" + TAG + b"\0\0\0\0\x01" + bytes(1163),
    ],
)
def test_malformed_messages_are_refused(encoded: bytes):
    with pytest.raises(MalformedMessage):
        decode_message(encoded)


def test_other_faults_in_surb_lists():
    with pytest.raises(UnknownKeyRotation):
        decode_message(b"\x01" + TAG + b"\x03\0\0\0\x03")
    with pytest.raises(PeerMisbehaved):  # no address of a first hop
        decode_message(b"\x01" + TAG + b"\x03\0\x01\x04\x01" + bytes(460))


def test_messages_that_have_no_encoding(make_surb):
    seeds, full = make_surb(), make_surb(key_length=192)
    other_hops, other_rotation = make_surb(hops=3), make_surb(KeyRotation.EVEN)
    for message in (
        ReplyData(b""),
        SurbRequest(RECIPIENT, 2**32),
        SurbRequest(RECIPIENT, -1),
        RepliableData(b"short", (), b""),
        AdditionalSurbs(TAG, (seeds, full)),
        AdditionalSurbs(TAG, (seeds, other_hops)),
        AdditionalSurbs(TAG, (seeds, other_rotation)),
        AdditionalSurbs(TAG, (make_surb(hops=3, key_length=192),)),
        AdditionalSurbs(TAG, (seeds,) * 65_536),
    ):
        with pytest.raises(InvalidMessage):
            encode_message(message)


def test_messages_show_neither_data_nor_keys(make_surb):
    surb = make_surb()
    shown = repr(RepliableData(TAG, (surb,), b"secret data"))
    assert "secret" not in shown
    assert repr(surb.encryption_key) not in shown
