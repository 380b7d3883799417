"""The opening handshake: an HTTP/1.1 request that turns the connection into a WebSocket (RFC 6455 section 4.1).

The answer is read as our HTTP reads its answers, which takes more than the `websockets` library does; the library
judges what it says.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, build_subprotocol
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, Protocol
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from mix_protocol.errors import NetworkFailure

from ...streams import ByteStream
from ..http.errors import HeadTooLarge, MalformedResponse
from ..http.http1.chunks import ChunkReader
from ..http.http1.framing import End, frame
from ..http.http1.head import Head, HeadReader
from ..http.request import DEFAULT_HEADERS, USER_AGENT
from .errors import HandshakeAborted, HandshakeTooLarge, InvalidHandshakeMessage, InvalidStatus, handshake_error
from .options import WebSocketOptions
from .url import WebSocketUrl

CHUNK_BYTES = 65_536
SLICE_BYTES = 4096
"""So much is parsed at once: deflate makes 1000 times as much of it at most, before anybody can say stop."""
MAX_PROVISIONAL = 16
"""Answers with 1xx that are passed over before the one that counts."""
MAX_JUDGED_BYTES = 8_192
"""Of the fields that the library judges word by word; other fields may be longer."""
MAX_REFUSAL_BYTES = 65_536
REFUSAL_S = 10.0
"""Of a refusal's body so much is kept, and so long is waited for it; the status is told whatever comes of it."""

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_JUDGED = (b"connection", b"upgrade", b"sec-websocket-extensions", b"sec-websocket-protocol")
_ACCEPT_LANGUAGE = dict(DEFAULT_HEADERS)["Accept-Language"]
_silent = logging.getLogger(f"{__name__}.frames")
_silent.setLevel(logging.CRITICAL)
"""The library would log what is said."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The result of a handshake."""

    request: Request = field(repr=False)
    response: Response = field(repr=False)
    rest: bytes = field(repr=False)
    """Frames that came together with the answer."""


class WebSocketProtocol(ClientProtocol):
    """The library's state machine for frames; a close frame in the middle of a message is taken for what it is."""

    def parse(self) -> Generator[None]:
        """Parse frames from the first byte on: the handshake's answer is read by `shake_hands`."""
        return Protocol.parse(self)

    def open(self, response: Response) -> None:
        """Take an answer with status 101; raises the library's `InvalidHandshake`."""
        self.process_response(response)
        self.state = OPEN

    def recv_frame(self, frame: Frame) -> None:
        """Process a frame; after a close frame nothing is missing (RFC 6455 section 5.4: it may be injected)."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


def make_protocol(url: WebSocketUrl, options: WebSocketOptions) -> WebSocketProtocol:
    """The library's state machine for one connection."""
    return WebSocketProtocol(
        WebSocketURI(url.secure, url.host, url.port, url.target, ""),
        extensions=options.extension_factories() or None,
        subprotocols=[Subprotocol(name) for name in options.subprotocols] or None,
        max_size=(options.max_message_bytes, options.max_fragment_bytes),
        logger=_silent,
    )


def make_request(protocol: ClientProtocol, url: WebSocketUrl, options: WebSocketOptions) -> Request:
    """The request with a browser's headers in a browser's order; the caller's replace those of the same name."""
    wanted: list[tuple[str, str | None]] = [
        ("Host", url.authority),
        ("Connection", "Upgrade"),
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        ("User-Agent", USER_AGENT if options.user_agent == "browser" else options.user_agent),
        ("Upgrade", "websocket"),
        ("Origin", options.origin),
        ("Sec-WebSocket-Version", "13"),
        ("Accept-Encoding", "gzip, deflate, br, zstd" if url.secure else "gzip, deflate"),
        ("Accept-Language", _ACCEPT_LANGUAGE),
        ("Authorization", url.authorization),
        ("Sec-WebSocket-Key", protocol.key),
    ]
    if protocol.available_extensions:
        offers = [(factory.name, factory.get_request_params()) for factory in protocol.available_extensions]
        wanted.append(("Sec-WebSocket-Extensions", build_extension(offers)))
    if protocol.available_subprotocols:
        wanted.append(("Sec-WebSocket-Protocol", build_subprotocol(protocol.available_subprotocols)))
    own = {name.lower() for name, _ in options.headers}
    headers = Headers()
    for name, value in wanted:
        if value is not None and name.lower() not in own:
            headers[name] = value
    for name, value in options.headers:
        headers[name] = value
    return Request(url.target, headers)


async def shake_hands(
    stream: ByteStream, protocol: WebSocketProtocol, url: WebSocketUrl, options: WebSocketOptions
) -> Opened:
    """Ask for a WebSocket and wait for the answer. Raises an `InvalidHandshake`, or what the stream raises."""
    request = make_request(protocol, url, options)
    protocol.send_request(request)
    await stream.send(b"".join(protocol.data_to_send()))
    head, rest = await _read_head(stream)
    response = _response(head)
    if head.status != 101:
        response.body = await _read_refusal(stream, head, rest)
        raise InvalidStatus.of(response)
    if head.version != b"1.1":
        raise InvalidHandshakeMessage
    try:
        protocol.open(response)
    except InvalidHandshake as error:
        raise handshake_error(error) from error
    return Opened(request, response, rest)


async def _read_head(stream: ByteStream) -> tuple[Head, bytes]:
    """The answer's head, and what came behind it."""
    data = b""
    for _ in range(MAX_PROVISIONAL + 1):
        reader = HeadReader()
        try:
            while (head := reader.feed(data)) is None:
                data = await stream.receive(CHUNK_BYTES)
                if not data:
                    raise HandshakeAborted
        except HeadTooLarge as error:
            raise HandshakeTooLarge from error
        except MalformedResponse as error:
            raise InvalidHandshakeMessage from error
        if head.status == 101 or head.status >= 200:
            return head, reader.rest
        data = reader.rest
    raise HandshakeTooLarge("the server sends provisional answers without end")


def _response(head: Head) -> Response:
    said = sum(len(value) for name, value in head.fields if name.lower() in _JUDGED)
    if head.status == 101 and said > MAX_JUDGED_BYTES:
        raise HandshakeTooLarge
    headers = Headers()
    for name, value in head.fields:
        # Browsers take control characters in values, the library does not; none that counts has a use for them.
        if not _CONTROL.search(value):
            headers[name.decode("ascii")] = value.decode("latin-1")
    return Response(head.status, head.reason.decode("latin-1"), headers)


async def _read_refusal(stream: ByteStream, head: Head, rest: bytes) -> bytes:
    """The first bytes of the body that comes with a refusal; it may be cut, late or nonsense."""
    body = bytearray()
    with suppress(NetworkFailure, MalformedResponse, TimeoutError):
        async with asyncio.timeout(REFUSAL_S):
            _, framing = frame("GET", head)
            wanted = 0 if framing.end is End.HEAD else MAX_REFUSAL_BYTES
            if framing.end is End.LENGTH:
                wanted = min(wanted, framing.length)
            chunks = ChunkReader() if framing.end is End.CHUNKS else None
            data = rest
            while True:
                body += data if chunks is None else chunks.feed(data)
                ended = chunks is not None and (chunks.ended or chunks.failure is not None)
                if ended or len(body) >= wanted or not (data := await stream.receive(CHUNK_BYTES)):
                    break
            del body[wanted:]
    return bytes(body[:MAX_REFUSAL_BYTES])
