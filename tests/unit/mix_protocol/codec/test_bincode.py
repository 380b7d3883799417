import pytest

from mix_protocol.codec.bincode import BincodeReader, BincodeWriter
from mix_protocol.codec.reader import MalformedMessage


@pytest.mark.parametrize(
    ("value", "big", "little"),
    [
        (0, "00", "00"),
        (250, "fa", "fa"),
        (251, "fb00fb", "fbfb00"),
        (2000, "fb07d0", "fbd007"),
        (65536, "fc00010000", "fc00000100"),
        (1 << 32, "fd0000000100000000", "fd0000000001000000"),
        ((1 << 64) - 1, "fd" + "ff" * 8, "fd" + "ff" * 8),
    ],
)
def test_unsigned_integers(value: int, big: str, little: str):
    assert BincodeWriter().uint(value).finish().hex() == big
    assert BincodeWriter("little").uint(value).finish().hex() == little
    assert BincodeReader(bytes.fromhex(big), "x").uint() == value
    assert BincodeReader(bytes.fromhex(little), "x", "little").uint() == value


def test_signed_integers_are_zigzagged():
    assert BincodeWriter().sint(2024).finish().hex() == "fb0fd0"
    assert BincodeWriter().sint(-1).finish().hex() == "01"
    assert BincodeReader(b"\x01", "x").sint() == -1


def test_an_integer_that_does_not_fit_is_the_callers_mistake():
    with pytest.raises(OverflowError):
        BincodeWriter().uint(1 << 64)
    with pytest.raises(OverflowError):
        BincodeWriter().uint(-1)


def test_options_strings_and_booleans():
    writer = BincodeWriter()
    writer.option(None, writer.uint).option(7, writer.uint).string("né").byte_string(b"\x00\x01").boolean(True)
    data = writer.finish()
    assert data.hex() == "00" + "0107" + "036ec3a9" + "020001" + "01"
    reader = BincodeReader(data, "x")
    assert reader.option(reader.uint) is None
    assert reader.option(reader.uint) == 7
    assert reader.string(10) == "né"
    assert reader.byte_string(10) == b"\x00\x01"
    assert reader.boolean() is True
    reader.end()


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ("fe", "uint"),
        ("fb01", "uint"),
        ("02", "boolean"),
        ("", "u8"),
    ],
)
def test_what_is_no_value_is_refused(data: str, read: str):
    with pytest.raises(MalformedMessage):
        getattr(BincodeReader(bytes.fromhex(data), "x"), read)()


def test_lengths_are_checked_before_anything_is_taken():
    huge = BincodeWriter().uint(1 << 40).finish()
    for read in ("byte_string", "string", "length"):
        with pytest.raises(MalformedMessage):
            getattr(BincodeReader(huge + b"abc", "x"), read)(1 << 50)
    with pytest.raises(MalformedMessage):
        BincodeReader(b"\x05hello", "x").string(4)
    with pytest.raises(MalformedMessage, match="UTF-8"):
        BincodeReader(b"\x01\xff", "x").string(4)


def test_a_variant_must_exist():
    assert BincodeReader(b"\x02", "x").variant(3) == 2
    with pytest.raises(MalformedMessage):
        BincodeReader(b"\x03", "x").variant(3)
