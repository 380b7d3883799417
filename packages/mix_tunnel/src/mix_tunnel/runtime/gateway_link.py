"""A live connection to an entry gateway: a WebSocket, the gateway protocol, and the tasks that serve them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError
from mix_protocol.gateway.client import GatewayClient
from mix_protocol.gateway.errors import GatewayTimedOut
from mix_protocol.gateway.events import Authenticated, GatewayRejected, GatewayReported, PayloadPushed, Registered
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_tunnel.mixnet.link_watch import LinkWatch
from mix_tunnel.platform import WebSocket
from mix_tunnel.runtime.presence import present_clock
from mix_tunnel.runtime.tunnel_errors import GatewayConnectionLost

_LOG = logging.getLogger(__name__)
_CRASHES = CrashLog(_LOG)

YIELD_AFTER_S = 0.002
"""How long frames are taken in a row before other tasks get their turn, above all the timers by which packets leave."""
MAX_EARLY_PAYLOADS = 1024
"""Payloads kept that come before the connection is served: what the gateway held for us while we were away."""


def log_words(error: MixError) -> None:
    """Log a gateway's own words, if it had any: they are a stranger's, and so escaped; the protocol bounds them."""
    if detail := error.fields.get("detail"):
        _LOG.debug("the entry gateway's words: %a", detail)


class GatewayLink:
    """One connection, from the handshake to its end.

    `closed` is a future whose result is the error that ended the connection; `watch` knows how long it has been silent.
    """

    def __init__(self, websocket: WebSocket, client: GatewayClient, now: Callable[[], float]) -> None:
        self._websocket = websocket
        self._client = client
        self._now = now
        self._outgoing: deque[str | bytes] = deque()
        self._has_outgoing = asyncio.Event()
        self._is_writing = False
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._on_payload: Callable[[bytes], None] = lambda payload: None
        self._on_progress: Callable[[], None] = lambda: None
        self._early_payloads: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for: float | None = None
        self._reported: set[str] = set()
        self.taken = 0
        self.watch = LinkWatch()
        self.shared_key: bytes | None = None
        self.closed: asyncio.Future[MixError] = asyncio.get_running_loop().create_future()

    async def shake_hands(self, *, timeout_s: float) -> None:
        """Register or authenticate; raises what went wrong as a `MixError` and is not to be used then."""
        self._client.start(self._now())
        try:
            async with present_clock().timeout(timeout_s):
                while not self._take_events():
                    await self._send_frames()
                    self._receive(await self._websocket.receive())
        except TimeoutError:
            raise GatewayTimedOut(step=self._client.state.value) from None
        finally:
            # Also when it failed: the gateway is to hear why.
            with contextlib.suppress(MixError):
                await self._send_frames()

    @property
    def carries_sealed_replies(self) -> bool:
        """Whether the gateway passes on replies that only we can open."""
        return self._client.carries_sealed_replies

    @property
    def come(self) -> int:
        """Frames that have come so far, those included that were not `taken` yet."""
        return self.taken + self._websocket.waiting

    @property
    def waiting(self) -> int:
        """Frames that the WebSocket has not taken yet."""
        return len(self._outgoing)

    def start(self, on_payload: Callable[[bytes], None], on_progress: Callable[[], None]) -> None:
        """Serve the connection from now on.

        on_payload -- called with each payload that the gateway pushes
        on_progress -- called when frames have left that had to wait
        """
        self._on_payload, self._on_progress = on_payload, on_progress
        self.watch = LinkWatch()  # what came so far was waiting for us, and shows nothing
        early, self._early_payloads = self._early_payloads, []
        for payload in early:
            on_payload(payload)
        loop = asyncio.get_running_loop()
        present_clock().readers.add(self)
        self._tasks = (loop.create_task(self._read()), loop.create_task(self._write()))
        self._arm()
        self._websocket.deliver_to(self._take_frame)

    def send_packets(self, packets: Sequence[MixPacket]) -> None:
        """Queue packets for the gateway; when the connection has just ended they are lost, as any may be."""
        if self.closed.done():
            return
        now = self._now()
        for packet in packets:
            self._client.send_mix_packet(packet, now)
        self.watch.sent()
        self._queue_frames()

    def give_up(self, error: MixError) -> None:
        """Take the connection for dead, though it looks alive."""
        self._end(error)

    async def close(self) -> None:
        """End the connection. Idempotent."""
        self._end(GatewayConnectionLost())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._websocket.close()

    async def _read(self) -> None:
        with self._ended_by_errors():
            turn_ends = self._now() + YIELD_AFTER_S
            while True:
                self._serve(await self._websocket.receive())
                if self._now() >= turn_ends:
                    await asyncio.sleep(0)
                    turn_ends = self._now() + YIELD_AFTER_S

    def _take_frame(self, frame: str | bytes) -> None:
        if not self.closed.done():
            with self._ended_by_errors():
                self._serve(frame)

    def _serve(self, frame: str | bytes) -> None:
        self._receive(frame)
        self._take_events()
        self._queue_frames()
        self._arm()

    async def _write(self) -> None:
        with self._ended_by_errors():
            while True:
                await self._has_outgoing.wait()
                while self._outgoing:
                    self._is_writing = True
                    await self._websocket.send(self._outgoing[0])
                    self._is_writing = False
                    self._outgoing.popleft()
                self._has_outgoing.clear()
                self._on_progress()

    @contextlib.contextmanager
    def _ended_by_errors(self) -> Iterator[None]:
        """Whatever goes wrong ends the connection."""
        try:
            yield
        except MixError as error:
            self._end(error)
        except Exception as error:
            _CRASHES.note(error, "one connection to the entry gateway")
            self._end(GatewayConnectionLost())

    def _receive(self, frame: str | bytes) -> None:
        self.taken += 1
        self.watch.heard()
        if isinstance(frame, str):
            self._client.receive_text(frame, self._now())
        else:
            self._client.receive_binary(frame, self._now())

    def _take_events(self) -> bool:
        """Act on what the gateway said; whether it has let us in."""
        is_authenticated = False
        while (event := self._client.next_event()) is not None:
            match event:
                case PayloadPushed(payload):
                    self.watch.returned()
                    if self._tasks:
                        self._on_payload(payload)
                    elif len(self._early_payloads) < MAX_EARLY_PAYLOADS:
                        self._early_payloads.append(payload)
                case Registered(shared_key):
                    self.shared_key = shared_key
                case Authenticated():
                    is_authenticated = True
                case GatewayRejected(error):
                    raise error
                case GatewayReported(error):
                    self._report(error)
                case _:
                    pass
        return is_authenticated

    def _report(self, error: MixError) -> None:
        """Log a complaint: the first of each kind for people, all of them for who debugs."""
        if error.code not in self._reported:
            self._reported.add(error.code)
            _LOG.warning("the entry gateway reports: %s", error)
        log_words(error)

    async def _send_frames(self) -> None:
        for frame in self._client.frames_to_send(self._now()):
            await self._websocket.send(frame)

    def _arm(self) -> None:
        """Wake the gateway's client when its time has come (it renews the allowance then)."""
        deadline = self._client.next_timeout()
        if deadline == self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_for = deadline
        if deadline is not None:
            left_s = max(deadline - self._now(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(left_s, self._tick)

    def _tick(self) -> None:
        self._timer = self._armed_for = None
        with self._ended_by_errors():
            self._client.handle_timeout(self._now())
            self._queue_frames()
            self._arm()

    def _queue_frames(self) -> None:
        frames = self._client.frames_to_send(self._now())
        if frames:
            self._outgoing += frames
            # At once where that is possible: until the writing task has its turn, time may pass.
            while not self._is_writing and self._outgoing and self._websocket.try_send(self._outgoing[0]):
                self._outgoing.popleft()
            if self._outgoing:
                self._has_outgoing.set()

    def _end(self, error: MixError) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.closed.done():
            present_clock().readers.discard(self)
            self.closed.set_result(error)
