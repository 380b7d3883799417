"""An open WebSocket as programs use it."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, Self, overload
from uuid import UUID

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

from .errors import ConcurrencyError, ConnectionClosedOK, ControlFrameTooLong, WebSocketConnectionClosed
from .link import WebSocketLink
from .messages import FRAGMENT_BYTES, Data, Message, Piece, is_piece, piece_bytes, pieces_of
from .pings import MAX_CONTROL_BYTES


class WebSocketConnection:
    """A WebSocket with the methods of `websockets.asyncio.client.ClientConnection`.

    Messages are sent by `send` and received by `recv`, `recv_streaming` or `async for`. Whoever stops receiving stops
    the server in the end: first the queue fills, then the TCP window. After the end every call raises a
    `WebSocketConnectionClosed`.
    """

    def __init__(
        self,
        link: WebSocketLink,
        request: Request,
        response: Response,
        *,
        local: tuple[str, int],
        remote: tuple[str, int],
        write_limit_bytes: int,
    ) -> None:
        self.request = request
        """The handshake's request."""
        self.response = response
        """The server's answer to it."""
        self.local_address = local
        """Our address and port inside the tunnel; the server sees the exit's."""
        self.remote_address = remote
        """The server's address and port."""
        self._link = link
        self._write_limit_bytes = write_limit_bytes
        self._sending = asyncio.Lock()
        self._fragmenting = False
        self._receiving = False
        self._opcode: Opcode | None = None
        self._partial = bytearray()

    # --- what it is

    @property
    def id(self) -> UUID:
        """A random name of this connection, for logs."""
        return self._link.protocol.id

    @property
    def state(self) -> State:
        """Where the connection stands (RFC 6455)."""
        return self._link.state

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose."""
        return self._link.protocol.subprotocol

    @property
    def extensions(self) -> str:
        """The extensions agreed on, as the server wrote them."""
        return ", ".join(self.response.headers.get_all("Sec-WebSocket-Extensions"))

    @property
    def latency(self) -> float:
        """Seconds between the last answered ping and its pong; 0 before the first."""
        return self._link.latency_s

    def watch_latency(self, callback: Callable[[float], None]) -> None:
        """Have each measurement of the latency told, in seconds."""
        self._link.on_latency = callback

    @property
    def buffered_amount(self) -> int:
        """Bytes of frames that have been sent here and not been taken by the connection yet."""
        return self._link.outgoing.buffered_bytes

    @property
    def close_code(self) -> int | None:
        """The code of the server's close frame, 1005 if it has none, 1006 without one; None before the end."""
        error = self._end()
        return None if error is None else int(CloseCode.ABNORMAL_CLOSURE if error.rcvd is None else error.rcvd.code)

    @property
    def close_reason(self) -> str | None:
        """The reason in the server's close frame; None before the end."""
        error = self._end()
        return None if error is None else "" if error.rcvd is None else error.rcvd.reason

    def _end(self) -> WebSocketConnectionClosed | None:
        return self._link.closed_error() if self._link.ended.is_set() else None

    # --- receiving

    @overload
    async def recv(self, decode: Literal[True]) -> str: ...
    @overload
    async def recv(self, decode: Literal[False]) -> bytes: ...
    @overload
    async def recv(self, decode: bool | None = None) -> Data: ...

    async def recv(self, decode: bool | None = None) -> Data:
        """Wait for the next message: str for text, bytes otherwise; or always str (True), or always bytes (False).

        Loses nothing when cancelled. Raises `WebSocketConnectionClosed` at the end, `ConcurrencyError` when another
        task receives.
        """
        with self._receiver():
            while True:
                frame = await self._next_frame()
                self._partial += frame.data
                if frame.fin:
                    break
            data = bytes(self._partial)
            self._partial.clear()
        return data.decode() if self._wants_text(decode) else data

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Data]:
        """Receive the next message fragment by fragment, as they arrive. The iterator must be read to its end."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        with self._receiver():
            while True:
                frame = await self._next_frame()
                data = bytes(frame.data)
                yield decoder.decode(data, frame.fin) if self._wants_text(decode) else data
                if frame.fin:
                    return

    async def __aiter__(self) -> AsyncIterator[Data]:
        """Every message until the WebSocket is closed in order; raises `ConnectionClosedError` when it is not."""
        try:
            while True:
                yield await self.recv()
        except ConnectionClosedOK:
            return

    @contextmanager
    def _receiver(self) -> Iterator[None]:
        if self._receiving:
            raise ConcurrencyError
        self._receiving = True
        try:
            yield
        finally:
            self._receiving = False

    async def _next_frame(self) -> Frame:
        frame = await self._link.incoming.get()
        if frame is None:
            await self._link.ended.wait()
            raise self._link.closed_error()
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        return frame

    def _wants_text(self, decode: bool | None) -> bool:
        return self._opcode is Opcode.TEXT if decode is None else decode

    # --- sending

    async def send(self, message: Message, *, text: bool | None = None) -> None:
        """Send a message; returns when little of it waits for the connection to take it.

        message -- str as text, bytes as binary, or an iterable (also an asynchronous one) of fragments of one kind
        text -- send bytes as text (True; they must be UTF-8), or text as binary (False)

        Messages of several tasks leave one after the other. Raises `WebSocketConnectionClosed`, or
        `InvalidWebSocketMessage` (which ends the WebSocket when found in the middle of a message).
        """
        async with self._sending:
            if is_piece(message):
                await self._send_whole(message, text)
            else:
                await self._send_fragments(message, text)
            if self._link.ended.is_set():
                raise self._link.closed_error()

    async def _send_whole(self, message: Piece, text: bool | None) -> None:
        data = piece_bytes(message)
        await self._link.check_open()
        is_text = isinstance(message, str) if text is None else text
        self._put(data[:FRAGMENT_BYTES], first=True, text=is_text, last=len(data) <= FRAGMENT_BYTES)
        for start in range(FRAGMENT_BYTES, len(data), FRAGMENT_BYTES):
            end = start + FRAGMENT_BYTES
            self._put(data[start:end], first=False, text=is_text, last=end >= len(data))
        await self._link.outgoing.below(self._write_limit_bytes)

    async def _send_fragments(self, message: object, text: bool | None) -> None:
        try:
            async for piece in pieces_of(message):
                data = piece_bytes(piece)
                await self._link.check_open()
                is_text = isinstance(piece, str) if text is None else text
                self._put(data, first=not self._fragmenting, text=is_text, last=False)
                self._fragmenting = True
                await self._link.outgoing.below(self._write_limit_bytes)
            if self._fragmenting:
                await self._link.check_open()
                self._put(b"", first=False, text=False, last=True)
                self._fragmenting = False
        except WebSocketConnectionClosed:
            raise
        except BaseException:
            if self._fragmenting:  # the message can't be completed, and no other may follow
                self._link.give_up(CloseCode.INTERNAL_ERROR, "error in fragmented message")
            raise

    def _put(self, data: bytes, *, first: bool, text: bool, last: bool) -> None:
        protocol = self._link.protocol
        if not first:
            protocol.send_continuation(data, last)
        elif text:
            protocol.send_text(data, last)
        else:
            protocol.send_binary(data, last)
        self._link.flush()

    async def ping(self, data: Piece | None = None) -> Awaitable[float]:
        """Send a ping; what is returned can be awaited for the latency in seconds."""
        return await self._link.ping(None if data is None else piece_bytes(data))

    async def pong(self, data: Piece = b"") -> None:
        """Send a pong that answers no ping: a heartbeat in one direction."""
        payload = piece_bytes(data)
        if len(payload) > MAX_CONTROL_BYTES:
            raise ControlFrameTooLong
        await self._link.check_open()
        self._link.protocol.send_pong(payload)
        self._link.flush()

    # --- closing

    async def close(self, code: int | None = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close in order, and wait for the server's part of that within the time limit. Idempotent.

        code -- None sends a close frame without code
        Raises `InvalidCloseCode`.
        """
        if self._link.state is State.OPEN:
            if self._fragmenting:
                self._link.give_up(CloseCode.INTERNAL_ERROR, "close during fragmented message")
            else:
                self._link.begin_close(code, reason)
        await self._link.ended.wait()

    async def wait_closed(self) -> None:
        """Wait until the WebSocket is closed, by either side."""
        await self._link.ended.wait()

    def abort(self) -> None:
        """Drop the connection at once, without a closing handshake. Idempotent."""
        self._link.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close(CloseCode.NORMAL_CLOSURE if kind is None else CloseCode.INTERNAL_ERROR)

    def __repr__(self) -> str:
        return f"<WebSocketConnection {self.state.name}>"
