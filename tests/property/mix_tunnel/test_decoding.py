"""Content codings: the same bytes however they are cut; any bytes give a body or a typed error, in bounded steps."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.errors import MixError
from mix_tunnel.runtime.http.decoding import STEP_BYTES, decoded
from mix_tunnel.runtime.http.errors import EncodingCut

ENCODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=2),
    "zstd": zstd.compress,
}
bodies = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda piece, times: piece * times, st.binary(max_size=30), st.integers(0, 9_000)),
)


class Pieces:
    def __init__(self, data: bytes, cuts: list[int]) -> None:
        places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
        self._pieces = [data[start:end] for start, end in itertools.pairwise(places)]

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def read(data: bytes, cuts: list[int], codings: tuple[str, ...]) -> bytes:
    async def run() -> bytes:
        body = decoded(Pieces(data, cuts), codings)
        whole = bytearray()
        while piece := await body.read():
            assert len(piece) <= 2 * STEP_BYTES
            whole += piece
        return bytes(whole)

    return asyncio.run(run())


cuts = st.lists(st.integers(0, 1 << 20), max_size=8)


@given(bodies, st.lists(st.sampled_from(sorted(ENCODERS)), min_size=1, max_size=3), cuts)
def test_a_round_trip_however_it_is_cut(body, codings, places):
    data = body
    for coding in codings:
        data = ENCODERS[coding](data)
    assert read(data, places, tuple(reversed(codings))) == body


@pytest.mark.parametrize("coding", ENCODERS)
@given(st.data(), bodies.filter(bool))
def test_a_body_that_is_cut_is_never_taken_for_whole(coding, data, body):
    encoded = ENCODERS[coding](body)
    trailer = {"gzip": 8, "deflate": 4}.get(coding, 0)  # without which a stream is whole all the same
    length = data.draw(st.integers(1, len(encoded) - trailer - 1))
    with pytest.raises(EncodingCut):
        read(encoded[:length], [], (coding,))


@pytest.mark.parametrize("coding", ENCODERS)
@given(st.data(), st.binary(max_size=200), cuts)
def test_any_bytes(coding, data, body, places):
    encoded = bytearray(ENCODERS[coding](body))
    for _ in range(data.draw(st.integers(0, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    raw = data.draw(st.sampled_from([bytes(encoded), body]))
    results = []
    for way in ([], places, list(range(len(raw)))):
        try:
            results.append(read(raw, way, (coding,)))
        except MixError as error:
            results.append(error.code)
    assert results[0] == results[1] == results[2]
