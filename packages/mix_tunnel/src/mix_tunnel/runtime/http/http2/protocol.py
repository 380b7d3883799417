"""The h2 library as this client wants it: guarded, with flow control tied to who reads, and GOAWAY taken gracefully.

The library counts a connection as dead when GOAWAY arrives, although streams up to the one that it names go on (RFC
9113 section 6.8), and when one stream's message is malformed, although that is this stream's affair (section 8.1.1). So
such frames never reach it, and of heads only what they do to their stream. Time is an argument; nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, InformationalResponseReceived, ResponseReceived
from h2.exceptions import ProtocolError, StreamClosedError, TooManyStreamsError
from h2.settings import SettingCodes, Settings

from ..errors import HeadTooLarge
from .blocks import FINAL, PROVISIONAL, TRAILERS, Block, HeaderBlocks
from .errors import Http2Violated, NotProcessed
from .frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    MAX_FRAME_BYTES,
    WINDOW_UPDATE,
    Frame,
    FrameGuard,
    make_frame,
)
from .headers import HeaderBytes, check_trailers, plain_fields, status_of
from .merging import merged

STREAM_WINDOW_BYTES = 131_072
"""What a server may send of a body that nobody reads yet."""
READ_STREAM_WINDOW_BYTES = 1_048_576
"""The same once somebody reads: over long round trips the server must never wait for our window."""
MAX_WIDE_STREAMS = 12
"""Streams that have it at the same time; the others go on with the smaller one."""
MAX_STREAMS = 100
"""Streams at the same time, whatever more the server allows."""
CONNECTION_WINDOW_BYTES = 50_331_648
"""Of all bodies together: twice what all streams may leave unread, so that they never stop one that is read. Twice,
since the library tells the server of what was read when it is half of the window."""
MAX_HEADER_LIST_BYTES = 262_144
"""Of one response's headers, uncompressed; Chromium's limit."""
ENCODER_TABLE_BYTES = 4_096
"""Memory for compressing our own headers, whatever more the server allows."""
FRAMES_PER_STREAM = 40
"""What a server may send for one request beside its data: informational answers, window updates, trailers."""
_PRIORITY: Final = 0x2


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The server takes no more streams, and has not looked at those above `last_stream_id`."""

    last_stream_id: int
    reason: str
    """RFC 9113's name of the error, NO_ERROR in order."""


@dataclass(frozen=True, slots=True)
class StreamMalformed:
    """The server broke the rules on one stream, which has to be reset; the connection goes on."""

    stream_id: int
    error: Http2Violated


class Http2Protocol:
    """One connection's state: bytes in, events out; commands in, bytes out."""

    def __init__(self, now: float) -> None:
        self._guard = FrameGuard(now)
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None, validate_inbound_headers=False))
        self._h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
                SettingCodes.MAX_FRAME_SIZE: MAX_FRAME_BYTES,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_BYTES,
            },
        )
        self._blocks = HeaderBlocks(MAX_HEADER_LIST_BYTES)
        self._headless: set[int] = set()
        """Open streams whose final head has not come yet."""
        self._headed: set[int] = set()
        """Open streams whose head has come."""
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(CONNECTION_WINDOW_BYTES - self._h2.inbound_flow_control_window)
        self.max_streams = MAX_STREAMS
        """Streams that may be open at the same time, as the server's settings have it now."""
        self._wide: set[int] = set()

    def take_outgoing(self) -> bytes:
        """What has to be sent now."""
        return self._h2.data_to_send()

    # --- what the server sends

    def receive(self, data: bytes, now: float) -> Iterator[Event | GoingAway | StreamMalformed]:
        """Take what has arrived, and tell frame by frame what it means.

        Raises `Http2Violated` or one of its kinds, or `HeadTooLarge`; the connection is over then, and a GOAWAY that
        says why waits in `take_outgoing`.
        """
        self._guard.receive(data)
        for frame in merged(self._judged_frames(now)):
            if frame.kind == GOAWAY:
                yield _going_away(frame)
            elif frame.kind in (HEADERS, CONTINUATION):
                yield from self._take_block(frame)
            elif (wrong := self._stream_fault(frame)) is not None:
                yield StreamMalformed(frame.stream_id, wrong)
                if frame.kind == DATA:  # on a stream that is reset now: it has taken of the connection's window
                    yield from self._feed(frame)
            elif frame.kind != _PRIORITY and frame.kind <= CONTINUATION:  # others are none of our business
                yield from self._feed(frame)

    def _stream_fault(self, frame: Frame) -> Http2Violated | None:
        """What is wrong with one stream alone, though the library would end the connection for it."""
        if frame.kind == DATA and frame.stream_id in self._headless:
            return Http2Violated("the server's answer begins without a head", reason="PROTOCOL_ERROR")
        no_increment = frame.kind == WINDOW_UPDATE and len(frame.payload) == 4 and not any(frame.payload)
        if no_increment and frame.stream_id in self._headless | self._headed:
            return Http2Violated("the server makes room for nothing", reason="PROTOCOL_ERROR")
        return None

    def _take_block(self, frame: Frame) -> Iterator[Event | StreamMalformed]:
        try:
            self._check_stream(frame)
            block = self._blocks.add(frame, is_last=bool(frame.flags & END_HEADERS))
        except (Http2Violated, HeadTooLarge) as error:
            self._close_for(error)
            raise
        if block is None:
            return
        try:
            fields = plain_fields(block.fields)
            plain = self._judge_head(block, fields)
        except Http2Violated as error:
            yield StreamMalformed(block.stream_id, error)
            return
        flags = END_HEADERS | (END_STREAM if block.ends_stream else 0)
        for event in self._feed(make_frame(HEADERS, flags, block.stream_id, plain)):
            if isinstance(event, (ResponseReceived, InformationalResponseReceived)):
                event.headers = list(fields)
            yield event

    def _judge_head(self, block: Block, fields: HeaderBytes) -> bytes:
        """The block that tells the library what this one does to its stream. Raises `Http2Violated`."""
        if block.stream_id in self._headed:
            check_trailers(fields)
            if not block.ends_stream:
                raise Http2Violated("the server's answer goes on behind its end", reason="PROTOCOL_ERROR")
            return TRAILERS
        if block.stream_id not in self._headless:
            return FINAL  # the stream is over, and the library knows how
        if status_of(fields) >= 200:
            self._headless.discard(block.stream_id)
            self._headed.add(block.stream_id)
            return FINAL
        if block.ends_stream:
            raise Http2Violated("the server's answer ends before it has begun", reason="PROTOCOL_ERROR")
        return PROVISIONAL

    def _judged_frames(self, now: float) -> Iterator[Frame]:
        try:
            yield from self._guard.frames(now)
        except (Http2Violated, HeadTooLarge) as error:
            self._close_for(error)
            raise

    def _close_for(self, error: Http2Violated | HeadTooLarge) -> None:
        self._h2.close_connection(ErrorCodes[str(error.fields.get("reason", "ENHANCE_YOUR_CALM"))])

    def _check_stream(self, frame: Frame) -> None:
        if frame.stream_id > self._h2.highest_outbound_stream_id or (frame.kind == HEADERS and not frame.stream_id):
            raise Http2Violated("the server speaks of a request that was never sent", reason="PROTOCOL_ERROR")

    def _feed(self, frame: Frame) -> list[Event]:
        try:
            self._check_stream(frame)
        except Http2Violated as error:
            self._close_for(error)
            raise
        try:
            events = self._h2.receive_data(frame.wire)
        except ProtocolError as error:
            raise Http2Violated(reason=ErrorCodes(error.error_code).name) from error
        for event in events:
            if isinstance(event, ResponseReceived):
                # Of an answer to HEAD the library expects no body, and for one it would end the whole connection;
                # `Http2Stream` checks all lengths, and ends the stream.
                self._h2.streams[event.stream_id]._expected_content_length = None
        self.max_streams = min(self._h2.remote_settings.max_concurrent_streams, MAX_STREAMS)
        if self._h2.encoder.header_table_size > ENCODER_TABLE_BYTES:
            self._h2.encoder.header_table_size = ENCODER_TABLE_BYTES
        return events

    # --- what we send

    def open(self, headers: HeaderBytes, *, end: bool) -> int:
        """Begin a stream with a request's headers; `end` when no body follows. Raises `NotProcessed`."""
        stream_id: int = self._h2.get_next_available_stream_id()
        try:
            self._h2.send_headers(stream_id, headers, end_stream=end)
        except TooManyStreamsError as error:  # the server has lowered its limit since this stream got its place
            raise NotProcessed from error
        self._headless.add(stream_id)
        self._guard.allow(FRAMES_PER_STREAM)
        return stream_id

    @property
    def room(self) -> int:
        """Bytes of bodies that the server takes now on all streams together."""
        return self._h2.outbound_flow_control_window

    def stream_room(self, stream_id: int) -> int:
        """Bytes of a body that it takes on one stream; negative when it has changed its mind."""
        return self._h2.streams[stream_id].outbound_flow_control_window

    def frame_room(self, stream_id: int) -> int:
        """Bytes of a body that one DATA frame may carry now."""
        return max(min(self.room, self.stream_room(stream_id), self._h2.max_outbound_frame_size), 0)

    def send(self, stream_id: int, data: bytes, *, end: bool) -> None:
        """Send a piece of a body, within `room`."""
        self._h2.send_data(stream_id, data, end_stream=end)
        self._guard.sent(len(data))

    def consumed(self, stream_id: int, count: int) -> None:
        """Let the server send as much again as has been read."""
        self._h2.acknowledge_received_data(count, stream_id)

    def widen(self, stream_id: int) -> bool:
        """Give an open stream the window of one that is read; False while as many as may have it do."""
        if len(self._wide) >= MAX_WIDE_STREAMS:
            return False
        self._wide.add(stream_id)
        self._h2.increment_flow_control_window(READ_STREAM_WINDOW_BYTES - STREAM_WINDOW_BYTES, stream_id)
        return True

    def ended(self, stream_id: int) -> None:
        """Nothing more comes on a stream: another may be widened in its place."""
        self._headless.discard(stream_id)
        self._headed.discard(stream_id)
        self._wide.discard(stream_id)

    def reset(self, stream_id: int, reason: ErrorCodes) -> None:
        """Give one stream up, unless both sides have ended it."""
        with suppress(StreamClosedError):
            self._h2.reset_stream(stream_id, reason)

    def ping(self, data: bytes) -> None:
        """Ask for a sign of life; 8 bytes."""
        self._h2.ping(data)

    def close(self) -> None:
        """Say that we go, in order."""
        self._h2.close_connection()


def _going_away(frame: Frame) -> GoingAway:
    if len(frame.payload) < 8 or frame.stream_id:
        raise Http2Violated(reason="FRAME_SIZE_ERROR" if not frame.stream_id else "PROTOCOL_ERROR")
    last, code = int.from_bytes(frame.payload[:4], "big") & 0x7FFF_FFFF, int.from_bytes(frame.payload[4:8], "big")
    return GoingAway(last, error_name(code))


def error_name(code: int) -> str:
    """RFC 9113's name of an error code; unknown codes are like INTERNAL_ERROR (section 7)."""
    try:
        return ErrorCodes(code).name
    except ValueError:
        return ErrorCodes.INTERNAL_ERROR.name
