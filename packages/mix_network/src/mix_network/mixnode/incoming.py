"""Incoming packets: listens for other nodes, decrypts what they send where they encrypt it, and cuts it into frames."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import cast

from mix_network.connection_table import ConnectionTable
from mix_network.errors import PortUnavailable
from mix_network.metrics import NodeMetrics
from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.mixwire.frames import FrameDecoder, NodeFrame
from mix_protocol.noise.link import HANDSHAKE_TIMEOUT_S, NoiseLink

READ_BYTES = 64 << 10
"""What is read at a time: 27 regular packets, so that a system call costs each of them little, and all of them together
keep other work waiting for no more than two or three milliseconds."""

_ADDRESS_SHARE = 2

_CRASHES = CrashLog(logging.getLogger(__name__))


class _IncomingConnection(asyncio.BufferedProtocol):
    """One peer's stream. Nodes never answer, so there is nothing to write but for the handshake of encrypted links."""

    def __init__(self, listener: Incoming) -> None:
        self._listener = listener
        self._decoder = FrameDecoder()
        self._transport: asyncio.Transport | None = None
        self._link: NoiseLink | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if peer else None
        self._listener.opened(self._transport, address)
        self._link = self._listener.secure(address)
        if self._link is not None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(HANDSHAKE_TIMEOUT_S, self._fail, TimeoutError())

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._listener.buffer

    def buffer_updated(self, nbytes: int) -> None:
        with memoryview(self._listener.buffer) as buffer, buffer[:nbytes] as data:
            self._take(data)

    def _take(self, data: memoryview) -> None:
        try:
            frames = self._decoder.feed(data) if self._link is None else self._unseal(self._link, data)
        except Exception as error:
            # After a bad header nobody knows where the next frame starts.
            self._fail(error)
            return
        if frames and self._transport is not None:
            self._listener.heard_from(self._transport)
            self._listener.receive(frames)

    def _unseal(self, link: NoiseLink, data: memoryview) -> list[NodeFrame]:
        pieces = link.receive(data)
        answer = link.data_to_send()
        if answer and self._transport is not None:
            self._transport.write(answer)
        if link.is_ready:
            self._stop_waiting()
        return [frame for piece in pieces for frame in self._decoder.feed(piece)]

    def _fail(self, error: Exception) -> None:
        self._listener.failed_stream(error, in_handshake=self._deadline is not None)
        self._stop_waiting()
        if self._transport is not None:
            self._transport.abort()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_waiting()
        if self._transport is not None:
            self._listener.closed(self._transport)


def _in_the_clear(ip: str | None) -> None:
    return None


class Incoming:
    """The listening side of a node.

    on_frames -- takes the frames that one read has brought
    secure -- this end of an encrypted link from an IP address, or None where that one speaks in the clear
    on_failed -- called when a stream was not understood: who sent it may know of news that this node lacks
    max_connections -- peers at a time. One more takes the place of the one that has sent no frame for longest, so that
        a stranger who opens connections and says nothing keeps no node out; nor does one who says something, for one
        address has no more than half of the places (a machine's workers connect each for itself)
    """

    def __init__(
        self,
        on_frames: Callable[[Sequence[NodeFrame]], None],
        metrics: NodeMetrics,
        max_connections: int = 1024,
        secure: Callable[[str | None], NoiseLink | None] = _in_the_clear,
        on_failed: Callable[[], None] = lambda: None,
    ) -> None:
        # One for all peers: what is read is taken at once.
        self.buffer = bytearray(READ_BYTES)
        # Each sent a frame, or connected, at some time; who did so longest ago makes room.
        self._connections = ConnectionTable(
            max_unproven=max_connections,
            address_share=_ADDRESS_SHARE,
            on_dropped=lambda: metrics.drop("too_many_connections"),
        )
        self.secure = secure
        self._on_frames = on_frames
        self._on_failed = on_failed
        self._metrics = metrics
        self._server: asyncio.Server | None = None
        self._counted = 0
        self._is_stopped = False

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises `PortUnavailable`."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _IncomingConnection(self), host, port)
        except OSError as error:
            raise PortUnavailable(port=port) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def serve(self, listening: socket.socket) -> None:
        """Take what this socket accepts."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _IncomingConnection(self), sock=listening)

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        self.drop()

    def drop(self) -> None:
        """Cut every connection."""
        for transport in self._transports():
            transport.abort()

    def stop(self) -> None:
        """Take nothing any more, as a process that is stopped: what comes waits in the kernel."""
        self._is_stopped = True
        for transport in self._transports():
            transport.pause_reading()

    def resume(self) -> None:
        """Go on."""
        self._is_stopped = False
        for transport in self._transports():
            transport.resume_reading()

    def _transports(self) -> list[asyncio.Transport]:
        return [cast(asyncio.Transport, connection) for connection in self._connections]

    def _count(self) -> None:
        self._metrics.connections += len(self._connections) - self._counted
        self._counted = len(self._connections)

    def opened(self, transport: asyncio.Transport, address: str | None) -> None:
        """A peer connected from this address."""
        self._connections.opened(transport, address)
        self._count()
        if self._is_stopped:
            transport.pause_reading()

    def heard_from(self, transport: asyncio.Transport) -> None:
        """A peer has sent a whole frame."""
        self._connections.heard(transport)

    def closed(self, transport: asyncio.Transport) -> None:
        """A peer's connection is gone."""
        self._connections.closed(transport)
        self._count()

    def failed_stream(self, error: Exception, *, in_handshake: bool) -> None:
        """A peer sent what is no frame, or its link did not get ready."""
        if in_handshake:
            self._metrics.handshakes_failed += 1
        else:
            self._metrics.malformed += 1
        self._on_failed()
        if not isinstance(error, PeerMisbehaved | TimeoutError):
            _CRASHES.note(error, "one node's connection")

    def receive(self, frames: Sequence[NodeFrame]) -> None:
        """A peer sent frames."""
        self._metrics.received += len(frames)
        with _CRASHES.isolated("the handling of what one read has brought"):
            self._on_frames(frames)
