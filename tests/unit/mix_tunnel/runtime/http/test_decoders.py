"""Each content coding, in steps: whole, byte by byte, cut, wrong, followed by something else, and as a bomb."""

from __future__ import annotations

import gzip
import hashlib
import sys
import zlib

import pytest

from mix_tunnel.runtime.http.decoders import DECODERS, available_codings

TEXT = b"The quick brown fox jumps over the lazy dog, and a browser decodes what it reads. "
LARGE = b"".join(hashlib.sha256(str(number).encode()).hexdigest().encode() for number in range(8_000))
# Brotli's wheel for the worker has no encoder, so its streams are written out: TEXT, and ten million zeros.
BROTLI_TEXT = bytes.fromhex(
    "1b5100388c94abed684105e5b6542fa4c53edc5441f83083ea94cb30102e8ebf853f88dc032e5b39c29e79b96e26865bdaae4b"
    "36057eb6ff47685cf90884443669925d07b56500"
)
BROTLI_ZEROS = bytes.fromhex("9f7f9698f82700e2b14020c71113")
ZEROS = 10_000_000


def zstd():
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def compressed(coding: str, data: bytes) -> bytes:
    """What a server sends."""
    if coding == "zstd":
        return zstd().compress(data)
    wbits = {"gzip": 31, "deflate": 15, "bare deflate": -15}[coding]
    compressor = zlib.compressobj(wbits=wbits)
    return compressor.compress(data) + compressor.flush()


CASES = {
    "gzip": ("gzip", compressed("gzip", LARGE), LARGE),
    "deflate": ("deflate", compressed("deflate", LARGE), LARGE),
    "bare deflate": ("deflate", compressed("bare deflate", LARGE), LARGE),
    "stored deflate": ("deflate", b"\x01\x03\x00\xfc\xffabc", b"abc"),
    "br": ("br", BROTLI_TEXT, TEXT),
    "zstd": ("zstd", compressed("zstd", LARGE), LARGE),
    "nothing in gzip": ("gzip", compressed("gzip", b""), b""),
    "nothing in br": ("br", b";", b""),
    "nothing in zstd": ("zstd", compressed("zstd", b""), b""),
    "two members": ("gzip", compressed("gzip", b"one") + compressed("gzip", b"two"), b"onetwo"),
    "an empty member between": (
        "gzip",
        compressed("gzip", b"one") + compressed("gzip", b"") + compressed("gzip", b"two"),
        b"onetwo",
    ),
    "two frames": ("zstd", compressed("zstd", b"one") + compressed("zstd", b"two"), b"onetwo"),
    "a skippable frame": ("zstd", b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + compressed("zstd", b"two"), b"two"),
    "zeros after gzip": ("gzip", compressed("gzip", b"one") + bytes(100), b"one"),
    "text after gzip": ("gzip", compressed("gzip", b"one") + b"\x1fgarbage", b"one"),
    "half a magic number after gzip": ("gzip", compressed("gzip", b"one") + b"\x1f", b"one"),
    "text after deflate": ("deflate", compressed("deflate", b"one") + b"garbage", b"one"),
}


def run(coding: str, pieces, step: int = 65_536) -> tuple[bytes, bool]:
    """Feed pieces as a reader would; returns what came out, and whether the stream was whole."""
    decoder = DECODERS[coding]()
    out = bytearray()
    for piece in pieces:
        assert decoder.needs_input
        out += decoder.decode(piece, step)
        while not decoder.needs_input:
            out += decoder.decode(b"", step)
    return bytes(out), decoder.may_end


@pytest.mark.parametrize("case", CASES)
def test_a_whole_stream(case):
    coding, data, plain = CASES[case]
    assert run(coding, [data]) == (plain, True)


@pytest.mark.parametrize(
    "nothing", [compressed("zstd", b""), b"\x50\x2a\x4d\x18" + bytes(4)], ids=["empty", "skippable"]
)
def test_zstd_frames_that_give_nothing_do_not_take_the_loop_for_themselves(nothing):
    decoder = DECODERS["zstd"]()
    steps, out = 1, decoder.decode(nothing * 1_000 + compressed("zstd", b"text"), 65_536)
    while not decoder.needs_input:
        steps, out = steps + 1, out + decoder.decode(b"", 65_536)
    assert (out, decoder.may_end) == (b"text", True)
    assert steps > 10


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("step", [1, 100, 65_536])
def test_small_steps(case, step):
    coding, data, plain = CASES[case]
    if step == 1:
        plain_start = plain[:50]
        decoder = DECODERS[coding]()
        out = decoder.decode(data, step)
        while not decoder.needs_input and len(out) < 50:
            out += decoder.decode(b"", step)
        assert out[: len(plain_start)] == plain_start
    else:
        assert run(coding, [data], step) == (plain, True)


@pytest.mark.parametrize("case", CASES)
def test_byte_by_byte(case):
    coding, data, plain = CASES[case]
    data = data[:300]
    out, is_whole = run(coding, [bytes([byte]) for byte in data])
    assert plain.startswith(out)
    assert is_whole == (len(CASES[case][1]) <= 300)


@pytest.mark.parametrize(("coding", "data"), [(CASES[name][0], CASES[name][1]) for name in ("gzip", "deflate", "zstd")])
def test_a_cut_stream_is_not_whole(coding, data):
    trailer = {"gzip": 8, "deflate": 4, "zstd": 0}[coding]
    for length in (1, 2, 10, len(data) // 2, len(data) - trailer - 1):
        assert run(coding, [data[:length]])[1] is False


@pytest.mark.parametrize("missing", range(1, 9))
@pytest.mark.parametrize("plain", [b"", b"a", bytes(100_000), b"hello, world" * 50])
def test_gzip_without_its_trailer_or_a_part_of_it_is_whole(plain, missing):
    """Some servers send it so, and curl and browsers read it."""
    for level in (0, 6):
        data = gzip.compress(plain, level)
        assert run("gzip", [data[:-missing]]) == (plain, True)
        assert run("gzip", [gzip.compress(b"first ") + data[:-missing]]) == (b"first " + plain, True)
        # But one of another body, or a stream that has not ended, is not.
        if missing < 8:
            with pytest.raises(zlib.error):
                run("gzip", [data[:-8] + b"nonsense"])
        assert run("gzip", [data[: -missing - 8]])[1] is False


@pytest.mark.parametrize("missing", range(1, 5))
@pytest.mark.parametrize("plain", [b"", b"a", bytes(100_000), b"hello, world" * 50])
def test_zlibs_format_without_its_trailer_or_a_part_of_it_is_whole(plain, missing):
    data = zlib.compress(plain)
    assert run("deflate", [data[:-missing]]) == (plain, True)
    assert run("deflate", [data[: -missing - 4]])[1] is False


def test_a_cut_brotli_stream_is_not_whole():
    for length in (1, 40, len(BROTLI_TEXT) - 1):
        assert run("br", [BROTLI_TEXT[:length]])[1] is False


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", b"plain text, not gzip"),
        ("gzip", b"\x1f\x8b\x07" + bytes(20)),
        ("gzip", compressed("gzip", b"one")[:-8] + bytes(8)),
        ("gzip", compressed("gzip", b"one") + b"\x1f\x8bgarbage"),
        ("deflate", b"\xff\xff\xff\xff"),
        ("deflate", compressed("deflate", b"one")[:-4] + bytes(4)),
        ("br", b"\xff" * 20),
        ("br", BROTLI_TEXT + b"x"),
        ("zstd", b"plain text, not zstd"),
        ("zstd", compressed("zstd", b"one") + b"garbage after it"),
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
def test_wrong_bytes(coding, data, bytewise):
    failure = DECODERS[coding]().failure
    with pytest.raises(failure):
        run(coding, [bytes([byte]) for byte in data] if bytewise else [data])


def test_a_zstd_window_beyond_8_mib_is_refused():
    options = {zstd().CompressionParameter.window_log: 24, zstd().CompressionParameter.content_size_flag: 0}
    compressor = zstd().ZstdCompressor(options=options)
    data = compressor.compress(LARGE) + compressor.flush()
    with pytest.raises(DECODERS["zstd"]().failure):
        run("zstd", [data])


def test_a_zstd_window_of_8_mib_is_taken():
    options = {zstd().CompressionParameter.window_log: 23, zstd().CompressionParameter.content_size_flag: 0}
    compressor = zstd().ZstdCompressor(options=options)
    data = compressor.compress(LARGE) + compressor.flush()
    assert run("zstd", [data]) == (LARGE, True)


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", compressed("gzip", bytes(ZEROS))),
        ("deflate", compressed("deflate", bytes(ZEROS))),
        ("zstd", compressed("zstd", bytes(ZEROS))),
        ("br", BROTLI_ZEROS),
    ],
)
def test_a_bomb_comes_out_in_bounded_steps(coding, bomb):
    decoder = DECODERS[coding]()
    count = 0
    piece = decoder.decode(bomb, 65_536)
    while piece or not decoder.needs_input:
        assert len(piece) <= 131_072
        count += len(piece)
        piece = decoder.decode(b"", 65_536) if not decoder.needs_input else b""
    assert count == ZEROS
    assert decoder.may_end


def test_every_coding_is_available_here():
    assert available_codings() == ("gzip", "deflate", "br", "zstd")
