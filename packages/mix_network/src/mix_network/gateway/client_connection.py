"""One client's connection: a WebSocket around the gateway side of the client protocol."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from mix_network.gateway.accepted_connection import AcceptedConnection, encoded_length
from mix_protocol.crash_log import CrashLog
from mix_protocol.gateway.events import ClientAuthenticated, PacketForwarded, SessionFailed
from mix_protocol.gateway.server import GatewaySession

if TYPE_CHECKING:
    from mix_network.gateway.websocket import ClientListener

_WRITE_BYTES = 64 << 10
"""What is written to a client at a time."""
_BUFFERED_BYTES = 32 << 10
"""What may wait in a connection before its writer does; as `websockets` has it."""

_CRASHES = CrashLog(logging.getLogger(__name__))


@dataclass(frozen=True)
class ClientLimits:
    """What one client may cost, and how patient the gateway is with it.

    connections -- at a time. A quarter of the places is for clients that have not authenticated yet. When a kind of
        places is full, the connection that was silent for longest goes; answers to pings are no sign of life
    opening_s -- for the WebSocket's own handshake; Nym's gateways allow 1.5 s, which a busy machine can miss
    max_frame_bytes -- the largest frame: an extended packet of 32 kB and what is around it fits
    unsent_frames, unsent_bytes -- how much may wait for a client that is slow to take it. Beyond it payloads are
        dropped and nothing more is read of what the client sends, for most of it asks for an answer. The bytes bound
        what extended packets cost: as many of them would be 134 MB
    all_unsent_bytes -- how much may wait for all of them; beyond it each has only its part of that
    """

    connections: int = 1024
    opening_s: float = 10.0
    max_frame_bytes: int = 48 * 1024
    unsent_frames: int = 4096
    unsent_bytes: int = 16 << 20
    all_unsent_bytes: int = 256 << 20
    ping_interval_s: float = 30.0
    ping_timeout_s: float = 60.0
    closing_s: float = 1.0


class ClientConnection:
    """One WebSocket connection of a client."""

    def __init__(self, listener: ClientListener, websocket: AcceptedConnection, session: GatewaySession) -> None:
        self._listener = listener
        self._websocket = websocket
        self._session = session
        self._identity: bytes | None = None
        self._uplink, self._downlink = listener.links.client_lines(
            self._receive, self._make_ready, listener.metrics.name
        )
        self._unsent: deque[str | bytes] = deque()
        self._unsent_frames = 0
        self._unsent_bytes = 0
        self._sent_frames = 0
        self._settles_at: int | None = None
        # How many bytes have been queued and written so far, and the payloads of which nobody else keeps a copy, each
        # with its end among those bytes, until the kernel has them.
        self._queued_bytes = 0
        self._written_bytes = 0
        self._owed: deque[tuple[int, bytes]] = deque()
        self._close_code = CloseCode.NORMAL_CLOSURE
        self._over = asyncio.Event()
        self._is_throttled = False
        self._has_unsent = asyncio.Event()
        self._has_room = asyncio.Event()
        self._ending = False
        self._time = asyncio.get_running_loop().time
        self._heard_at = listener.presence.now()

    async def serve(self) -> None:
        """Read until the connection ends or fails; raises nothing."""
        writer = asyncio.create_task(self._write())
        watchers = [
            asyncio.create_task(watching) for watching in (self._watch_time(), self._watch_silence(), self._watch_end())
        ]
        try:
            async for message in self._websocket:
                await self._listener.goes_on.wait()
                self._listener.connections.heard(self._websocket)
                self._heard_at = self._listener.presence.now()
                await self._wait_for_its_turn(len(message))
                self._uplink.send(message)
                await self._uplink.wait_for_room()
                await self._wait_for_room()
                if self._ending:
                    break
            # The connection is closed behind what it carries.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._uplink.drain(), self._listener.limits.closing_s)
        except ConnectionClosed:
            pass
        except Exception as error:
            _CRASHES.note(error, "one client's connection")
        finally:
            for watcher in watchers:
                watcher.cancel()
            self._uplink.close()
            if self._identity is not None:
                self._listener.sessions.finished()
                self._listener.delivery.disconnect(self._identity, self)
            self._end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writer, self._listener.limits.closing_s)
            self._give_back()
            self._downlink.close()
            self._count_unsent(-self._unsent_bytes)
            await self._websocket.close()

    def _receive(self, message: str | bytes) -> None:
        now = self._listener.now()
        if isinstance(message, str):
            self._session.receive_text(message, now)
        else:
            self._session.receive_binary(message, now)
        self._settle(now)
        if self._ending:
            self._end()

    def push(self, payload: bytes, *, is_kept: bool = False) -> bool:
        """Send a payload that is for this client; False if it is too slow to take more.

        is_kept -- whether somebody else keeps it until it has left
        """
        if self._ending or self._is_full:
            return False
        try:
            self._session.push_payload(payload)
            self._collect(self._time(), is_kept=is_kept)
        except Exception as error:
            _CRASHES.note(error, "one client's connection")
            self._end()
            return False
        return True

    def replace(self) -> None:
        """End this connection: its client has a newer one."""
        self._end()

    def go_away(self) -> None:
        """End this connection, since the gateway does: what waits is sent or given back."""
        self._close_code = CloseCode.GOING_AWAY
        self._end()

    def _end(self) -> None:
        """Let both tasks come to their end; what waits is still sent."""
        self._ending = True
        self._over.set()
        self._has_unsent.set()
        self._has_room.set()

    @property
    def _is_full(self) -> bool:
        limits = self._listener.limits
        # Whatever the others leave waiting, everybody has room for his part of it all.
        share = limits.all_unsent_bytes // limits.connections
        is_greedy = self._unsent_bytes >= share and self._listener.unsent_bytes >= limits.all_unsent_bytes
        return is_greedy or self._unsent_frames >= limits.unsent_frames or self._unsent_bytes >= limits.unsent_bytes

    async def _wait_for_its_turn(self, length: int) -> None:
        """Leave a client that sends faster than it may unread for a while."""
        listener = self._listener
        delay_s = listener.rate_limiter.delay(self._identity, self._websocket.origin, length, listener.now())
        if delay_s > 0:
            listener.metrics.throttled += 1
            self._is_throttled = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), delay_s)
            self._is_throttled = False

    async def _wait_for_room(self) -> None:
        while self._is_full and not self._ending:
            self._has_room.clear()
            await self._has_room.wait()

    def _settle(self, now: float) -> None:
        while (event := self._session.next_event()) is not None:
            if isinstance(event, PacketForwarded):
                self._listener.forward(event.packet)
            elif isinstance(event, ClientAuthenticated):
                # The answer first: what is pushed before it might reach a client that does not expect it yet.
                self._collect(now)
                self._identity = event.identity
                self._listener.sessions.started(event.identity)
                self._listener.connections.proven(self._websocket)
                older = self._listener.delivery.connected(event.identity)
                if isinstance(older, ClientConnection) and older is not self:
                    older.replace()
                self._await_settling(self._listener.delivery.connect(event.identity, self))
            elif isinstance(event, SessionFailed):
                self._listener.metrics.drop(event.error.code)
                self._ending = True
        self._collect(now)

    def _collect(self, now: float, *, is_kept: bool = True) -> None:
        frames = self._session.frames_to_send(now)
        for frame in frames:
            self._unsent_frames += 1
            self._count_unsent(len(frame))
            self._queued_bytes += encoded_length(frame)
            if not is_kept and isinstance(frame, bytes):
                self._owed.append((self._queued_bytes, frame))
            self._downlink.send(frame)

    def _forget_owed(self) -> None:
        """Forget copies of what the kernel has; a ping among it makes that a little less than it is.

        What a broken connection had in its buffer is gone, though the buffer is empty then.
        """
        if self._websocket.transport.is_closing():
            return
        taken = self._written_bytes - self._websocket.transport.get_write_buffer_size()
        while self._owed and self._owed[0][0] <= taken:
            self._owed.popleft()

    def _give_back(self) -> None:
        """What this connection could not send is for the client's next one."""
        if self._identity is None or not self._owed:
            return
        self._forget_owed()
        try:
            payloads = [self._session.payload_of(frame) for _, frame in self._owed]
            self._owed.clear()
            self._listener.delivery.give_back(self._identity, payloads)
        except Exception as error:
            _CRASHES.note(error, "one client's connection")

    def _await_settling(self, is_waiting: bool) -> None:
        """What waited in the inbox is forgotten only when the kernel has it."""
        if is_waiting:
            if self._settles_at is None:
                self._websocket.transport.set_write_buffer_limits(high=0)
            self._settles_at = self._sent_frames + self._unsent_frames
        elif self._settles_at is not None:
            self._settles_at = None
            self._websocket.transport.set_write_buffer_limits(high=_BUFFERED_BYTES)

    def _settle_stored(self) -> None:
        if self._identity is None or self._settles_at is None or self._sent_frames < self._settles_at:
            return
        transport = self._websocket.transport
        if transport.get_write_buffer_size() == 0 and not transport.is_closing():
            self._await_settling(self._listener.delivery.settle(self._identity, self))

    def _count_unsent(self, length: int) -> None:
        self._unsent_bytes += length
        self._listener.unsent_bytes += length

    def _make_ready(self, frame: str | bytes) -> None:
        self._unsent.append(frame)
        self._has_unsent.set()

    async def _write(self) -> None:
        """Send what waits, in order, as fast as the client takes it; ends with the connection."""
        try:
            while True:
                await self._listener.goes_on.wait()
                while self._unsent and self._listener.goes_on.is_set():
                    frames, size = [], 0
                    while self._unsent and size < _WRITE_BYTES:
                        frames.append(self._unsent.popleft())
                        size += len(frames[-1])
                    await self._websocket.send_all(frames)
                    self._sent_frames += len(frames)
                    self._written_bytes += sum(map(encoded_length, frames))
                    if self._owed:
                        self._forget_owed()
                    self._unsent_frames -= len(frames)
                    self._count_unsent(-size)
                    self._has_room.set()
                    self._settle_stored()
                if self._ending:
                    await self._websocket.close(self._close_code)
                    return
                if not self._listener.goes_on.is_set():
                    continue
                self._has_unsent.clear()
                await self._has_unsent.wait()
        except ConnectionClosed:
            self._end()
        except Exception as error:
            _CRASHES.note(error, "one client's connection")
            self._websocket.transport.abort()
            self._end()

    async def _watch_silence(self) -> None:
        """Ping now and then, and drop who shows no life; time in which this process was away counts for nobody."""
        limits, presence = self._listener.limits, self._listener.presence
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(limits.ping_interval_s)
                pong = asyncio.ensure_future(await self._websocket.ping())
                asked_at = presence.now()
                while not (await asyncio.wait({pong}, timeout=limits.ping_timeout_s / 8))[0]:
                    if self._is_full or self._is_throttled or not self._listener.goes_on.is_set():
                        asked_at = presence.now()  # nothing is read now, so silence is no sign
                    if presence.now() - max(asked_at, self._heard_at) >= limits.ping_timeout_s:
                        self._websocket.abort()
                        return

    async def _watch_end(self) -> None:
        """Whoever takes nothing of what still waits is not waited for."""
        await self._over.wait()
        await asyncio.sleep(self._listener.limits.closing_s)
        self._forget_owed()
        self._websocket.abort()

    async def _watch_time(self) -> None:
        """Let time pass in the session: a client must go on with its handshake."""
        try:
            await self._let_time_pass()
        except Exception as error:
            _CRASHES.note(error, "one client's connection")
            self._end()
            self._websocket.transport.abort()

    async def _let_time_pass(self) -> None:
        while (due := self._session.next_timeout()) is not None:
            now = self._listener.now()
            if due > now:
                await asyncio.sleep(due - now)
                continue
            self._session.handle_timeout(now)
            self._settle(now)
            if self._ending:
                self._end()
                return
