import pytest

from mix_protocol.messages.acknowledgement import ACK_LENGTH
from mix_protocol.messages.geometry import DATA_SIZES, pushed_length
from mix_protocol.messages.pushed import is_wrapped, unwrap, wrap_ordinary, wrap_sealed
from mix_protocol.sphinx.geometry import PacketSize

IDENTIFIER = b"identifier of 16"


@pytest.mark.parametrize("size", DATA_SIZES)
def test_sealed_and_ordinary_payloads_are_equally_long(size: PacketSize):
    sealed, ordinary = b"s" * size.payload_length, b"o" * pushed_length(size)
    wrapped = wrap_sealed(IDENTIFIER, sealed), wrap_ordinary(ordinary)
    assert {len(each) for each in wrapped} == {16 + size.payload_length}
    assert unwrap(wrapped[0]) == (IDENTIFIER, sealed)
    assert unwrap(wrapped[1]) == (None, ordinary)
    assert wrap_ordinary(wrapped[0]) == wrapped[0]


def test_what_is_no_packets_data_stays_as_it_is():
    for payload in (b"", b"short", b"a" * ACK_LENGTH):
        assert wrap_ordinary(payload) == payload
        assert not is_wrapped(payload)
    assert not any(is_wrapped(bytes(pushed_length(size))) for size in DATA_SIZES)
