"""What keeps an open WebSocket going: reads and parses, writes, answers pings, and brings it to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import State

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError

from ...streams import ByteStream
from ..presence import present_clock
from .errors import InvalidCloseCode, WebSocketConnectionClosed, closed_error
from .handshake import CHUNK_BYTES, SLICE_BYTES, Opened
from .incoming import IncomingFrames
from .messages import TextChecker
from .options import WebSocketOptions
from .outgoing import OutgoingFrames
from .pings import Pings, keep_alive

LINGER_S = 10.0
LINGER_BYTES = 1 << 20
"""The server is the one to close the connection (RFC 6455 section 7.1.1); it has so long, and may send so much more."""

_PINGS = (Opcode.PING, Opcode.PONG)
_CRASHES = CrashLog(logging.getLogger(__name__))


class WebSocketLink:
    """The library's state machine over a byte stream, from the end of the handshake to the end of the stream.

    It ends for its user as soon as its fate is known: the two close frames, a failure, or the stream's end. What the
    stream needs to be closed in order goes on behind that.
    """

    def __init__(self, stream: ByteStream, protocol: ClientProtocol, options: WebSocketOptions, opened: Opened) -> None:
        self.protocol = protocol
        self.incoming = IncomingFrames(options.queue_bytes, options.queue_frames)
        self.outgoing = OutgoingFrames(stream)
        self.ended = asyncio.Event()
        self.latency_s = 0.0
        self.on_latency: Callable[[float], None] | None = None
        self.failed = False
        """Whether it ended, or is to end, without the closing handshake."""
        self._loop = asyncio.get_running_loop()
        self._clock = present_clock()
        self._heard_at: float | None = self._clock.time()
        self._stream = stream
        self._close_timeout_s = options.close_timeout_s
        self._checker = TextChecker()
        self._pings = Pings(self._note_latency)
        self._cause: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # The reader first: what came with the handshake's answer, such as a ping, is answered before anything is sent.
        self._reader = self._spawn(self._read(opened), "websocket reader")
        self._writer = self._spawn(self.outgoing.run(), "websocket writer")
        self._keep_alive: asyncio.Task[None] | None = None
        if options.ping_interval_s is not None:
            pinging = keep_alive(
                self.ping, options.ping_interval_s, options.ping_timeout_s, self._alive_at, self._give_up_silent
            )
            self._keep_alive = self._spawn(pinging, "websocket keep-alive")

    @property
    def state(self) -> State:
        """Where the connection stands (RFC 6455)."""
        return State.CLOSED if self.ended.is_set() else self.protocol.state

    def closed_error(self) -> WebSocketConnectionClosed:
        """A new exception that says how it ended."""
        rcvd, sent = self.protocol.close_rcvd, self.protocol.close_sent
        if self.failed:
            rcvd = None  # as a browser has it: after a failure, nothing that the server says counts
        order = self.protocol.close_rcvd_then_sent if rcvd is not None and sent is not None else None
        return closed_error(rcvd, sent, order, self._cause or self.protocol.parser_exc)

    async def check_open(self) -> None:
        """Raise `WebSocketConnectionClosed` unless it is open; while it is closing, wait for how it ends."""
        if self.state is not State.OPEN:
            await self.ended.wait()
            raise self.closed_error()

    # --- sending

    def flush(self) -> None:
        """Queue what the state machine wants to send."""
        for data in self.protocol.data_to_send():
            if not data:
                continue  # a sign that the stream may be closed; `_finish` does that
            if data[0] & 0x0F in _PINGS:
                self.outgoing.put_control(data)
            else:
                self.outgoing.put(data)

    async def ping(self, data: bytes | None = None) -> Awaitable[float]:
        """Send a ping; what is returned can be awaited for the latency in seconds."""
        await self.check_open()
        payload, pong = self._pings.add(data)
        self.protocol.send_ping(payload)
        self.flush()
        return pong

    # --- closing

    def begin_close(self, code: int | None, reason: str) -> None:
        """Send our close frame; the server has the time limit to answer it. Raises `InvalidCloseCode`."""
        try:
            if not isinstance(code, (int, type(None))) or not isinstance(reason, str):
                raise InvalidCloseCode
            self.protocol.send_close(code, reason)
        except (ProtocolError, UnicodeEncodeError) as error:
            raise InvalidCloseCode from error
        self.flush()
        self.incoming.drop_when_full()
        self._spawn(self._enforce_close(), "websocket close")

    def give_up(self, code: int, reason: str) -> None:
        """Fail the connection with a close frame, whatever the server does (RFC 6455 section 7.1.7)."""
        if not self._is_over:
            self._fail(code, reason)
            self._reader.cancel()
            self._spawn(self._finish(), "websocket end")

    def abort(self) -> None:
        """Drop the connection at once."""
        self.failed = self.failed or not self.ended.is_set()
        self._stream.abort()
        self._end()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()

    def _give_up_silent(self) -> None:
        self.give_up(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")

    def _fail(self, code: int, reason: str) -> None:
        self.protocol.fail(code, reason)
        self.failed = True
        self.flush()

    async def _enforce_close(self) -> None:
        """Drop the connection when the server neither takes what is queued nor answers our close frame in time."""
        while True:
            taken_bytes = self.outgoing.taken_bytes
            try:
                async with asyncio.timeout(self._close_timeout_s):
                    await self.ended.wait()
                return
            except TimeoutError:
                if self.outgoing.taken_bytes == taken_bytes:
                    self.abort()
                    return

    # --- receiving

    @property
    def _is_over(self) -> bool:
        return self.failed or self.protocol.close_rcvd is not None

    def _alive_at(self) -> float | None:
        return None if self._heard_at is None else max(self._heard_at, self.outgoing.taken_at)

    async def _read(self, opened: Opened) -> None:
        try:
            await self._feed(opened.rest)
            while not self._is_over:
                data = await self._stream.receive(CHUNK_BYTES)
                if data:
                    await self._feed(data)
                else:
                    self.protocol.receive_eof()
                    self._process()
        except MixError as error:
            self._cause = error
            self.failed = True
        await self._finish()

    async def _feed(self, data: bytes) -> None:
        """Parse bytes as far as there is room for what is in them."""
        for start in range(0, len(data), SLICE_BYTES):
            await self._room()
            if self._is_over:
                return
            self.protocol.receive_data(data[start : start + SLICE_BYTES])
            self._process()
        await self._room()

    async def _room(self) -> None:
        if self.incoming.is_full:
            self._heard_at = None
            await self.incoming.room()
        self._heard_at = self._clock.time()
        await self.outgoing.control_room()

    def _process(self) -> None:
        events = self.protocol.events_received()
        self.flush()
        try:
            for frame in (event for event in events if isinstance(event, Frame)):
                if frame.opcode in DATA_OPCODES:
                    self._checker.check(frame)
                    self.incoming.put(frame)
                elif frame.opcode is Opcode.PONG:
                    self._pings.receive_pong(bytes(frame.data))
        except UnicodeDecodeError as error:
            self._cause = error
            self._fail(CloseCode.INVALID_DATA, "invalid UTF-8")
        if self.protocol.parser_exc is not None:
            self.failed = True

    def _note_latency(self, latency_s: float) -> None:
        self.latency_s = latency_s
        if self.on_latency is not None:
            self.on_latency(latency_s)

    # --- the end

    async def _finish(self) -> None:
        """Tell the user, let the close frame out, and close the stream when the server has done so."""
        if self.failed:
            self._end()
        try:
            async with asyncio.timeout(self._close_timeout_s or LINGER_S):
                await self.outgoing.below(0)
                self._end()
                await self._linger()
                self._writer.cancel()
                await self._stream.aclose()
        except (TimeoutError, MixError):
            self.abort()

    async def _linger(self) -> None:
        left = LINGER_BYTES
        with suppress(MixError):
            while left > 0 and (data := await self._stream.receive(CHUNK_BYTES)):
                left -= len(data)

    def _end(self) -> None:
        if self.ended.is_set():
            return
        self.ended.set()
        self.incoming.end()
        self._pings.fail(self.closed_error)
        if self._keep_alive is not None:
            self._keep_alive.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, MixError):
            if isinstance(error, Exception):
                _CRASHES.note(error, "one WebSocket")
            self._cause = error
            self.abort()
