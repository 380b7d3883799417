"""A byte stream as an asyncio transport, so that `StreamReader` and `StreamWriter` work over the tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from mix_protocol.errors import MixError
from mix_tunnel.runtime.sockets.dialing import Connection
from mix_tunnel.streams import ByteStream

CHUNK_BYTES = 65_536
HIGH_WATER_BYTES = 65_536
"""With more than that unsent, the protocol is asked to pause writing."""


class StreamTransport(asyncio.Transport):
    """Moves bytes between a `ByteStream` and an asyncio protocol, with back-pressure both ways.

    Call `start` after the protocol's `connection_made`. What the stream raises, a `MixError`, goes to the protocol's
    `connection_lost`.
    """

    _start_tls_compatible = True  # `loop.start_tls`, for protocols that upgrade (STARTTLS), asks for this

    def __init__(self, stream: ByteStream, protocol: asyncio.BaseProtocol, extra: dict[str, Any]) -> None:
        super().__init__(extra)
        self._stream = stream
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._sending = 0
        self._more_to_send = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._eof_written = False
        self._closing = False
        self._lost = False
        self._protocol_paused = False
        self._high, self._low = HIGH_WATER_BYTES, HIGH_WATER_BYTES // 4
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Begin to move bytes."""
        create = self._loop.create_task
        self._tasks = (create(self._run(self._read)), create(self._run(self._write)))

    # -- reading

    def is_reading(self) -> bool:
        """Whether the protocol gets what arrives."""
        return self._may_read.is_set() and not self._closing

    def pause_reading(self) -> None:
        """Hand nothing to the protocol until `resume_reading`; soon the other side has to wait."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Hand over what arrives again."""
        self._may_read.set()

    async def _read(self) -> None:
        while True:
            await self._may_read.wait()
            data = await self._stream.receive(CHUNK_BYTES)
            await self._may_read.wait()  # it may have been paused meanwhile
            if data:
                self._deliver(data)
            else:
                if not self._receiver.eof_received():
                    self.close()
                return

    @property
    def _receiver(self) -> asyncio.Protocol | asyncio.BufferedProtocol:
        assert isinstance(self._protocol, asyncio.Protocol | asyncio.BufferedProtocol)
        return self._protocol

    def _deliver(self, data: bytes) -> None:
        receiver = self._receiver
        if isinstance(receiver, asyncio.Protocol):
            receiver.data_received(data)
            return
        view = memoryview(data)
        while view:
            buffer = memoryview(receiver.get_buffer(len(view)))
            count = min(len(buffer), len(view))
            buffer[:count] = view[:count]
            receiver.buffer_updated(count)
            view = view[count:]

    # -- writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send soon, and in order. Never waits: `StreamWriter.drain` does."""
        if self._eof_written:
            raise RuntimeError("cannot write after write_eof()")
        if self._closing or not data:
            return
        self._unsent += data
        self._more_to_send.set()
        if not self._protocol_paused and self.get_write_buffer_size() > self._high:
            self._protocol_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send several pieces."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Half-close works, by TCP's FIN or by TLS's close_notify."""
        return True

    def write_eof(self) -> None:
        """Say, after everything that was written, that nothing more will be; reading goes on."""
        if not self._closing and not self._eof_written:
            self._eof_written = True
            self._more_to_send.set()

    def get_write_buffer_size(self) -> int:
        """Bytes that were written and that the stream has not taken."""
        return len(self._unsent) + self._sending

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Low and high water mark in bytes."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the water marks, in bytes, as asyncio's other transports do."""
        if high is None:
            high = HIGH_WATER_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high}) must be at least low ({low}), and that at least 0")
        self._high, self._low = high, low

    async def _write(self) -> None:
        while True:
            while self._unsent:
                data = bytes(self._unsent[:CHUNK_BYTES])
                del self._unsent[:CHUNK_BYTES]
                self._sending = len(data)
                await self._stream.send(data)
                self._sending = 0
                if self._protocol_paused and self.get_write_buffer_size() <= self._low:
                    self._protocol_paused = False
                    self._protocol.resume_writing()
            if self._closing:
                await self._stream.aclose()
                self._lose(None)
                return
            if self._eof_written:
                await self._stream.send_eof()
                while not self._closing:
                    self._more_to_send.clear()
                    await self._more_to_send.wait()
            else:
                self._more_to_send.clear()
                await self._more_to_send.wait()

    # -- the end

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing

    def close(self) -> None:
        """Send what was written, then close; nothing more is received."""
        if not self._closing:
            self._closing = True
            self._more_to_send.set()
            for reading in self._tasks[:1]:
                reading.cancel()

    def abort(self) -> None:
        """Drop the connection at once (TCP: a RST)."""
        self._end(None)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who gets what arrives."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another one get what arrives."""
        self._protocol = protocol

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except MixError as error:
            self._end(error)
        except Exception as error:  # the protocol's own fault, which is asyncio's to report
            context = {
                "message": "a protocol failed",
                "exception": error,
                "transport": self,
                "protocol": self._protocol,
            }
            self._loop.call_exception_handler(context)
            self._end(None)

    def _end(self, error: MixError | None) -> None:
        if not self._lost:
            self._stream.abort()
            self._unsent.clear()
            self._lose(error)

    def _lose(self, error: MixError | None) -> None:
        if not self._lost:
            self._lost = self._closing = True
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            self._loop.call_soon(self._protocol.connection_lost, error)


def open_streams(connection: Connection, limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Make asyncio's pair of streams of a connection.

    limit -- bytes that the reader holds before the other side has to wait; twice as many at most
    """
    loop = asyncio.get_running_loop()
    extra: dict[str, Any] = {"peername": connection.remote, "sockname": connection.local}
    if (tls := connection.tls) is not None:
        extra |= {"alpn_protocol": tls.alpn_protocol, "tls_version": tls.version, "cipher": tls.cipher}
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport = StreamTransport(connection.stream, protocol, extra)
    protocol.connection_made(transport)
    transport.start()
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
