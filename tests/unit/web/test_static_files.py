"""Files that were compressed beforehand: which form a client gets, and what caches are told."""

from __future__ import annotations

import gzip
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import brotli
import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "web"))

from static_files import CompressedFiles, accepted_codings

TEXT = b"export const answer = 42;\n" * 100
BROTLI = brotli.compress(TEXT)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "module.js").write_bytes(TEXT)
    (tmp_path / "module.js.br").write_bytes(BROTLI)
    (tmp_path / "module.js.gz").write_bytes(gzip.compress(TEXT))
    (tmp_path / "code.wasm").write_bytes(b"\0asm")
    (tmp_path / "code.wasm.br").write_bytes(brotli.compress(b"\0asm"))
    (tmp_path / "alone.txt").write_bytes(b"alone")
    transport = httpx.ASGITransport(CompressedFiles(directory=tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, br;q=0", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0.0, identity", None),
        ("", None),
    ],
)
async def test_the_best_form_that_is_accepted(client: httpx.AsyncClient, accepted: str, coding: str | None):
    answer = await client.get("/module.js", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.content == TEXT
    assert int(answer.headers["content-length"]) == (len(TEXT) if coding is None else answer.num_bytes_downloaded)


async def test_each_form_has_its_own_tag(client: httpx.AsyncClient):
    tags = {}
    for coding in ("br", "gzip", "identity"):
        answer = await client.get("/module.js", headers={"Accept-Encoding": coding})
        tags[coding] = answer.headers["etag"]
        again = await client.get("/module.js", headers={"Accept-Encoding": coding, "If-None-Match": tags[coding]})
        assert again.status_code == 304
        assert again.headers["vary"] == "Accept-Encoding"
    assert len(set(tags.values())) == 3


async def test_webassembly_stays_webassembly(client: httpx.AsyncClient):
    answer = await client.get("/code.wasm", headers={"Accept-Encoding": "br"})
    assert answer.headers["content-type"] == "application/wasm"
    plain = await client.get("/code.wasm", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"


async def test_a_form_by_its_own_name_is_not_unpacked_on_the_way(client: httpx.AsyncClient):
    answer = await client.get("/module.js.gz", headers={"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in answer.headers
    assert gzip.decompress(answer.content) == TEXT


async def test_other_files_are_as_before(client: httpx.AsyncClient):
    answer = await client.get("/alone.txt", headers={"Accept-Encoding": "br, gzip"})
    assert answer.content == b"alone"
    assert "vary" not in answer.headers


def test_weights_are_read():
    assert accepted_codings("br;q=1.0, gzip; q=0, x;q=nonsense,*;q=0.000") == {"br", "x"}
