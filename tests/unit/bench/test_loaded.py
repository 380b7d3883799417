"""Bytes of files."""

import gzip

from bench.side_by_side.loaded import sizes


def test_what_comes_as_gzip_is_unpacked_first():
    content = b"again and again " * 1000
    assert sizes(gzip.compress(content)) == sizes(content)


def test_compressed_is_smaller():
    found = sizes(b"again and again " * 1000)
    assert found["brotli"] < found["gzip"] < found["raw"] == 16_000
