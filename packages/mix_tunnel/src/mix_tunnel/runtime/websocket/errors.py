"""What can go wrong with a WebSocket.

Each class is one of ours and, where the `websockets` library has a class for the same thing, also that one: a program
that catches `websockets.ConnectionClosed` goes on to do so. What fails below (DNS, TCP, TLS) keeps its own error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from websockets import exceptions as library

from mix_protocol.errors import Closed, MixError, NetworkFailure, PeerIncompatible, UsageError

if TYPE_CHECKING:
    from websockets.frames import Close
    from websockets.http11 import Response


class _Sentence(Exception):
    """Stands between `MixError` and the library's classes, whose texts would quote URLs and headers."""

    def __init__(self, *args: object) -> None:
        BaseException.__init__(self, *args)

    def __str__(self) -> str:
        return BaseException.__str__(self)


class InvalidURI(UsageError, _Sentence, library.InvalidURI):
    """The URL is none of a WebSocket."""

    code = "websocket.invalid_uri"
    message = "this is not a WebSocket URL; it should look like wss://example.org/path"


class InsecureWebSocket(InvalidURI):
    """A ws: URL, and the tunnel allows encrypted connections only."""

    code = "websocket.insecure"
    message = "this tunnel opens encrypted WebSockets only; use wss:// instead of ws://"


class InvalidWebSocketOption(UsageError, ValueError):
    """An option of a WebSocket has a wrong type or is out of its range."""

    code = "websocket.invalid_option"
    message = "an option of the WebSocket is not valid"

    @classmethod
    def of(cls, option: str, allowed: str) -> Self:
        """The error for an option, with what is allowed."""
        return cls(f"{{{option}}} must be {allowed}", option=option, allowed=allowed)


class InvalidWebSocketMessage(UsageError, TypeError):
    """What was given to `send` is no message."""

    code = "websocket.invalid_message"
    message = "a message must be text, bytes, or an iterable of pieces that are all text or all bytes"


class InvalidCloseCode(UsageError, _Sentence, library.ProtocolError):
    """A close code that must not be sent, or a reason that does not fit in a control frame."""

    code = "websocket.invalid_close_code"
    message = "a close code must be 1000 to 1014 without those reserved, or 3000 to 4999; a reason has up to 123 bytes"


class ControlFrameTooLong(UsageError, _Sentence, library.ProtocolError):
    """The data of a ping or pong does not fit in a control frame."""

    code = "websocket.control_frame_too_long"
    message = "the data of a ping or pong may have 125 bytes at most"


class ConcurrencyError(UsageError, _Sentence, library.ConcurrencyError):
    """Two tasks want to receive from the same WebSocket, or a ping's data is in use already."""

    code = "websocket.concurrency"
    message = "another task is receiving from this WebSocket already"


class OpenTimedOut(NetworkFailure, TimeoutError):
    """The WebSocket did not open in time: name, TCP, TLS and handshake together."""

    code = "websocket.open_timed_out"
    message = "the WebSocket did not open in time; try again later, or allow more time"


class HandshakeAborted(NetworkFailure):
    """The server closed the connection before it had answered the handshake."""

    code = "websocket.handshake_aborted"
    message = "the server closed the connection in the middle of the WebSocket handshake; try again"


class InvalidHandshake(PeerIncompatible, _Sentence, library.InvalidHandshake):
    """The server's answer to the handshake does not open a WebSocket."""

    code = "websocket.invalid_handshake"
    message = "the server's answer does not open a WebSocket"


class InvalidStatus(InvalidHandshake, library.InvalidStatus):
    """The server answered with another status than 101. Field `status`; redirects are not followed."""

    code = "websocket.invalid_status"
    message = "the server refused to open a WebSocket"
    response: Response
    """The whole answer, its body included."""

    @classmethod
    def of(cls, response: Response) -> Self:
        """The error for an answer."""
        status = response.status_code
        hint = "; redirects are not followed, so use the final URL" if 300 <= status < 400 else ""
        error = cls(f"the server refused to open a WebSocket: HTTP status {status}{hint}", status=status)
        error.response = response
        return error


class InvalidHandshakeMessage(InvalidHandshake, library.InvalidMessage):
    """The server's answer to the handshake is not HTTP/1.1."""

    code = "websocket.handshake_not_http"
    message = "the server's answer to the WebSocket handshake is not valid HTTP/1.1"


class HandshakeTooLarge(InvalidHandshake, library.SecurityError):
    """The answer to the handshake is larger than any honest one."""

    code = "websocket.handshake_too_large"
    message = "the server's answer to the WebSocket handshake is larger than any honest server's"


class InvalidHeader(InvalidHandshake, library.InvalidHeader):
    """A header of the answer is missing or has a wrong value. Field `header`."""

    code = "websocket.invalid_header"
    message = "the server's answer to the WebSocket handshake has a wrong header"
    name: str = ""
    value: str | None = None


class InvalidUpgrade(InvalidHeader, library.InvalidUpgrade):
    """The answer has no right Upgrade or Connection header."""

    code = "websocket.invalid_upgrade"
    message = "the server answered, but does not upgrade the connection to a WebSocket"


class NegotiationError(InvalidHandshake, library.NegotiationError):
    """The server chose a subprotocol or an extension that was not offered."""

    code = "websocket.negotiation"
    message = "the server chose a WebSocket subprotocol or extension that was not offered"


class WebSocketConnectionClosed(Closed, _Sentence, library.ConnectionClosed):
    """The WebSocket is closed. Fields `close_code` (1006 without a close frame) and `sent_code`.

    As in `websockets`, `rcvd` and `sent` are the close frames (their code and reason), or None. But `code` is this
    class's stable name.
    """

    code = "websocket.closed"  # type: ignore[assignment]  # there a deprecated name of rcvd.code
    message = "the WebSocket has been closed"
    rcvd: Close | None = None
    sent: Close | None = None
    rcvd_then_sent: bool | None = None


class ConnectionClosedOK(WebSocketConnectionClosed, library.ConnectionClosedOK):
    """The WebSocket was closed in order, with code 1000, 1001 or none."""

    code = "websocket.closed_ok"  # type: ignore[assignment]  # there a deprecated name of rcvd.code
    message = "the WebSocket has been closed in order"


class ConnectionClosedError(WebSocketConnectionClosed, library.ConnectionClosedError):
    """The WebSocket was closed with another code, or without the closing handshake."""

    code = "websocket.closed_error"  # type: ignore[assignment]  # there a deprecated name of rcvd.code
    message = "the WebSocket's connection broke without a closing handshake"


def closed_error(
    rcvd: Close | None, sent: Close | None, rcvd_then_sent: bool | None, cause: BaseException | None
) -> WebSocketConnectionClosed:
    """The exception for a WebSocket that was closed by these frames, and because of `cause`, if any."""
    close_code = 1006 if rcvd is None else int(rcvd.code)
    fields = {"close_code": close_code, "sent_code": None if sent is None else int(sent.code)}
    error: WebSocketConnectionClosed
    if rcvd is not None and sent is not None:
        if rcvd.code in _OK_CODES and sent.code in _OK_CODES:
            error = ConnectionClosedOK(None, **fields)
        else:
            error = ConnectionClosedError(f"the WebSocket was closed with code {close_code}", **fields)
    else:
        error = ConnectionClosedError(_why_broken(sent, cause), **fields)
    error.rcvd, error.sent, error.rcvd_then_sent = rcvd, sent, rcvd_then_sent
    error.__cause__ = cause
    return error


_OK_CODES = (1000, 1001, 1005)

_BECAUSE = {
    1002: "the server broke the WebSocket protocol",
    1007: "the server sent text that is not UTF-8",
    1009: "the server sent a message larger than allowed",
    1011: "the server did not answer a keep-alive ping in time, or sending failed in the middle of a message",
}


def _why_broken(sent: Close | None, cause: BaseException | None) -> str:
    if isinstance(cause, MixError):
        return f"the WebSocket's connection broke: {cause}"
    if sent is not None and sent.code in _BECAUSE:
        return f"{_BECAUSE[int(sent.code)]}; the WebSocket was closed with code {int(sent.code)}"
    if sent is not None:
        return "the server did not answer the closing handshake in time; the WebSocket's connection was dropped"
    return ConnectionClosedError.message


def handshake_error(error: Exception) -> MixError:
    """The typed error for what the library says about an answer with status 101."""
    if isinstance(error, library.InvalidHeader):
        cls = InvalidUpgrade if isinstance(error, library.InvalidUpgrade) else InvalidHeader
        mine = cls(None, header=error.name)
        mine.name, mine.value = error.name, error.value
        return mine
    return NegotiationError() if isinstance(error, library.NegotiationError) else InvalidHandshake()
