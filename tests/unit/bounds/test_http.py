"""HTTP: heads, chunks, header blocks and what is in them, as a hostile web site sends them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.bounded_work import check_bounded

from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.http1.chunks import ChunkReader
from mix_tunnel.runtime.http.http1.reader import ResponseReader
from mix_tunnel.runtime.http.http2.frames import CONTINUATION, DATA, END_HEADERS, HEADERS, RST_STREAM, SETTINGS
from mix_tunnel.runtime.http.http2.protocol import Http2Protocol
from mix_tunnel.runtime.http.url import HttpUrl

PIECE = 65_536
OK = b"HTTP/1.1 200 OK\r\n"
END = b"\r\n\r\n"

HEADS = {
    "many fields": OK + b"a:\r\n" * 9999 + END,
    "too many fields": OK + b"a:b\n" * 60_000 + END,
    "folded lines": OK + b"a:b\r\n" + b" c\r\n" * 9998 + END,
    "space": OK + b"a:" + b" " * 250_000 + b"x" + END,
    "names that are none": OK + b"\xff\xff\xff:\r\n" * 9999 + END,
    "space in the status line": b"HTTP/1.1 " + b" " * 250_000 + b"200" + END,
    "returns": OK + b"\r" * 250_000 + END,
    "half line ends": OK + b"a:b\r" * 60_000,
    "one endless line": OK + b"a" * 300_000,
}


@pytest.mark.parametrize("case", HEADS)
def test_heads(case: str) -> None:
    def read() -> None:
        reader = ResponseReader("GET")
        for start in range(0, len(HEADS[case]), PIECE):
            reader.feed(HEADS[case][start : start + PIECE])

    check_bounded(read)


def test_a_head_byte_by_byte() -> None:
    def read() -> None:
        reader = ResponseReader("GET")
        reader.feed(OK)
        for _ in range(20_000):
            reader.feed(b"a")

    check_bounded(read)


CHUNKS = {
    "of one byte": b"1\r\nx\r\n" * (PIECE // 6),
    "with a long extension": b"1;" + b"a" * 60_000 + b"\r\nx\r\n",
    "with extensions": b"1;a=b\r\nx\r\n" * (PIECE // 10),
    "with a long size": b"0" * 65_000 + b"1\r\nx",
    "with trailers": b"0\r\n" + b"a:b\r\n" * 13_000,
}


@pytest.mark.parametrize("case", CHUNKS)
def test_chunks(case: str) -> None:
    check_bounded(lambda: ChunkReader().feed(CHUNKS[case]))


def frame(kind: int, flags: int, payload: bytes, stream_id: int = 1) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def block(fields: bytes) -> bytes:
    """A header block in as many frames as it takes."""
    pieces = [fields[start : start + 16_384] for start in range(0, len(fields), 16_384)]
    last = len(pieces) - 1
    return b"".join(
        frame(CONTINUATION if index else HEADERS, END_HEADERS if index == last else 0, piece)
        for index, piece in enumerate(pieces)
    )


def number(prefix: int, bits: int, value: int) -> bytes:
    """An integer of RFC 7541 section 5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((prefix | value,))
    rest, encoded = value - most, bytearray((prefix | most,))
    while rest >= 128:
        encoded.append(rest % 128 | 128)
        rest //= 128
    encoded.append(rest)
    return bytes(encoded)


def indexed(name: bytes, value: bytes) -> bytes:
    return b"\x40" + number(0, 7, len(name)) + name + number(0, 7, len(value)) + value


STATUS = b"\x88"
"""200, out of the static table."""
LATEST = b"\xbe"
"""The latest entry of the dynamic table."""
HUFFMAN_ZEROS = number(0x80, 7, 125_000) + bytes(125_000)
FRAMES: dict[str, bytes] = {
    "a long value again and again": block(STATUS + indexed(b"a", b"x" * 3900) + LATEST * 120_000),
    "a short field again and again": block(STATUS + indexed(b"a", b"") + LATEST * 7900),
    "small fields": block(STATUS + indexed(b"a", b"") * 7000),
    "fields that push each other out": block(STATUS + indexed(b"a", b"b" * 20) * 5000),
    "a long Huffman code": block(STATUS + b"\x00" + number(0, 7, 1) + b"a" + HUFFMAN_ZEROS),
    "short Huffman codes": block(STATUS + (b"\x00" + number(0x80, 7, 5) + bytes(5) + b"\x00") * 6000),
    "sizes of the table": block(b"\x20" * 131_000),
    "an endless number": block(b"\xff" * 131_000),
    "an endless name": block(STATUS + b"\x00\x7f" + b"\xff" * 130_000),
    "continuations": frame(HEADERS, 0, STATUS) + frame(CONTINUATION, 0, b"") * (PIECE // 9),
    "provisional answers": block(b"\x08\x03100") * 5000,
    "settings": frame(SETTINGS, 0, b"\x00\x03\x00\x00\x00\x64" * 2700, 0) * 4,
    "data of one byte": block(STATUS) + frame(DATA, 0, b"x") * (PIECE // 10),
    "data of none": block(STATUS) + frame(DATA, 0, b"") * (PIECE // 9),
    "pings": frame(6, 0, b"12345678", 0) * (PIECE // 17),
    "resets": frame(RST_STREAM, 0, b"\x00\x00\x00\x03") * (PIECE // 13),
    "windows": block(STATUS) + frame(8, 0, b"\x00\x00\x00\x01") * (PIECE // 13),
    "frames of the future": frame(0x20, 0, b"") * (PIECE // 9),
}


@pytest.mark.parametrize("case", FRAMES)
def test_http2(case: str) -> None:
    def read() -> None:
        protocol = Http2Protocol(0.0)
        head = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"a.test")]
        protocol.open(head, end=True)
        list(protocol.receive(frame(SETTINGS, 0, b"", 0), 0.0))
        list(protocol.receive(FRAMES[case], 0.0))

    check_bounded(read)


HERE = HttpUrl.parse("https://a.b.example.com/x")
COOKIES = {
    "long ones": [f"c{index}={'x' * 1400}; Domain=example.com" for index in range(180)],
    "many": [f"c{index}=x" for index in range(60_000)],
    "with attributes": ["a=b" + ";x=y" * 360] * 180,
    "one of attributes": ["a=b" + ";x=y" * 64_000],
    "of no date": ["a=b; Expires=" + "1:1:1 " * 40_000],
    "of deep domains": ["a=b; Domain=" + "a." * 600] * 180,
}


@pytest.mark.parametrize("case", COOKIES)
def test_cookies(case: str) -> None:
    CookieJar(lambda: 1e9).store(HERE, ["a=b; Domain=example.com"])  # reads the list of public suffixes
    check_bounded(lambda: CookieJar(lambda: 1e9).store(HERE, COOKIES[case]))


def test_cookies_for_a_jar_that_is_full() -> None:
    jar = CookieJar(lambda: 1e9)
    for site in range(20):
        jar.store(HttpUrl.parse(f"https://s{site}.test/"), [f"c{index}=x" for index in range(180)])
    sites = iter(range(1000))
    lines = [f"d{index}=x" for index in range(180)]
    check_bounded(lambda: jar.store(HttpUrl.parse(f"https://new{next(sites)}.test/"), lines))
    check_bounded(lambda: jar.header_for(HttpUrl.parse("https://new0.test/")))


LOCATIONS: dict[str, Callable[[], str]] = {
    "folders up": lambda: "/" + "a/../" * 13_000,
    "percent signs": lambda: "/" + "%zz" * 20_000,
    "umlauts": lambda: "/" + "ü" * 60_000,
    "some umlauts": lambda: "/" + "ü" * 20_000,
    "umlauts in the query": lambda: "?" + "é" * 60_000,
    "labels": lambda: "https://" + "a." * 1000,
    "other scripts": lambda: "https://" + "ü" * 2000 + ".de/",
    "punycode": lambda: "https://xn--" + "a" * 1990,
    "emoji": lambda: "https://" + "😀" * 1000 + ".de/",
    "numbers": lambda: "https://" + "1." * 900,
    "a long number": lambda: "https://0x" + "f" * 1900,
    "space": lambda: " " * 65_000,
    "tabs": lambda: "ht" + "\t" * 65_000 + "tp://a/",
    "backslashes": lambda: "\\" * 65_000,
    "dots": lambda: "." * 60_000,
}


@pytest.mark.parametrize("case", LOCATIONS)
def test_locations(case: str) -> None:
    text = LOCATIONS[case]()
    check_bounded(lambda: HERE.join(text))
