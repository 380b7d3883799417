"""Headers as HTTP/2 has them (RFC 9113 section 8.2 and 8.3): pseudo-fields, lower case, nothing about connections."""

from __future__ import annotations

import re

from ..request import PreparedRequest
from ..wire_response import ResponseHead
from .errors import Http2Violated

HeaderBytes = list[tuple[bytes, bytes]]

_CONNECTION_SPECIFIC = frozenset(
    {"host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"}
)
_FORBIDDEN = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
_NAME = re.compile(rb":?[!#$%&'*+.^_`|~0-9a-z-]+")
_BREAKS = re.compile(rb"[\0\r\n]")
_STATUS = re.compile(rb"[1-9][0-9]{2}")
_STATUSES_WITHOUT_BODY = frozenset({204, 304})


def request_headers(request: PreparedRequest) -> HeaderBytes:
    """What goes into the HEADERS frame of a request; the pseudo-fields stand in a browser's order."""
    wire = request.wire_headers()
    authority = next((value for name, value in wire if name.lower() == "host"), request.url.authority)
    pseudo = (
        (":method", request.method),
        (":authority", authority),
        (":scheme", request.url.scheme),
        (":path", request.url.target),
    )
    regular = [(name.lower(), value) for name, value in wire if name.lower() not in _CONNECTION_SPECIFIC]
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in (*pseudo, *regular)]


def plain_fields(fields: HeaderBytes) -> HeaderBytes:
    """The fields of a response without white space around their values, which RFC 9113 section 8.2.1 does not allow and
    curl and browsers take away.

    Raises `Http2Violated` for what makes the message malformed (section 8.2): it ends the exchange, not the connection.
    """
    plain = [(name, value.strip(b" \t")) for name, value in fields]
    for name, value in plain:
        if not _NAME.fullmatch(name) or _BREAKS.search(value):
            raise Http2Violated("the server's answer has a header that HTTP/2 does not allow", reason="PROTOCOL_ERROR")
        if name in _FORBIDDEN:
            raise Http2Violated("the server's answer has a header of HTTP/1.1", reason="PROTOCOL_ERROR")
    return plain


def status_of(fields: HeaderBytes) -> int:
    """The status of a head, whose pseudo-fields are that one alone and stand first; raises `Http2Violated`."""
    pseudo = [name for name, _ in fields if name.startswith(b":")]
    status = fields[0][1] if fields else b""
    if pseudo != [b":status"] or fields[0][0] != b":status" or not _STATUS.fullmatch(status) or status == b"101":
        raise Http2Violated("the server's answer has no valid status", reason="PROTOCOL_ERROR")
    return int(status)


def check_trailers(fields: HeaderBytes) -> None:
    """Raise `Http2Violated` for what may not stand behind a body."""
    if any(name.startswith(b":") for name, _ in fields):
        raise Http2Violated("the server's answer has a second head", reason="PROTOCOL_ERROR")


def response_head(fields: HeaderBytes) -> ResponseHead:
    """The head of a final response, out of plain fields."""
    return ResponseHead(
        status=status_of(fields),
        reason="",  # HTTP/2 has none
        http_version="2",
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields[1:]],
    )


def expected_length(method: str, head: ResponseHead) -> int | None:
    """Bytes that the body must have, or None when nothing says it; raises `Http2Violated`."""
    if method == "HEAD" or head.status in _STATUSES_WITHOUT_BODY:
        return 0
    lengths = {value for name, value in head.headers if name == "content-length"}
    if not lengths:
        return None
    text = lengths.pop()
    if lengths or not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Http2Violated("the server's Content-Length is no length", reason="PROTOCOL_ERROR")
    return int(text)
