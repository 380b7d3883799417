import pytest

from mix_protocol.codec.reader import MalformedMessage, Reader


def test_reads_fields_in_order():
    reader = Reader(bytes.fromhex("01 0203 04050607 08090a0b0c0d0e0f aabb cc"), "letter")
    assert [reader.u8(), reader.u16(), reader.u32(), reader.u64()] == [1, 0x0203, 0x04050607, 0x08090A0B0C0D0E0F]
    assert reader.remaining == 3
    assert reader.take(2) == b"\xaa\xbb"
    assert reader.rest() == b"\xcc"
    reader.end()


def test_too_short_names_the_message():
    with pytest.raises(MalformedMessage, match="malformed letter: it ends 3 bytes too early") as caught:
        Reader(b"\x01", "letter").u32()
    assert caught.value.fields["what"] == "letter"


def test_bytes_left_over_are_refused():
    reader = Reader(b"\x01\x02", "letter")
    reader.u8()
    with pytest.raises(MalformedMessage, match="1 bytes follow its end"):
        reader.end()


def test_a_negative_count_takes_nothing():
    with pytest.raises(MalformedMessage):
        Reader(b"\x01\x02", "letter").take(-1)
