"""Every decoder gives a value or `PeerMisbehaved`, whatever the bytes: random, cut off, or valid but for some bytes."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.every_decoder import DECODERS, NO_DECODERS, decoders_in_packages

from mix_protocol.errors import PeerMisbehaved


def test_the_table_names_every_decoder():
    assert decoders_in_packages() - set(NO_DECODERS) == set(DECODERS)


@pytest.mark.parametrize("name", DECODERS)
def test_samples_are_valid(name):
    """Otherwise their mutants would get no further than random bytes."""
    decoder = DECODERS[name]
    for sample in decoder.samples:
        decoder.decode(sample)


pieces = st.binary(max_size=8)


@st.composite
def spoilt(draw: st.DrawFn, valid: tuple[bytes, ...]) -> bytes:
    """A valid input that is cut off, or some bytes of which are replaced by others."""
    data = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.sampled_from((len(data), start, start + 1, start + 4)))
        data = data[:start] + draw(pieces) + data[end:]
    return data


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
@settings(max_examples=80)
def test_any_bytes_give_a_value_or_peer_misbehaved(name, data):
    decoder = DECODERS[name]
    inputs = data.draw(st.binary(max_size=600) | spoilt(decoder.samples), label="input")
    with contextlib.suppress(PeerMisbehaved):
        decoder.decode(inputs)
