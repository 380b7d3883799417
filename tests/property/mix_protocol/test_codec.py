from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.codec import base58
from mix_protocol.codec.bincode import BincodeReader, BincodeWriter
from mix_protocol.errors import PeerMisbehaved

ORDERS = st.sampled_from(["big", "little"])


@given(st.integers(0, (1 << 64) - 1), ORDERS)
def test_unsigned_integers_come_back(value, order):
    reader = BincodeReader(BincodeWriter(order).uint(value).finish(), "x", order)
    assert reader.uint() == value
    reader.end()


@given(st.integers(-(1 << 63), (1 << 63) - 1), ORDERS)
def test_signed_integers_come_back(value, order):
    assert BincodeReader(BincodeWriter(order).sint(value).finish(), "x", order).sint() == value


@given(st.binary(max_size=300), st.text(max_size=100), st.booleans(), st.none() | st.integers(0, 1000))
def test_composed_values_come_back(data, text, flag, number):
    writer = BincodeWriter()
    writer.byte_string(data).string(text).boolean(flag).option(number, writer.uint)
    reader = BincodeReader(writer.finish(), "x")
    assert reader.byte_string(300) == data
    assert reader.string(1000) == text
    assert reader.boolean() == flag
    assert reader.option(reader.uint) == number
    reader.end()


READS = ["u8", "uint", "sint", "boolean"]


@given(st.binary(max_size=40), st.lists(st.sampled_from([*READS, "string", "byte_string"]), max_size=10), ORDERS)
def test_garbage_gives_values_or_peer_misbehaved(data, reads, order):
    reader = BincodeReader(data, "x", order)
    try:
        for read in reads:
            getattr(reader, read)(*([] if read in READS else [1 << 40]))
        reader.end()
    except PeerMisbehaved:
        return
    assert reader.remaining == 0


@given(st.binary(max_size=96))
def test_base58_comes_back(data):
    assert base58.decode(base58.encode(data)) == data


@given(st.text(max_size=80))
def test_base58_of_any_text(text):
    try:
        data = base58.decode(text)
    except PeerMisbehaved:
        return
    assert base58.encode(data) == text
