from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.addressing import KeyRotation
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.mixwire.frames import FrameDecoder, NodeFrame, encode_frame
from mix_protocol.sphinx.geometry import MAX_PACKET_LENGTH, PacketSize

FRAMES = st.tuples(
    st.sampled_from(PacketSize), st.integers(0, 255), st.sampled_from(KeyRotation), st.sampled_from([7, 8])
)
CUTS = st.lists(st.floats(0, 1), max_size=12)


def feed_in_pieces(stream: bytes, cuts: list[float]) -> list[NodeFrame]:
    decoder = FrameDecoder()
    ends = [*sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
    starts = [0, *ends]
    return [
        frame for start, end in zip(starts, ends, strict=False) for frame in decoder.feed(memoryview(stream)[start:end])
    ]


@given(st.lists(FRAMES, max_size=6), CUTS)
def test_frames_come_back_however_they_are_cut(frames, cuts):
    stream, expected = b"", []
    for size, fill, rotation, version in frames:
        packet = bytes((fill,)) * size.packet_length
        stream += encode_frame(packet, rotation, version)
        expected.append(NodeFrame(packet, rotation if version == 8 else KeyRotation.UNKNOWN))
    assert feed_in_pieces(stream, cuts) == expected


@given(st.lists(st.binary(max_size=600) | st.sampled_from([b"\x07\x02\x00", b"\x08\x02\x00\x01"]), max_size=20))
def test_any_bytes_give_frames_or_misbehaviour_and_little_is_held(pieces: list[bytes]):
    decoder = FrameDecoder()
    for piece in pieces:
        try:
            frames = decoder.feed(piece)
        except PeerMisbehaved:
            assert not decoder._buffer
            return
        for frame in frames:
            PacketSize.from_packet_length(len(frame.packet))
        assert len(decoder._buffer) < MAX_PACKET_LENGTH + 4
