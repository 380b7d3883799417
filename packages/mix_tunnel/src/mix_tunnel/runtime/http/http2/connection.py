"""One HTTP/2 connection, shared by all requests to its origin: a task that reads, a task that writes, many streams."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError, NetworkFailure

from ....streams import ByteStream
from ..errors import ClientClosed, NoResponse, PoolTimedOut, ResponseTimedOut, WriteTimedOut
from ..request import HttpTimeouts, PreparedRequest
from ..resending import Resend
from ..wire_response import WireResponse
from .errors import ConnectionSilent, Http2Flood, Http11Required, NotProcessed
from .headers import request_headers
from .liveness import ANSWER_S, QUIET_S, Liveness
from .outlet import Outlet
from .protocol import GoingAway, Http2Protocol, StreamMalformed, error_name
from .slots import StreamSlots
from .stream import Http2Stream

CHUNK_BYTES = 65_536
MAX_ANSWERS_BYTES = 65_536
"""Answers to the server's own questions that it does not take; more is a flood."""
GOODBYE_S = 3.0
"""How long a server that broke the rules may take to be told so."""
PING = b"mixfetch"

_CRASHES = CrashLog(logging.getLogger(__name__))


class Http2Connection:
    """Speaks HTTP/2 as client over a TLS stream that agreed on "h2".

    A request holds the connection from `enter` to the end of its exchange; `on_unused` is called when nobody holds
    it any more.
    """

    def __init__(self, stream: ByteStream, *, quiet_s: float = QUIET_S, answer_s: float = ANSWER_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self._protocol = Http2Protocol(self._loop.time())
        self._outlet = Outlet(stream, self._protocol, self._fail)
        self._slots = StreamSlots(self._protocol.max_streams)
        self._streams: dict[int, Http2Stream] = {}
        self._liveness = Liveness(lambda: self._users > 0, self._ping, self._silent, quiet_s=quiet_s, answer_s=answer_s)
        self._users = 0
        self._answered = False
        self._going = False
        self._over = asyncio.Event()
        self._failure: MixError | None = None
        self._reader = asyncio.create_task(self._read(), name="http2 reader")
        self.on_unused: Callable[[], None] = lambda: None

    @property
    def usable(self) -> bool:
        """Whether new requests may be sent."""
        return self._failure is None and not self._going

    @property
    def streams(self) -> int:
        """Exchanges under way."""
        return len(self._streams)

    @property
    def idle_limit_s(self) -> float:
        """Seconds for which it may wait for a request: a server that goes says so."""
        return math.inf

    def enter(self) -> None:
        """Hold the connection for one request, which then calls `exchange` or `leave`."""
        self._users += 1

    def leave(self) -> None:
        """End what `enter` began."""
        self._users -= 1
        if not self._users:
            self.on_unused()

    async def exchange(self, request: PreparedRequest, timeouts: HttpTimeouts) -> WireResponse:
        """Send a request and wait for the response's head (1xx ones are passed over).

        Raises `Resend` around a failure that allows to try again. Cancelling resets the stream alone.
        """
        stream = Http2Stream(self._protocol, self._outlet, request, timeouts, self._released)
        proven = self._answered
        try:
            await self._begin(stream, request, timeouts)
            return WireResponse(await stream.head(), stream)
        except BaseException as error:
            stream.abort()
            if isinstance(error, (NotProcessed, Http11Required)):
                harmless = request.replayable or not stream.stream_id
            else:
                timed_out = isinstance(error, (ResponseTimedOut, PoolTimedOut, WriteTimedOut))
                died = isinstance(error, NetworkFailure) and not timed_out and not self.usable
                harmless = died and proven and not stream.begun and request.retryable
            if harmless and isinstance(error, MixError):
                raise Resend(error) from error
            raise
        finally:
            if not stream.stream_id:
                self.leave()

    async def wait_until_broken(self) -> None:
        """Return when the connection is of no more use. May be cancelled."""
        await self._over.wait()

    def abort(self) -> None:
        """Drop the connection at once; what is under way fails. A goodbye that is being said is cut short."""
        self._fail(ClientClosed())
        self._stream.abort()

    async def aclose(self) -> None:
        """Say goodbye and close in order."""
        if self._failure is None:
            self._protocol.close()
            self._outlet.flush()
        await self._outlet.finish()
        self._end(ClientClosed())
        await self._stream.aclose()

    # --- sending

    async def _begin(self, stream: Http2Stream, request: PreparedRequest, timeouts: HttpTimeouts) -> None:
        await self._take_slot(timeouts)
        try:
            if self.usable and self._liveness.watch() and not request.retryable:
                await self._liveness.answer()  # sent now, it might be lost, and could not be sent again
            if not self.usable:
                raise NotProcessed
            stream.open(request_headers(request))
        except BaseException:
            self._slots.free()
            raise
        self._streams[stream.stream_id] = stream
        stream.start_upload()

    async def _take_slot(self, timeouts: HttpTimeouts) -> None:
        try:
            async with asyncio.timeout(timeouts.pool_s):
                # A server that allows no stream at all has the time in which it should have answered.
                async with asyncio.timeout(None if self._slots.limit else timeouts.response_s) as silence:
                    await self._slots.take()
        except TimeoutError as error:
            if silence.expired():
                raise ResponseTimedOut(seconds=timeouts.response_s) from error
            raise PoolTimedOut(seconds=timeouts.pool_s) from error

    def _released(self, stream: Http2Stream) -> None:
        """A stream is over."""
        if self._streams.pop(stream.stream_id, None) is not None:
            self._slots.free()
            self.leave()

    def _ping(self) -> None:
        self._protocol.ping(PING)
        self._outlet.flush()

    # --- receiving

    async def _read(self) -> None:
        error: MixError = NoResponse()
        try:
            while data := await self._stream.receive(CHUNK_BYTES):
                self._liveness.heard()
                for event in self._protocol.receive(data, self._loop.time()):
                    self._dispatch(event)
                await asyncio.sleep(0)  # a server that sends more and more must not keep the loop from others
                self._outlet.flush(answers=True)
                if self._outlet.answers_bytes > MAX_ANSWERS_BYTES:
                    raise Http2Flood(reason="ENHANCE_YOUR_CALM")
        except MixError as failure:
            error = failure
        except Exception as bug:
            _CRASHES.note(bug, "one HTTP/2 connection")
        finally:
            self._fail(error)  # whatever happened, nobody may wait for a connection that nobody reads

    def _dispatch(self, event: Event | GoingAway | StreamMalformed) -> None:
        if isinstance(event, GoingAway):
            self._go(event)
        elif isinstance(event, RemoteSettingsChanged):
            self._slots.set_limit(self._protocol.max_streams)
            self._outlet.window_changed()
        elif isinstance(event, WindowUpdated):
            self._outlet.window_changed()
        else:
            stream = self._streams.get(getattr(event, "stream_id", 0))
            if stream is not None:
                self._tell(stream, event)

    def _tell(self, stream: Http2Stream, event: Event | StreamMalformed) -> None:
        if isinstance(event, StreamMalformed):
            stream.on_malformed(event.error)
        elif isinstance(event, DataReceived):
            stream.on_data(event.data, event.flow_controlled_length - len(event.data))
        elif isinstance(event, ResponseReceived):
            self._answered = True
            stream.on_head(event.headers)
        elif isinstance(event, InformationalResponseReceived):
            stream.on_informational()
        elif isinstance(event, StreamEnded):
            stream.on_end()
        elif isinstance(event, StreamReset):
            stream.on_reset(error_name(event.error_code or 0), by_server=event.remote_reset)

    def _go(self, event: GoingAway) -> None:
        """The server takes no new streams: those that it has not looked at go elsewhere, the others to their end."""
        self._going = True
        self._over.set()
        self._slots.refuse(lambda: NotProcessed(reason=event.reason))
        for stream_id, stream in list(self._streams.items()):
            if stream_id > event.last_stream_id:
                stream.on_connection_lost(NotProcessed(reason=event.reason))

    # --- the end

    def _silent(self) -> None:
        self._fail(ConnectionSilent())

    def _fail(self, error: MixError) -> None:
        """End the connection and everything on it; a server that broke the rules is told so, if it listens."""
        if self._failure is not None:
            return
        polite = not isinstance(error, (NetworkFailure, ClientClosed))
        self._end(error)
        if polite:
            self._outlet.flush()
            goodbye = self._loop.call_later(GOODBYE_S, self._stream.abort)
            self._outlet.finish_soon(goodbye.cancel, self._stream.abort)
        else:
            self._outlet.stop()
            self._stream.abort()

    def _end(self, error: MixError) -> None:
        if self._failure is not None:
            return
        self._failure = error
        self._over.set()
        self._liveness.stop()
        self._slots.refuse(NotProcessed)
        for stream in list(self._streams.values()):
            stream.on_connection_lost(error)
        if self._reader is not asyncio.current_task():
            self._reader.cancel()
