"""One HTTP/1.1 connection: h11's state machine over a byte stream, one exchange after the other.

What the server sends goes through a `ResponseReader` first, which makes it plain.

The request's body is sent by a task of its own while the response is read, so that a server may answer early, and
neither side can block the other for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Coroutine

import h11

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import Closed, MixError, NetworkFailure

from ....streams import ByteStream
from ..answer_clock import AnswerClock
from ..errors import BadBody, BodyCut, MalformedResponse, NoResponse, WriteTimedOut
from ..request import HttpTimeouts, PreparedRequest
from ..wire_response import ResponseHead
from .keep_alive import KeepAlive
from .reader import ResponseReader

CHUNK_BYTES = 65_536
_FINAL = frozenset({101, *range(200, 1000)})
MAX_INFORMATIONAL = 100
"""1xx responses passed over before the real one; as many as CPython's client takes."""

_CRASHES = CrashLog(logging.getLogger(__name__))


class HttpConnection:
    """Speaks HTTP/1.1 as client. One exchange at a time: `exchange`, then `read` until b"", then the next.

    round_trip_s -- how long the connection took to open
    """

    def __init__(self, stream: ByteStream, *, round_trip_s: float = 0.0) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._keep_alive = KeepAlive(round_trip_s)
        self._sent_at = self._answered_at = 0.0
        self._h11 = h11.Connection(our_role=h11.CLIENT)
        self._reader = ResponseReader("GET")
        self._timeouts = HttpTimeouts()
        self._sender: asyncio.Task[None] | None = None
        self._caller_error: BaseException | None = None
        self._send_failed = False
        self._clock = AnswerClock()
        self._pending = bytearray()
        self._failure: MixError | None = None
        self._at_eof = False
        self._broken = False
        self._in_body = False
        self.exchanges = 0
        """Exchanges begun, the present one included."""
        self.response_begun = False
        """Whether a byte of the present response has arrived."""
        self.complete = False
        """Whether the present response has been received to its end (it may wait in memory)."""
        self.switched = False
        """Whether the connection has changed to another protocol: what `take_over` gives is all there is."""

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow: both messages are whole, and nothing unasked lies behind them."""
        return not self._broken and (self._h11.our_state, self._h11.their_state) == (h11.IDLE, h11.IDLE)

    @property
    def idle_limit_s(self) -> float:
        """Seconds of idling after which it must not be used any more."""
        return self._keep_alive.limit_s

    def lasts(self, idle_s: float, *, repeatable: bool) -> bool:
        """Whether a request may be sent after so many idle seconds; one that is not `repeatable` takes no risk."""
        return self._keep_alive.lasts(idle_s, repeatable=repeatable)

    async def exchange(self, request: PreparedRequest, timeouts: HttpTimeouts) -> ResponseHead:
        """Send a request and wait for the response's head (1xx ones are passed over).

        On any failure, cancellation included, the connection is of no use and has to be aborted.
        """
        self._timeouts = timeouts
        self.exchanges += 1
        self.response_begun = self.complete = False
        self._reader = ResponseReader(request.method, upgrade=request.upgrade)
        self._sent_at = self._loop.time()
        await self._send(request)
        async with self._clock.head(timeouts.response_s):  # for the whole of it, however it drips
            head = await self._receive_head()
        self._keep_alive.answered(self._answered_at - self._sent_at, head.headers)
        self._take_what_is_here()
        return head

    async def read(self) -> bytes:
        """Wait for the next piece of the body (about 64 kB at most); b"" at its end.

        Raises `BodyCut` when the connection ends before the body does.
        """
        while not self._pending and not self.complete:
            if self._failure is not None:
                raise self._failure
            async with self._clock.body(self._timeouts.idle_s):  # for a whole piece, however it drips
                event = await self._next_event()
            self._accept(event)
            self._take_what_is_here()
        return self.take_pending()

    def take_over(self) -> tuple[ByteStream, bytes]:
        """The stream below a connection that has switched, and what has arrived of the other protocol."""
        return self._stream, self._reader.rest

    def take_pending(self) -> bytes:
        """The bytes of the body that have arrived and were not read yet."""
        piece = bytes(self._pending)
        self._pending.clear()
        return piece

    async def wait_until_broken(self) -> None:
        """Return when the server closes this idle connection, or sends what nobody asked for. May be cancelled."""
        await self._stream.receive(1)
        self._broken = True

    def abort(self) -> None:
        """Drop the connection at once, and whatever is still being sent."""
        self._broken = True
        self._stop_sending()
        self._stream.abort()

    async def aclose(self) -> None:
        """Close the connection in order."""
        self._broken = True
        self._stop_sending()
        await self._stream.aclose()

    # --- sending

    async def _send(self, request: PreparedRequest) -> None:
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in request.wire_headers()]
        head = self._h11.send(h11.Request(method=request.method, target=request.url.target, headers=headers)) or b""
        body = request.body
        if isinstance(body, AsyncIterable):
            self._start_sender(self._send_pieces(head, body))
        elif body is not None and len(body) > CHUNK_BYTES:
            self._start_sender(self._send_large(head, body))
        else:
            # One write for head and body: on a mixnet every packet counts.
            data = head + self._encode(body or b"") + self._end_of_message()
            try:
                await self._write(data)
            except NetworkFailure:
                if not self._send_failed:  # it is too slow
                    raise
                # Otherwise the server may have answered before it closed: read on.

    def _start_sender(self, sending: Coroutine[None, None, None]) -> None:
        self._clock.sending()
        self._sender = asyncio.create_task(sending, name="http upload")
        self._sender.add_done_callback(self._sender_done)

    async def _send_large(self, head: bytes, body: bytes) -> None:
        await self._write(head)
        await self._write_body(body)
        end = self._end_of_message()
        if end:
            await self._write(end)

    async def _send_pieces(self, head: bytes, body: AsyncIterable[bytes]) -> None:
        await self._write(head)
        async for piece in body:
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise BadBody("an asynchronous body must yield bytes")
            await self._write_body(piece)
        end = self._end_of_message()
        if end:
            await self._write(end)

    async def _write_body(self, data: bytes | bytearray | memoryview) -> None:
        """Write in small steps: `write_s` is the time for the next of them."""
        view = memoryview(bytes(data))
        for start in range(0, len(view), CHUNK_BYTES):
            await self._write(self._encode(bytes(view[start : start + CHUNK_BYTES])))

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._timeouts.write_s):
                await self._stream.send(data)
        except TimeoutError as error:
            raise WriteTimedOut(seconds=self._timeouts.write_s) from error
        except (NetworkFailure, Closed):
            self._send_failed = True
            raise
        self._clock.moved()

    def _encode(self, data: bytes) -> bytes:
        if not data:
            return b""
        try:
            return self._h11.send(h11.Data(data=data)) or b""
        except h11.LocalProtocolError as error:
            raise BadBody("the body is longer than its Content-Length") from error

    def _end_of_message(self) -> bytes:
        try:
            return self._h11.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError as error:
            raise BadBody("the body is shorter than its Content-Length") from error

    def _sender_done(self, task: asyncio.Task[None]) -> None:
        self._clock.sent()
        if task.cancelled():
            return
        error = task.exception()
        if error is None or self._send_failed:  # a server that closed may have answered before
            return
        # Too slow, or the caller's own iterator failed: whoever reads the response is told so.
        self._send_failed = True
        self._caller_error = error
        self._stream.abort()

    def _stop_sending(self) -> None:
        if self._sender is not None and not self._sender.done():
            self._sender.cancel()

    # --- receiving

    async def _receive_head(self) -> ResponseHead:
        for _ in range(MAX_INFORMATIONAL + 1):
            event = await self._next_event()
            if isinstance(event, (h11.Response, h11.InformationalResponse)) and event.status_code in _FINAL:
                self.switched = event.status_code == 101
                self.complete = self._broken = self.switched
                self._in_body = not self.switched
                return ResponseHead(
                    status=event.status_code,
                    reason=bytes(event.reason).decode("latin-1"),
                    http_version=bytes(event.http_version).decode("latin-1"),
                    headers=[(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items()],
                )
            if not isinstance(event, h11.InformationalResponse):
                raise NoResponse
        raise MalformedResponse("the server sends provisional answers without end")

    async def _next_event(self) -> object:
        while True:
            event = self._parse()
            if event is not h11.NEED_DATA:
                return event
            if self._reader.failure is not None:
                raise self._reader.failure
            try:
                data = await self._stream.receive(CHUNK_BYTES)
            except NetworkFailure as error:
                raise self._cut(error) from error
            except Closed:
                if self._caller_error is not None:
                    raise self._caller_error from None
                raise
            if not data:
                self._at_eof = True
                self._h11.receive_data(b"")
                continue
            if not self.response_begun:
                self.response_begun, self._answered_at = True, self._loop.time()
            plain = self._read(data)
            if plain:  # nothing would mean the end
                self._h11.receive_data(plain)

    def _cut(self, error: NetworkFailure) -> BaseException:
        if self._caller_error is not None:
            return self._caller_error
        if not self.response_begun:
            return NoResponse(cause=error.code)
        if self._in_body:
            return BodyCut(cause=error.code)
        return error

    def _read(self, data: bytes) -> bytes:
        try:
            return self._reader.feed(data)
        except MixError:
            raise
        except Exception as bug:
            _CRASHES.note(bug, "one HTTP connection")
            raise MalformedResponse from bug

    def _parse(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            if self._at_eof:
                raise (BodyCut() if self._in_body else NoResponse()) from error
            raise MalformedResponse from error
        except Exception as bug:
            _CRASHES.note(bug, "one HTTP connection")
            raise MalformedResponse from bug

    def _take_what_is_here(self) -> None:
        """Take what has arrived already: many small chunks make one piece, a short body comes with its head."""
        while not self.complete and self._failure is None and len(self._pending) < CHUNK_BYTES:
            try:
                event = self._parse()
                if event is h11.NEED_DATA:
                    return
                self._accept(event)
            except MixError as error:
                self._failure = error  # raised once the bytes before it have been read

    def _accept(self, event: object) -> None:
        if isinstance(event, h11.Data):
            self._pending += event.data
        elif isinstance(event, h11.EndOfMessage):
            self._end_exchange()
        else:
            raise MalformedResponse

    def _end_exchange(self) -> None:
        self.complete = True
        self._in_body = False
        done = (self._h11.our_state, self._h11.their_state) == (h11.DONE, h11.DONE)
        clean = not self._reader.odd and not self._reader.rest and not self._at_eof and not self._send_failed
        if done and clean:
            self._h11.start_next_cycle()
        else:
            self._broken = True
            self._stop_sending()
