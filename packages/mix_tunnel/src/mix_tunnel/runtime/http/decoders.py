"""The content codings gzip, deflate, br and zstd, undone in steps of bounded size.

gzip and deflate are RFC 1952, 1950 and 1951, br is RFC 7932, zstd is RFC 8878 with the window of RFC 9659. The
libraries are compiled ones, so they are loaded by the first answer that needs them.

Where a stream is followed by something else, decoders do as browsers do: further gzip members and zstd frames are
decoded, other bytes after gzip and deflate are ignored, and after zstd they are an error. After br they are one too,
since the library cannot tell where the stream had ended.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, Protocol

MAX_ZSTD_WINDOW_LOG = 23
"""8 MiB: what RFC 9659 lets a server use, and a client has to have."""
MAX_FRAMES_PER_STEP = 64
"""Frames of zstd that give nothing, decoded before others have a turn; each costs as much as some kilobytes."""
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31
_ZLIB_WBITS = 15


class Decoder(Protocol):
    """One coding of one body."""

    failure: type[Exception]
    """What `decode` raises for bytes that are not of this coding."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out before something goes in."""
        ...

    @property
    def may_end(self) -> bool:
        """Whether the stream is whole, when all that came out has been taken."""
        ...

    def decode(self, data: bytes, max_bytes: int) -> bytes:
        """Decode further, to about `max_bytes` of output; `data` is b"" unless `needs_input`."""
        ...


class GzipDecoder:
    """gzip, one member after the other. The last may lack its trailer or a part of it, as some servers send it."""

    def __init__(self) -> None:
        import zlib

        self.failure: type[Exception] = zlib.error
        self._new_member: Callable[[], Any] = lambda: zlib.decompressobj(_GZIP_WBITS)
        self._member: Any = self._new_member()
        self._crc32: Callable[[bytes, int], int] = zlib.crc32
        self._checksum = 0
        self._size = 0
        self._rest = b""
        self._full = False
        self._between = False
        self._over = False

    @property
    def needs_input(self) -> bool:
        return not self._full and len(self._rest) < (len(_GZIP_MAGIC) if self._between else 1)

    @property
    def may_end(self) -> bool:
        # RFC 1952 section 2.3.1: CRC-32 and length.
        trailer = self._checksum.to_bytes(4, "little") + (self._size & 0xFFFF_FFFF).to_bytes(4, "little")
        return self._between or _ends_before(trailer, self._member, self.failure)

    def decode(self, data: bytes, max_bytes: int) -> bytes:
        data, self._rest, self._full = self._rest + data, b"", False
        while not self._over:
            if self._between and not self._begin_member(data):
                break
            out: bytes = self._member.decompress(data, max_bytes)
            self._between = self._member.eof
            self._checksum = self._crc32(out, self._checksum)
            self._size += len(out)
            data = self._member.unused_data if self._between else self._member.unconsumed_tail
            if out or not self._between:
                self._rest = data
                self._full = len(out) >= max_bytes and not self._between
                return out
        return b""

    def _begin_member(self, data: bytes) -> bool:
        """Begin the next member if the bytes after the last are one; anything else is padding and ignored."""
        if len(data) < len(_GZIP_MAGIC):
            self._rest = data
            return False
        if not data.startswith(_GZIP_MAGIC):
            self._over = True
            return False
        self._member = self._new_member()
        self._between = False
        self._checksum = self._size = 0
        return True


def _ends_before(trailer: bytes, stream: Any, failure: type[Exception]) -> bool:
    """Whether a stream of zlib's has ended, and only its trailer or the last bytes of that are missing."""
    for missing in range(1, len(trailer) + 1):
        attempt = stream.copy()
        try:
            if not attempt.decompress(trailer[-missing:]) and attempt.eof:
                return True
        except failure:
            continue
    return False


class DeflateDecoder:
    """deflate: zlib's format, as the standard wants, or the bare one, as some servers have it. The former may lack its
    trailer or a part of it."""

    def __init__(self) -> None:
        import zlib

        self.failure: type[Exception] = zlib.error
        self._new_stream = zlib.decompressobj
        self._stream: Any = None
        self._adler32: Callable[[bytes, int], int] = zlib.adler32
        self._checksum = 1
        self._rest = b""
        self._full = False

    @property
    def needs_input(self) -> bool:
        return not self._full and (self._stream is None or not self._rest)

    @property
    def may_end(self) -> bool:
        if self._stream is None:
            return False
        return bool(self._stream.eof) or _ends_before(self._checksum.to_bytes(4, "big"), self._stream, self.failure)

    def decode(self, data: bytes, max_bytes: int) -> bytes:
        data, self._rest, self._full = self._rest + data, b"", False
        if self._stream is None:
            if len(data) < 2:
                self._rest = data
                return b""
            self._stream = self._new_stream(_ZLIB_WBITS if _has_zlib_header(data) else -_ZLIB_WBITS)
        if self._stream.eof:
            return b""
        out: bytes = self._stream.decompress(data, max_bytes)
        self._checksum = self._adler32(out, self._checksum)
        if not self._stream.eof:
            self._rest = self._stream.unconsumed_tail
            self._full = len(out) >= max_bytes
        return out


def _has_zlib_header(data: bytes) -> bool:
    """RFC 1950 section 2.2; a bare deflate stream never begins so, its stored blocks' padding being zero."""
    return data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and (data[0] << 8 | data[1]) % 31 == 0


class BrotliDecoder:
    """br. The window is 16 MiB at most."""

    def __init__(self) -> None:
        # A statement, by which the build for workers finds what they need.
        import brotli  # type: ignore[import-untyped]

        self.failure: type[Exception] = brotli.error
        self._stream: Any = brotli.Decompressor()
        self._full = False

    @property
    def needs_input(self) -> bool:
        return not self._full and bool(self._stream.can_accept_more_data())

    @property
    def may_end(self) -> bool:
        return bool(self._stream.is_finished())

    def decode(self, data: bytes, max_bytes: int) -> bytes:
        if data and self._stream.is_finished():
            raise self.failure("bytes after the end")
        out: bytes = self._stream.process(data, output_buffer_limit=max_bytes)
        self._full = len(out) >= max_bytes and not self._stream.is_finished()
        return out


class ZstdDecoder:
    """zstd, one frame after the other."""

    def __init__(self) -> None:
        zstd = _load_zstd()
        self.failure: type[Exception] = zstd.ZstdError
        options = {zstd.DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_LOG}
        self._new_frame: Callable[[], Any] = lambda: zstd.ZstdDecompressor(options=options)
        self._frame: Any = self._new_frame()
        self._begun = False
        self._rest = b""

    @property
    def needs_input(self) -> bool:
        return not self._rest and bool(self._frame.eof or self._frame.needs_input)

    @property
    def may_end(self) -> bool:
        return bool(self._frame.eof) and not self._rest

    def decode(self, data: bytes, max_bytes: int) -> bytes:
        data, out = self._rest + data, b""
        for _ in range(MAX_FRAMES_PER_STEP):
            if self._frame.eof and data:
                self._frame = self._new_frame()
                self._begun = False
            if not self._begun and data:
                # A frame that is whole at once takes another way through the library, which checks more: byte by byte
                # has to mean the same.
                self._frame.decompress(data[:1])
                self._begun, data = True, data[1:]
            if not self._frame.eof:
                out = self._frame.decompress(data, max_bytes)
                data = self._frame.unused_data if self._frame.eof else b""
            if out or not data:
                break
        self._rest = data
        return out


def _load_zstd() -> ModuleType:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": GzipDecoder,
    "deflate": DeflateDecoder,
    "br": BrotliDecoder,
    "zstd": ZstdDecoder,
}
_LIBRARIES = {
    "gzip": "zlib",
    "deflate": "zlib",
    "br": "brotli",
    "zstd": "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd",
}


@cache
def available_codings() -> tuple[str, ...]:
    """The codings whose libraries are installed, in the order in which browsers name them; loads none."""
    return tuple(coding for coding, library in _LIBRARIES.items() if importlib.util.find_spec(library) is not None)
