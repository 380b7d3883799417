import pytest

from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.gateway.binary import (
    MAX_BINARY_LENGTH,
    ClientFrameKind,
    GatewayFrameKind,
    decode_forward,
    open_frame,
    seal_frame,
)
from mix_protocol.gateway.errors import MalformedFrame

from .conftest import PACKET

KEY = b"k" * 32


@pytest.mark.parametrize(("plaintext", "length"), [(PACKET.encode_v2(), 2452), (PACKET.encode_v1(), 2451)])
def test_forward_requests_have_the_lengths_seen_on_the_wire(crypto, plaintext, length):
    assert len(seal_frame(crypto, SeededRandom(1), KEY, ClientFrameKind.FORWARD_V2, plaintext)) == length


def test_frames_come_back(crypto):
    random = SeededRandom(1)
    frame = seal_frame(crypto, random, KEY, GatewayFrameKind.PUSHED_MESSAGE, b"payload")
    assert frame[:2] == b"\1\1"
    assert frame != seal_frame(crypto, random, KEY, GatewayFrameKind.PUSHED_MESSAGE, b"payload")
    assert open_frame(crypto, KEY, frame) == (GatewayFrameKind.PUSHED_MESSAGE, b"payload")


def test_every_changed_byte_but_the_kind_is_noticed(crypto):
    frame = seal_frame(crypto, SeededRandom(1), KEY, 1, b"payload")
    for at in range(1, len(frame)):
        changed = frame[:at] + bytes((frame[at] ^ 1,)) + frame[at + 1 :]
        with pytest.raises(MalformedFrame):
            open_frame(crypto, KEY, changed)


def test_cut_and_oversized_frames(crypto):
    frame = seal_frame(crypto, SeededRandom(1), KEY, 1, b"x")
    for wrong in (*(frame[:length] for length in range(len(frame))), frame + bytes(MAX_BINARY_LENGTH)):
        with pytest.raises(MalformedFrame):
            open_frame(crypto, KEY, wrong)


def test_another_key(crypto):
    with pytest.raises(MalformedFrame):
        open_frame(crypto, b"x" * 32, seal_frame(crypto, SeededRandom(1), KEY, 1, b"payload"))


def test_forward_requests_of_both_versions():
    assert decode_forward(2, PACKET.encode_v2()) == PACKET
    v1 = decode_forward(1, PACKET.encode_v1())
    assert (v1.packet, v1.first_hop, v1.key_rotation) == (PACKET.packet, PACKET.first_hop, KeyRotation.UNKNOWN)


@pytest.mark.parametrize(
    ("kind", "plaintext"),
    [
        (0, PACKET.encode_v2()),
        (3, PACKET.encode_v2()),
        (1, PACKET.encode_v2()),
        (2, PACKET.encode_v1()),
        (2, PACKET.encode_v2()[:-1]),
        (2, PACKET.encode_v2() + b"\0"),
        (2, b""),
        (1, b""),
    ],
)
def test_what_is_no_forward_request(kind, plaintext):
    with pytest.raises(PeerMisbehaved):
        decode_forward(kind, plaintext)
