"""The head of an HTTP/1.1 response: status line and fields (RFC 9112 sections 4 and 5), read as tolerantly as curl and
browsers read it.

Where they differ, or where one of them refuses, the head is refused at once. What is read although the standard does
not allow it makes the head `odd`: nobody can be sure where such an answer ends, so nothing may follow it on its
connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import HeadTooLarge, MalformedResponse

MAX_HEAD_BYTES = 262_144
"""Largest response head; Chromium's limit."""
MAX_FIELDS = 10_000
"""Fields of one head: twice curl's limit."""

Fields = list[tuple[bytes, bytes]]

_HTTP = b"HTTP/"
_END = re.compile(rb"\n\r{0,2}\n")
_END_BYTES = 4
_STATUS_LINE = re.compile(rb"HTTP/([1-3])(?:\.([0-9]))? +([1-9][0-9]{2})(?![0-9])([^\n]*)", re.IGNORECASE)
_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_OTHER_SPACE = bytes.maketrans(b"\x0b\x0c\r", b"   ")
_BLANK = b" \t"


@dataclass(frozen=True, slots=True)
class Head:
    """A response's head in its plain form: names are tokens, values have no line break and no space around them."""

    version: bytes
    """b"1.0" or b"1.1": what the rules for its connection are."""
    status: int
    reason: bytes = field(repr=False)
    fields: Fields = field(repr=False)
    odd: bool = False
    """Whether the server wrote anything that the standard does not allow."""

    def values(self, name: bytes) -> list[bytes]:
        """All the values of a field; `name` in lower case."""
        return [value for other, value in self.fields if other.lower() == name]

    def wire(self) -> bytes:
        """The head as any strict parser reads it, with the empty line behind it."""
        lines = [b"HTTP/%b %d %b" % (self.version, self.status, self.reason)]
        lines += [b"%b: %b" % field for field in self.fields]
        return b"\r\n".join(lines) + b"\r\n\r\n"


class HeadReader:
    """Collects one head from pieces of any size; `rest` is what came behind it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self.rest = b""

    @property
    def begun(self) -> bool:
        """Whether a byte of the head is here."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Head | None:
        """Take a piece; returns the head once it is whole. Raises `MalformedResponse` or `HeadTooLarge`.

        What cannot become a head is refused at its first bytes: nobody waits for the end of a line that never comes.
        """
        self._buffer += data
        begin = bytes(self._buffer[: len(_HTTP)]).upper()
        if not _HTTP.startswith(begin):
            raise MalformedResponse
        end = _END.search(self._buffer, max(self._searched - _END_BYTES, 0))
        if (end.end() if end else len(self._buffer)) > MAX_HEAD_BYTES:
            raise HeadTooLarge
        if end is None:
            self._searched = len(self._buffer)
            return None
        self.rest = bytes(self._buffer[end.end() :])
        return parse_head(bytes(self._buffer[: end.start()]))


def parse_head(text: bytes) -> Head:
    """Parse a whole head, given without the empty line that ends it; raises `MalformedResponse` or `HeadTooLarge`."""
    if b"\0" in text:
        raise MalformedResponse("the server's headers have a zero byte in them")
    plain = text.removesuffix(b"\r").replace(b"\r\n", b"\n").translate(_OTHER_SPACE)  # RFC 9112 section 2.2 for CR
    # Every line ends with CR and LF, and CR stands nowhere else; the last line's own end is cut off already.
    odd = not text.count(b"\r") == text.count(b"\r\n") + text.endswith(b"\r") == text.count(b"\n") + 1
    first, *lines = plain.split(b"\n")
    status_line = _STATUS_LINE.fullmatch(first)
    if status_line is None:
        raise MalformedResponse("the server's answer does not begin with a status line of HTTP")
    if len(lines) > MAX_FIELDS:
        raise HeadTooLarge
    major, minor, status, reason = status_line.groups()
    version = b"1.0" if (major, minor) == (b"1", b"0") else b"1.1"
    fields, odd_fields = _fields(lines)
    odd = odd or odd_fields or (major, minor) not in ((b"1", b"0"), (b"1", b"1"))
    return Head(version, int(status), reason.strip(_BLANK), fields, odd)


def _fields(lines: list[bytes]) -> tuple[Fields, bool]:
    """The fields, and whether any was odd. What has no valid name is left out, as everybody leaves it out."""
    fields: list[tuple[bytes, list[bytes]]] = []
    odd = False
    for line in lines:
        if line[:1] in (b" ", b"\t"):  # the line before goes on here (RFC 9112 section 5.2)
            if not fields:
                raise MalformedResponse("the server's headers begin with the rest of one")
            fields[-1][1].append(line.strip(_BLANK))
            odd = True
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            raise MalformedResponse("the server's headers have a line without a colon")
        bare = name.rstrip(_BLANK)
        odd = odd or bare != name or not _is_token(bare)
        fields.append((bare, [value.strip(_BLANK)]))
    return [(name, b" ".join(filter(None, parts))) for name, parts in fields if _is_token(name)], odd


def _is_token(name: bytes) -> bool:
    return bool(name) and not name.translate(None, _TOKEN)
