import pytest

from mix_protocol.noise.errors import MalformedFrame, UnexpectedFrame
from mix_protocol.noise.frames import FrameDecoder, FrameType, NoiseFrame, encode_frame

MESSAGE = bytes(range(48))


def decoder_of(stream: bytes, expected: FrameType = FrameType.HANDSHAKE) -> FrameDecoder:
    decoder = FrameDecoder()
    decoder.expected = expected
    decoder.feed(stream)
    return decoder


def test_a_frame_is_a_header_and_a_message():
    encoded = encode_frame(FrameType.HANDSHAKE, MESSAGE)
    assert encoded == bytes.fromhex("0101000030000000") + MESSAGE
    assert encode_frame(FrameType.DATA, bytes(65535))[:8].hex() == "010101ffff000000"
    decoder = decoder_of(encoded + encoded[:20])
    assert decoder.next_frame() == NoiseFrame(FrameType.HANDSHAKE, MESSAGE)
    assert decoder.next_frame() is None
    assert decoder.held_bytes == 20


def test_reserved_bytes_are_not_looked_at():
    encoded = bytes.fromhex("0101000030aabbcc") + MESSAGE
    assert decoder_of(encoded).next_frame() == NoiseFrame(FrameType.HANDSHAKE, MESSAGE)


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("0201000030000000", MalformedFrame),  # version
        ("0001000030000000", MalformedFrame),
        ("0102000030000000", MalformedFrame),  # pattern
        ("0101020030000000", MalformedFrame),  # type
        ("0101010030000000", UnexpectedFrame),  # data before the end of the handshake
        ("0101000401000000", MalformedFrame),  # 1025 bytes of handshake
        ("010100000f000000", MalformedFrame),  # shorter than a tag
        ("0802000110000000", MalformedFrame),  # a plain node frame
    ],
)
def test_a_header_is_refused_before_its_message_has_come(header, error):
    with pytest.raises(error):
        decoder_of(bytes.fromhex(header)).next_frame()


@pytest.mark.parametrize(("length", "error"), [(15, MalformedFrame), (0, MalformedFrame)])
def test_data_has_a_tag_at_least(length, error):
    with pytest.raises(error):
        decoder_of(encode_frame(FrameType.DATA, bytes(length)), FrameType.DATA).next_frame()


def test_the_handshake_does_not_come_again():
    with pytest.raises(UnexpectedFrame):
        decoder_of(encode_frame(FrameType.HANDSHAKE, MESSAGE), FrameType.DATA).next_frame()


def test_no_bytes_in_a_representation():
    assert repr(NoiseFrame(FrameType.DATA, MESSAGE)) == "NoiseFrame(type=<FrameType.DATA: 1>, length=48)"
