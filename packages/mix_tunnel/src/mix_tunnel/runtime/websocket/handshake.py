"""The opening handshake: an HTTP/1.1 request that turns the connection into a WebSocket (RFC 6455 section 4.1)."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, build_subprotocol
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from ...streams import ByteStream
from ..http.request import DEFAULT_HEADERS, USER_AGENT
from .errors import handshake_error
from .options import WebSocketOptions
from .url import WebSocketUrl

CHUNK_BYTES = 65_536
SLICE_BYTES = 4096
"""So much is parsed at once: deflate makes 1000 times as much of it at most, before anybody can say stop."""

_ACCEPT_LANGUAGE = dict(DEFAULT_HEADERS)["Accept-Language"]
_silent = logging.getLogger(f"{__name__}.frames")
_silent.setLevel(logging.CRITICAL)
"""The library would log what is said."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The result of a handshake."""

    request: Request
    response: Response
    frames: tuple[Frame, ...]
    """Frames that came together with the answer."""
    rest: bytes
    """What came together with the answer and has not been parsed."""


class WebSocketProtocol(ClientProtocol):
    """The library's state machine, which here takes a close frame in the middle of a message for what it is."""

    def recv_frame(self, frame: Frame) -> None:
        """Process a frame; after a close frame nothing is missing (RFC 6455 section 5.4: it may be injected)."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


def make_protocol(url: WebSocketUrl, options: WebSocketOptions) -> ClientProtocol:
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
    stream: ByteStream, protocol: ClientProtocol, url: WebSocketUrl, options: WebSocketOptions
) -> Opened:
    """Ask for a WebSocket and wait for the answer. Raises an `InvalidHandshake`, or what the stream raises."""
    request = make_request(protocol, url, options)
    protocol.send_request(request)
    await stream.send(b"".join(protocol.data_to_send()))
    while True:
        data = await stream.receive(CHUNK_BYTES)
        if not data:
            protocol.receive_eof()
        for start in range(0, len(data), SLICE_BYTES):
            protocol.receive_data(data[start : start + SLICE_BYTES])
            if protocol.handshake_exc is not None:
                break
            if protocol.state is not CONNECTING:  # a close frame may have come with the answer: not OPEN any longer
                response, *frames = protocol.events_received()
                assert isinstance(response, Response)
                rest = data[start + SLICE_BYTES :]
                return Opened(request, response, tuple(frame for frame in frames if isinstance(frame, Frame)), rest)
        if protocol.handshake_exc is not None:
            raise handshake_error(protocol.handshake_exc)
