"""`inspect_frame` reproduces the capture's expected results, and says what is wrong otherwise."""

import json
from pathlib import Path

import pytest

from mix_network.inspect import (
    InvalidKeysFile,
    NodeKeys,
    NoKeyOpensHop,
    TooManyHops,
    decode_keys,
    decode_request,
    inspect_frame,
)
from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx.errors import BadPayload, MalformedMixPacket, UnknownPacketSize
from mix_protocol.sphinx.processing import ForwardPacket, OpenedHeader

CAPTURE = Path(__file__).parents[2] / "vectors" / "reference-client"
EXPECTED = json.loads((CAPTURE / "expected.json").read_text())
KEYS = decode_keys((CAPTURE / "node-keys.json").read_bytes())
CRYPTO = NativeCrypto()
FRAME = (CAPTURE / "sphinx_0001.bin").read_bytes()


@pytest.mark.parametrize("entry", EXPECTED, ids=lambda entry: entry["file"])
def test_captured_frames_give_the_expected_entry(entry: dict):
    inspected = inspect_frame(CRYPTO, KEYS, (CAPTURE / entry["file"]).read_bytes())
    assert {"file": entry["file"], **inspected} == entry
    assert list(inspected) == list(entry)[1:]


def test_a_request_without_rotation_byte_is_understood():
    without_rotation = FRAME[:1] + FRAME[2:]
    assert decode_request(without_rotation).key_rotation is KeyRotation.UNKNOWN
    inspected = inspect_frame(CRYPTO, KEYS, without_rotation)
    expected = {**EXPECTED[0], "key_rotation": 0}
    del expected["file"]
    assert inspected == expected


@pytest.mark.parametrize("missing", ["mix1", "mix2", "mix3", "entry"])
def test_a_missing_key_names_its_hop(missing: str):
    keys = {name: node for name, node in KEYS.items() if name != missing}
    with pytest.raises(NoKeyOpensHop) as caught:
        inspect_frame(CRYPTO, keys, FRAME)
    assert caught.value.fields == {"hop": ["mix1", "mix2", "mix3", "entry"].index(missing) + 1}
    assert str(caught.value.fields["hop"]) in str(caught.value)


def test_an_altered_header_opens_nowhere():
    altered = bytearray(FRAME)
    altered[9 + 100] ^= 1
    with pytest.raises(NoKeyOpensHop):
        inspect_frame(CRYPTO, KEYS, bytes(altered))


def test_an_altered_payload_shows_at_the_last_hop():
    with pytest.raises(BadPayload):
        inspect_frame(CRYPTO, KEYS, FRAME[:-1] + bytes((FRAME[-1] ^ 1,)))


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b"", MalformedMixPacket),
        (b"\0", MalformedMixPacket),
        (b"\2" + FRAME[1:], MalformedMixPacket),
        (FRAME[:1] + b"\3" + FRAME[2:], PeerMisbehaved),
        (FRAME[:-1], UnknownPacketSize),
        (FRAME + b"\0", UnknownPacketSize),
    ],
)
def test_damaged_frames(frame: bytes, error: type[Exception]):
    with pytest.raises(error):
        inspect_frame(CRYPTO, KEYS, frame)


def test_a_packet_that_never_arrives_is_given_up(monkeypatch: pytest.MonkeyPatch):
    onward = inspect_first_hop()
    monkeypatch.setattr("mix_network.inspect.open_header", lambda *_: Onward(onward))
    with pytest.raises(TooManyHops):
        inspect_frame(CRYPTO, KEYS, FRAME)


def inspect_first_hop() -> ForwardPacket:
    from mix_protocol.sphinx.processing import process_packet

    processed = process_packet(CRYPTO, KEYS["mix1"].sphinx_secret, decode_request(FRAME).packet)
    assert isinstance(processed, ForwardPacket)
    return processed


class Onward(OpenedHeader):
    """A header that always asks for one more hop; no honest arithmetic can make one."""

    __slots__ = ("_onward",)

    def __init__(self, onward: ForwardPacket) -> None:
        object.__setattr__(self, "_onward", onward)

    def process(self) -> ForwardPacket:
        return self._onward


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"mix1": 5}',
        b'{"mix1": {}}',
        b'{"mix1": {"x": "zz"}}',
        b'{"mix1": {"x": "00"}}',
        b"\xff\xfe",
    ],
)
def test_bad_keys_files(data: bytes):
    with pytest.raises(InvalidKeysFile):
        decode_keys(data)


def test_keys_stay_out_of_sight():
    assert KEYS["mix1"].sphinx_secret.hex() not in repr(KEYS)
    assert decode_keys(b'{"a": {"x": "' + b"0a" * 32 + b'"}}') == {"a": NodeKeys(b"\x0a" * 32)}
