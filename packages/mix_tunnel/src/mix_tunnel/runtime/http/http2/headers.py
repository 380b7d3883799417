"""Headers as HTTP/2 has them (RFC 9113 section 8.2 and 8.3): pseudo-fields, lower case, nothing about connections."""

from __future__ import annotations

from collections.abc import Iterable

from ..request import PreparedRequest
from ..wire_response import ResponseHead
from .errors import Http2Violated

HeaderBytes = list[tuple[bytes, bytes]]

_CONNECTION_SPECIFIC = frozenset(
    {"host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"}
)
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


def response_head(headers: Iterable[tuple[bytes, bytes]]) -> ResponseHead:
    """The head of a final response; raises `Http2Violated`."""
    fields = [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in headers]
    status = next((value for name, value in fields if name == ":status"), "")
    if not (len(status) == 3 and status.isascii() and status.isdigit() and status >= "200"):
        raise Http2Violated("the server's answer has no valid status", reason="PROTOCOL_ERROR")
    return ResponseHead(
        status=int(status),
        reason="",  # HTTP/2 has none
        http_version="2",
        headers=[(name, value) for name, value in fields if not name.startswith(":")],
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
