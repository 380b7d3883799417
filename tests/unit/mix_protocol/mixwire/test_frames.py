import pytest

from mix_protocol.addressing import KeyRotation, UnknownKeyRotation
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.mixwire.errors import MalformedFrame
from mix_protocol.mixwire.frames import FrameDecoder, NodeFrame, encode_frame
from mix_protocol.sphinx.errors import UnknownPacketSize
from mix_protocol.sphinx.geometry import PacketSize

ACK = bytes(range(256)) + bytes(130)
REGULAR = b"\x07" * PacketSize.REGULAR.packet_length


@pytest.mark.parametrize("size", PacketSize)
def test_version_8_carries_the_rotation(size: PacketSize):
    packet = b"\x55" * size.packet_length
    frame = encode_frame(packet, KeyRotation.EVEN)
    assert frame == bytes([8, size.tag, 0, 2]) + packet
    assert FrameDecoder().feed(frame) == [NodeFrame(packet, KeyRotation.EVEN, 0)]


def test_version_7_does_not():
    frame = encode_frame(ACK, KeyRotation.EVEN, version=7)
    assert frame == bytes([7, 2, 0]) + ACK
    assert FrameDecoder().feed(frame) == [NodeFrame(ACK, KeyRotation.UNKNOWN)]


def test_a_packet_of_no_size_has_no_frame():
    with pytest.raises(UnknownPacketSize):
        encode_frame(ACK[:-1], KeyRotation.ODD)


def test_frames_of_both_versions_back_to_back():
    stream = (
        encode_frame(ACK, KeyRotation.ODD)
        + encode_frame(REGULAR, KeyRotation.ODD, 7)
        + encode_frame(ACK, KeyRotation(0))
    )
    expected = [
        NodeFrame(ACK, KeyRotation.ODD),
        NodeFrame(REGULAR, KeyRotation.UNKNOWN),
        NodeFrame(ACK, KeyRotation(0)),
    ]
    assert FrameDecoder().feed(memoryview(stream)) == expected
    decoder = FrameDecoder()
    assert [frame for i in range(len(stream)) for frame in decoder.feed(stream[i : i + 1])] == expected


def test_nothing_comes_of_a_part():
    decoder = FrameDecoder()
    frame = encode_frame(REGULAR, KeyRotation.ODD)
    assert decoder.feed(b"") == []
    assert decoder.feed(frame[:-1]) == []
    assert decoder.feed(frame[-1:] + frame[:1]) == [NodeFrame(REGULAR, KeyRotation.ODD)]
    assert decoder.feed(frame[1:]) == [NodeFrame(REGULAR, KeyRotation.ODD)]


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ([6, 2, 0], MalformedFrame),
        ([9, 2, 0, 1], MalformedFrame),
        ([0], MalformedFrame),
        ([8, 0, 0, 1], UnknownPacketSize),
        ([8, 6, 0, 1], UnknownPacketSize),
        ([7, 2, 1], MalformedFrame),
        ([7, 2, 2], MalformedFrame),
        ([8, 2, 0, 3], UnknownKeyRotation),
    ],
)
def test_bad_headers_are_noticed_before_the_packet(header: list[int], error: type[PeerMisbehaved]):
    with pytest.raises(error):
        FrameDecoder().feed(bytes(header))


def test_a_decoder_that_failed_stays_failed():
    decoder = FrameDecoder()
    with pytest.raises(MalformedFrame):
        decoder.feed(b"GET / HTTP/1.1\r\n")
    with pytest.raises(MalformedFrame):
        decoder.feed(encode_frame(ACK, KeyRotation.ODD))
