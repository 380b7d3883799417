"""The server's side of one HTTP/2 connection, step by step; and raw frames for what no library would send."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings

from mix_protocol.errors import MixError
from mix_tunnel.runtime.http.http2 import Http2Connection
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts, prepare
from mix_tunnel.runtime.http.wire_response import WireResponse
from mix_tunnel.streams import ByteStream
from support.byte_pipe import byte_pipe
from support.waiting import PATIENCE_S

E = TypeVar("E", bound=Event)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One frame, valid or not."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


class Http2Peer:
    """Speaks as server; every event that is not waited for at once is kept."""

    def __init__(self, stream: ByteStream, **settings: int) -> None:
        self.stream = stream
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        if settings:
            values = {SettingCodes[name.upper()]: value for name, value in settings.items()}
            self.h2.local_settings = Settings(client=False, initial_values=values)
        self.h2.initiate_connection()
        self.events: list[Event] = []
        self.auto_acknowledge = True
        self.ended = False
        self.raw = bytearray()
        """Everything the client sent."""
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        await self.flush()
        with contextlib.suppress(MixError):
            while data := await self.stream.receive():
                self.raw += data
                events = self.h2.receive_data(data)
                for event in events:
                    if isinstance(event, DataReceived) and self.auto_acknowledge:
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self.events += events
                self._changed.set()
                await self.flush()
        self.ended = True
        self._changed.set()

    async def flush(self) -> None:
        if data := self.h2.data_to_send():
            await self.stream.send(data)

    async def event(self, kind: type[E], stream_id: int | None = None) -> E:
        """Wait for the next event of a kind, and take it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and stream_id in (None, getattr(event, "stream_id", None)):
                        self.events.remove(event)
                        return event
                if self.ended:
                    raise EOFError("the client has gone")
                self._changed.clear()
                await self._changed.wait()

    async def request(self) -> tuple[int, dict[str, str]]:
        """Wait for a request's head: its stream and headers."""
        event = await self.event(RequestReceived)
        return event.stream_id, {str(name): str(value) for name, value in event.headers or ()}

    async def body(self, stream_id: int) -> bytes:
        """Wait for a request's whole body."""
        await self.event(StreamEnded, stream_id)
        mine = [e for e in self.events if isinstance(e, DataReceived) and e.stream_id == stream_id]
        for event in mine:
            self.events.remove(event)
        return b"".join(event.data or b"" for event in mine)

    async def reset(self, stream_id: int) -> ErrorCodes:
        """Wait until the client resets a stream."""
        return ErrorCodes((await self.event(StreamReset, stream_id)).error_code)

    async def head(self, stream_id: int, status: int = 200, *, end: bool = False, **headers: str) -> None:
        fields = [(":status", str(status)), *((name.replace("_", "-"), value) for name, value in headers.items())]
        self.h2.send_headers(stream_id, fields, end_stream=end)
        await self.flush()

    async def data(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        """Send data, at once, as far as the window goes; it must suffice."""
        for start in range(0, max(len(data), 1), 16_384):
            last = start + 16_384 >= len(data)
            self.h2.send_data(stream_id, data[start : start + 16_384], end_stream=end and last)
        await self.flush()

    async def answer(self, stream_id: int, body: bytes = b"", status: int = 200, **headers: str) -> None:
        await self.head(stream_id, status, end=not body, **headers)
        if body:
            await self.data(stream_id, body, end=True)

    async def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        await self.flush()
        await self.stream.send(raw)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


class Http2Pair:
    """A client's connection and its server."""

    def __init__(self, client: Http2Connection, peer: Http2Peer) -> None:
        self.client = client
        self.peer = peer
        self.unused = 0

        def count() -> None:
            self.unused += 1

        client.on_unused = count

    async def send(self, method: str = "GET", path: str = "/", **options: Any) -> WireResponse:
        """Send a request and wait for the response's head."""
        timeouts = options.pop("timeouts", HttpTimeouts(response_s=PATIENCE_S, idle_s=PATIENCE_S))
        request = prepare(HttpRequest(method, f"https://demo.test{path}", **options))
        self.client.enter()
        return await self.client.exchange(request, timeouts)

    def start(self, *arguments: Any, **options: Any) -> asyncio.Task[WireResponse]:
        """`send` in the background."""
        return asyncio.create_task(self.send(*arguments, **options))

    async def ask(self, *arguments: Any, **options: Any) -> tuple[asyncio.Task[WireResponse], int, dict[str, str]]:
        """Send a request and wait until the server has its head."""
        task = self.start(*arguments, **options)
        return task, *await self.peer.request()


async def read_all(response: WireResponse) -> bytes:
    """The whole body."""
    data = bytearray()
    while piece := await response.read():
        data += piece
    return bytes(data)


@asynccontextmanager
async def http2_pair(
    *, capacity: int = 65_536, quiet_s: float = 20.0, answer_s: float = 20.0, **settings: int
) -> AsyncIterator[Http2Pair]:
    """A client's connection to a server in memory; `settings` are the server's."""
    near, far = byte_pipe(capacity)
    client = Http2Connection(near, quiet_s=quiet_s, answer_s=answer_s)
    peer = Http2Peer(far, **settings)
    try:
        yield Http2Pair(client, peer)
    finally:
        client.abort()
        await peer.close()
