"""One exchange: a request on its way, its response arriving, and the reader who sets the pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from h2.errors import ErrorCodes

from mix_protocol.errors import MixError, NetworkFailure

from ..answer_clock import AnswerClock
from ..errors import BodyCut, IdleTimedOut, MalformedResponse, NoResponse, ResponseClosed
from ..request import HttpTimeouts, PreparedRequest
from ..wire_response import ResponseHead
from .errors import ConnectionSilent, Http2Violated, Http11Required, NotProcessed, StreamReset, WrongLength
from .headers import HeaderBytes, expected_length, response_head
from .outlet import Outlet
from .protocol import STREAM_WINDOW_BYTES, Http2Protocol
from .upload import Upload

PIECE_BYTES = 65_536
MAX_INFORMATIONAL = 100
"""1xx responses passed over before the real one; as many as CPython's client takes."""


class Http2Stream:
    """A stream from its first frame on; as `WireBody` it is the response's body.

    The server may send as far as the stream's window, and gets more of it as the body is read.
    """

    def __init__(
        self,
        protocol: Http2Protocol,
        outlet: Outlet,
        request: PreparedRequest,
        timeouts: HttpTimeouts,
        closed: Callable[[Http2Stream], None],
    ) -> None:
        self._protocol = protocol
        self._outlet = outlet
        self._method = request.method
        self._timeouts = timeouts
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._clock = AnswerClock()
        self._upload: Upload | None = None
        if request.body not in (None, b""):
            self._upload = Upload(outlet, request, timeouts.write_s, self._clock.moved)
        self._uploading: asyncio.Task[None] | None = None
        self._head: asyncio.Future[ResponseHead] = self._loop.create_future()
        self._arrived = asyncio.Event()
        self._unread = bytearray()
        self._received_bytes = 0
        self._expected_bytes: int | None = None
        self._informational = 0
        self._wide = False
        self._ended = False
        self._failure: BaseException | None = None
        self.begun = False
        """Whether anything of the response has arrived."""
        self.released = False
        """Whether the stream is over for both sides; its body may still wait to be read."""
        self.stream_id = 0

    # --- the request

    def open(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the request's head, which gives the stream its number."""
        self.stream_id = self._protocol.open(headers, end=self._upload is None)
        self._outlet.flush()

    def start_upload(self) -> None:
        """Send the request's body; what does not fit at once follows by itself."""
        upload = self._upload
        if upload is not None and not upload.start(self.stream_id):
            self._clock.sending()
            self._uploading = asyncio.create_task(upload.run(self.stream_id), name="http2 upload")
            self._uploading.add_done_callback(self._uploaded)

    async def head(self) -> ResponseHead:
        """Wait for the response's head."""
        async with self._clock.head(self._timeouts.response_s):
            await asyncio.wait({self._head})
        return self._head.result()

    def _uploaded(self, task: asyncio.Task[None]) -> None:
        self._clock.sent()
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self.released:
            self._reset(ErrorCodes.CANCEL)
            self._fail(error)
        elif self._ended:
            self._release()

    # --- the response's body

    async def read(self) -> bytes:
        """Wait for the next piece, 64 kB at most; b"" at the end. Raises what receiving raised, after the rest."""
        while not self._unread:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return b""
            self._arrived.clear()
            try:
                async with self._clock.body(self._timeouts.idle_s):
                    await self._arrived.wait()
            except IdleTimedOut as error:
                self._reset(ErrorCodes.CANCEL)
                self._fail(error)
                raise
        piece = bytes(memoryview(self._unread)[:PIECE_BYTES])
        del self._unread[: len(piece)]
        if not self.released:
            self._make_room(len(piece))
        return piece

    def abort(self) -> None:
        """Give the exchange up; the server is told to stop, and other streams go on. Idempotent."""
        self._reset(ErrorCodes.CANCEL)
        self._fail(ResponseClosed())
        self._unread.clear()

    def abort_soon(self) -> None:
        """`abort` from wherever the garbage collector runs; nothing happens when the loop is gone."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.abort)

    def _make_room(self, count: int) -> None:
        """Let the server send on, and further ahead once a body proves long."""
        if not self._wide and self._received_bytes > STREAM_WINDOW_BYTES // 4:
            self._wide = self._protocol.widen(self.stream_id)
        self._acknowledge(count)

    def _acknowledge(self, count: int) -> None:
        if count:
            self._protocol.consumed(self.stream_id, count)
            self._outlet.flush()

    # --- what the connection tells

    def on_informational(self) -> None:
        """Pass a 1xx answer over."""
        self._informational += 1
        self.begun = True
        if self._informational > MAX_INFORMATIONAL:
            self.refuse(MalformedResponse("the server sends provisional answers without end"))

    def on_head(self, fields: HeaderBytes) -> None:
        """The final answer's head is here."""
        self.begun = True
        try:
            head = response_head(fields)
            self._expected_bytes = expected_length(self._method, head)
        except Http2Violated as error:
            self.refuse(error)
        else:
            if not self._head.done():
                self._head.set_result(head)

    def on_data(self, data: bytes, padding_bytes: int) -> None:
        """A piece of the body is here; nobody has to read padding."""
        self._received_bytes += len(data)
        if data:  # empty pieces are no sign that the body goes on
            self._unread += data
            self._arrived.set()
        self._acknowledge(padding_bytes)
        if self._expected_bytes is not None and self._received_bytes > self._expected_bytes:
            self.refuse(WrongLength())

    def on_end(self) -> None:
        """The server has sent everything; what we still send interests nobody."""
        if self._expected_bytes not in (None, self._received_bytes):
            self.refuse(WrongLength())
            return
        uploading = self._uploading is not None and not self._uploading.done()
        self._finish(ErrorCodes.NO_ERROR if uploading else None)

    def on_malformed(self, error: Http2Violated) -> None:
        """The server broke the rules on this stream; behind a whole body that is of no interest any more."""
        if self._is_whole():
            self._finish(ErrorCodes.PROTOCOL_ERROR)
        else:
            self.refuse(error)

    def on_reset(self, reason: str, *, by_server: bool) -> None:
        """The server gave the stream up or never took it, or it broke the stream's rules."""
        if self._ended:
            self._release()
        elif self._is_whole(silent=by_server and reason == "NO_ERROR"):
            self._finish()
        elif not by_server:
            self._fail(Http2Violated(reason=reason))
        elif self.begun:
            self._fail(StreamReset(reason=reason))
        elif reason == "REFUSED_STREAM":
            self._fail(NotProcessed(reason=reason))
        elif reason == "HTTP_1_1_REQUIRED":
            self._fail(Http11Required())
        else:
            self._fail(StreamReset(reason=reason))

    def on_connection_lost(self, error: MixError) -> None:
        """The connection is over, and with it this exchange."""
        if self._is_whole():
            self._finish()
        elif not isinstance(error, NetworkFailure) or isinstance(error, (ConnectionSilent, NotProcessed)):
            self._fail(type(error)(error.template, **error.fields))
        elif self.begun:
            self._fail(BodyCut(cause=error.code))
        else:
            self._fail(NoResponse(cause=error.code))

    def refuse(self, error: MixError) -> None:
        """Give a stream up on which the server misbehaves; the connection goes on (RFC 9113 section 5.4.2)."""
        self._reset(ErrorCodes.PROTOCOL_ERROR)
        self._fail(error)

    # --- the end

    def _is_whole(self, *, silent: bool = False) -> bool:
        """Whether the body is here to its end although the server has not said so, by the length that it stated.

        silent -- take a body without a stated length for whole, too: as curl and browsers do when a server resets a
            stream and says that nothing is wrong
        """
        if not self._head.done() or self._failure is not None:
            return False
        return self._expected_bytes == self._received_bytes or (silent and self._expected_bytes is None)

    def _finish(self, reason: ErrorCodes | None = None) -> None:
        """Nothing more comes; `reason` tells the server to stop."""
        self._ended = True
        self._arrived.set()
        if reason is not None:
            self._reset(reason)
        self._release()

    def _reset(self, reason: ErrorCodes) -> None:
        if not self.released and self.stream_id:
            self._protocol.reset(self.stream_id, reason)
            self._outlet.flush()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None and not self._ended:
            self._failure = error
            self._arrived.set()
            if not self._head.done():
                self._head.set_exception(error)
                self._head.exception()  # perhaps nobody waits any more
        self._release()

    def _release(self) -> None:
        if self.released:
            return
        self.released = True
        # What waits here to be read, perhaps for ever, must not take from the connection's window any longer.
        self._acknowledge(len(self._unread))
        self._protocol.ended(self.stream_id)
        if self._uploading is not None:
            self._uploading.cancel()
        self._closed(self)
