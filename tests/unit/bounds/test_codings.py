"""Content codings: the longest step of streams that make decoders work for nothing."""

from __future__ import annotations

import gzip
import time

import brotli
import pytest
from backports import zstd
from support.bounded_work import check_busy

from mix_tunnel.runtime.http.decoders import DECODERS
from mix_tunnel.runtime.http.decoding import STEP_BYTES

STREAMS = {
    "empty members": ("gzip", gzip.compress(b"", mtime=0) * 10_000),
    "an endless name": ("gzip", b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 1_000_000),
    "zeros in gzip": ("gzip", gzip.compress(bytes(1 << 25), 9)),
    "empty blocks": ("deflate", b"\x78\x9c" + b"\x00\x00\x00\xff\xff" * 100_000),
    "zeros in brotli": ("br", brotli.compress(bytes(1 << 25), quality=5)),
    "empty frames": ("zstd", zstd.compress(b"") * 20_000),
    "frames to be skipped": ("zstd", b"\x50\x2a\x4d\x18\x00\x00\x00\x00" * 20_000),
    "large windows": ("zstd", (b"\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00") * 5000),
    "zeros in zstd": ("zstd", zstd.compress(bytes(1 << 25))),
}


@pytest.mark.parametrize("case", STREAMS)
def test_steps(case: str) -> None:
    coding, data = STREAMS[case]
    decoder = DECODERS[coding]()
    longest_s, at = 0.0, 0
    while at < len(data) or not decoder.needs_input:
        piece = b""
        if decoder.needs_input:
            piece, at = data[at : at + STEP_BYTES], at + STEP_BYTES
        began = time.thread_time()
        try:
            out = decoder.decode(piece, STEP_BYTES)
        except decoder.failure:
            break
        longest_s = max(longest_s, time.thread_time() - began)
        assert len(out) <= 4 * STEP_BYTES
    check_busy(longest_s)
