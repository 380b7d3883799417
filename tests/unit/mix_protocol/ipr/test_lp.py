import pytest

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.ipr.lp import LP_HEADER_LENGTH, MAX_SEQUENCE, LpFrame, LpFrameType, next_sequence


def test_a_frame_comes_back():
    frame = LpFrame(0x0123456789ABCDEF, LpFrameType.DATA, 0xDEADBEEF, b"payload")
    assert LpFrame.decode(frame.encode()) == frame
    assert len(frame.encode()) == LP_HEADER_LENGTH + 7


def test_the_kind_is_little_endian_and_the_rest_is_big_endian():
    assert LpFrame(1, LpFrameType.OPEN, 2, b"").encode() == bytes.fromhex("0300 0000000000000001 00 00000002 00")


def test_every_cut_frame_is_refused():
    data = LpFrame(1, LpFrameType.OPEN, 0, b"").encode()
    for length in range(len(data)):
        with pytest.raises(MalformedMessage):
            LpFrame.decode(data[:length])


@pytest.mark.parametrize("start", ["0000", "0100", "0200", "0003", "0400"])
def test_other_kinds_are_refused(start):
    with pytest.raises(MalformedMessage):
        LpFrame.decode(bytes.fromhex(start) + bytes(14))


def test_unknown_types_are_refused():
    with pytest.raises(MalformedMessage):
        LpFrame.decode(bytes.fromhex("0300") + bytes(8) + b"\2" + bytes(5))


def test_the_reserved_byte_is_ignored():
    data = bytearray(LpFrame(1, LpFrameType.DATA, 0, b"x").encode())
    data[15] = 0xFF
    assert LpFrame.decode(bytes(data)).payload == b"x"


def test_sequences_wrap_past_zero():
    assert next_sequence(0) == 1
    assert next_sequence(MAX_SEQUENCE) == 1
