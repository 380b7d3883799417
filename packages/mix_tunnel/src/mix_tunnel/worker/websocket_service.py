"""The method `websocket.open`: one call is one WebSocket of the page.

The call's result says what was agreed on; from then on both of its bodies are records. Cancelling the call drops the
connection. `mix-websocket/wire.js` is the other end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from mix_protocol.errors import MixError
from mix_tunnel.rpc.bodies import Upload
from mix_tunnel.rpc.errors import InvalidParameters, MalformedRpcMessage
from mix_tunnel.rpc.records import Record, RecordBody, read_records
from mix_tunnel.rpc.server import IncomingCall, Method, Reply
from mix_tunnel.runtime.websocket import Compression, WebSocketConnection, WebSocketOptions
from mix_tunnel.runtime.websocket.errors import InvalidWebSocketOption, WebSocketConnectionClosed
from mix_tunnel.worker.tunnel_service import TunnelService

MAX_PIECE_BYTES = 65_536
"""The page sends messages in pieces of at most so much."""


class Kind(IntEnum):
    """Kinds of records."""

    TEXT = 1
    """A message, or from the page its last piece; UTF-8."""
    BINARY = 2
    TEXT_PIECE = 3
    """From the page: a piece of a message, with more to follow."""
    BINARY_PIECE = 4
    CLOSE = 5
    """From the page: close with this code (u16, big-endian) and reason (UTF-8), or with neither when it is empty. To
    the page: the connection was closed in order, with the server's code and reason."""
    SENT = 6
    """To the page: so many bytes (u32) of its messages have left, and with them the ends of so many messages (u32)."""
    LATENCY = 7
    """To the page: the last ping was answered after so many microseconds (u32)."""


@dataclass(frozen=True, slots=True)
class OpenParameters:
    """What the page asks for; what is absent has its default. A limit of 0 means none."""

    url: str = field(repr=False)
    protocols: list[str] = field(repr=False, default_factory=list)
    headers: list[tuple[str, str]] = field(repr=False, default_factory=list)
    max_message_bytes: int | None = None
    ping_interval_ms: float | None = None
    open_timeout_ms: float | None = None
    compression: bool | dict[str, Any] = True

    def options(self) -> WebSocketOptions:
        """The engine's options; raises `InvalidWebSocketOption`."""
        given: dict[str, Any] = {"subprotocols": self.protocols, "headers": self.headers}
        given["compression"] = _read_compression(self.compression)
        if self.max_message_bytes is not None:
            given["max_message_bytes"] = self.max_message_bytes
        if self.ping_interval_ms is not None:
            given["ping_interval_s"] = self.ping_interval_ms / 1000 if self.ping_interval_ms else None
        if self.open_timeout_ms is not None:
            given["open_timeout_s"] = self.open_timeout_ms / 1000 if self.open_timeout_ms else None
        return WebSocketOptions(**given)


def _read_compression(given: bool | dict[str, Any]) -> Compression | None:
    if isinstance(given, bool):
        return Compression() if given else None
    try:
        return Compression(**{name: value for name, value in given.items() if value is not None})
    except TypeError as error:
        raise InvalidWebSocketOption.of("compression", "true, false, or permessage-deflate's parameters") from error


class WebSocketService:
    """Opens WebSockets for the page."""

    def __init__(self, tunnels: TunnelService) -> None:
        self._tunnels = tunnels

    @property
    def methods(self) -> Mapping[str, Method]:
        """The table for an `RpcServer`."""
        return {"websocket.open": self._open}

    async def _open(self, call: IncomingCall) -> Reply:
        asked = call.params_as(OpenParameters)
        if call.upload is None:
            raise InvalidParameters("a WebSocket's messages have to be uploaded")
        websocket = await (await self._tunnels.ready()).connect_websocket(asked.url, asked.options())
        value = {"protocol": websocket.subprotocol or "", "extensions": websocket.extensions}
        conversation = _Conversation(websocket, call.upload)
        return Reply(value, RecordBody(conversation.next_record, conversation.aclose))


class _Conversation:
    """Carries messages between the page's records and a WebSocket."""

    def __init__(self, websocket: WebSocketConnection, upload: Upload) -> None:
        self._websocket = websocket
        self._news: deque[Record] = deque()
        self._has_news = asyncio.Event()
        self._over = False
        self._failure: MixError | None = None
        loop = asyncio.get_running_loop()
        self._sending = loop.create_task(self._send(upload), name="websocket: messages of the page")
        self._receiving: asyncio.Task[Record] | None = None
        websocket.watch_latency(self._tell_latency)

    async def next_record(self) -> Record | None:
        """Wait for what the page is to be told next; None after the closing handshake."""
        loop = asyncio.get_running_loop()
        while not self._news:
            if self._over:
                return None
            if self._receiving is None:
                self._receiving = loop.create_task(self._receive(), name="websocket: messages for the page")
            self._has_news.clear()
            noticing = loop.create_task(self._has_news.wait())
            try:
                await asyncio.wait({noticing, self._receiving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                noticing.cancel()
            if not self._news and self._receiving.done():
                received, self._receiving = self._receiving.result(), None
                self._over = received.kind == Kind.CLOSE
                return received
        return self._news.popleft()

    async def aclose(self) -> None:
        """Let go of the connection; it is dropped unless it was closed in order."""
        tasks = {self._sending} if self._receiving is None else {self._sending, self._receiving}
        for task in tasks:
            task.cancel()
        if not self._over:
            self._websocket.abort()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # it has been told, or is of no interest any more

    # --- to the page

    async def _receive(self) -> Record:
        try:
            message = await self._websocket.recv()
        except WebSocketConnectionClosed as closed:
            if closed.rcvd is None or closed.sent is None:
                raise self._failure or closed from None
            return Record(Kind.CLOSE, int(closed.rcvd.code).to_bytes(2, "big") + closed.rcvd.reason.encode())
        if isinstance(message, str):
            return Record(Kind.TEXT, message.encode())
        return Record(Kind.BINARY, message)

    def _tell(self, record: Record) -> None:
        self._news.append(record)
        self._has_news.set()

    def _tell_latency(self, latency_s: float) -> None:
        self._tell(Record(Kind.LATENCY, min(round(latency_s * 1e6), 2**32 - 1).to_bytes(4, "big")))

    def _tell_sent(self, count: int, messages: int) -> None:
        self._tell(Record(Kind.SENT, count.to_bytes(4, "big") + messages.to_bytes(4, "big")))

    # --- from the page

    async def _send(self, upload: Upload) -> None:
        records = aiter(read_records(upload, MAX_PIECE_BYTES))
        try:
            async for record in records:
                await self._send_one(record, records)
        except WebSocketConnectionClosed:
            pass  # whoever receives is told
        except MixError as error:
            self._failure = error
            self._websocket.abort()

    async def _send_one(self, record: Record, records: AsyncIterator[Record]) -> None:
        if record.kind == Kind.CLOSE:
            await self._close(record.payload)
        elif record.kind in (Kind.TEXT, Kind.BINARY):
            await self._websocket.send(record.payload, text=record.kind == Kind.TEXT)
            self._tell_sent(len(record.payload), 1)
        elif record.kind in (Kind.TEXT_PIECE, Kind.BINARY_PIECE):
            await self._websocket.send(self._pieces(record, records), text=record.kind == Kind.TEXT_PIECE)
            self._tell_sent(0, 1)
        else:
            raise MalformedRpcMessage("a WebSocket's record from the page is malformed")

    async def _pieces(self, first: Record, records: AsyncIterator[Record]) -> AsyncIterator[bytes]:
        """The pieces of a message; each has left when the next is asked for."""
        record = first
        while True:
            yield record.payload
            self._tell_sent(len(record.payload), 0)
            if record.kind in (Kind.TEXT, Kind.BINARY):
                return
            record = await anext(records)

    async def _close(self, payload: bytes) -> None:
        if payload:
            await self._websocket.close(int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace"))
        else:
            await self._websocket.close(None)
