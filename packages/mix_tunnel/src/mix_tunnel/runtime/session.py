"""A running mixnet client: engine, pump and the present connection to the entry gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mix_protocol.errors import MixError
from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.events import ExitConnected, ExitLost, ExitRefused, ExitReported
from mix_protocol.ipr.responses import InfoKind
from mix_protocol.topology.exits import ExitNode
from mix_tunnel.engine import EngineEvent, TunnelEngine
from mix_tunnel.runtime.gateway_link import GatewayLink
from mix_tunnel.runtime.pump import EnginePump
from mix_tunnel.runtime.tunnel_errors import GatewayConnectionLost, TunnelCrashed

FORGOTTEN_AFTER_S = 45.0
"""Without a connection for so long, the exit, which forgets us after 60 s of silence, is asked anew."""
FLUSH_POLL_S = 0.01


class MixnetSession:
    """Runs an engine over one gateway connection after the other.

    on_denied -- called with the destination (`IP:PORT`) that the exit's policy forbids
    """

    def __init__(self, engine: TunnelEngine, now: Callable[[], float], on_denied: Callable[[str], None]) -> None:
        self.engine = engine
        self._now = now
        self._on_denied = on_denied
        self._pump = EnginePump(engine, now, self._take_event, self._take_crash)
        self._link: GatewayLink | None = None
        self._lost_at: float | None = None
        self._exit_answers: asyncio.Queue[ExitConnected | ExitRefused] = asyncio.Queue()
        self._exit_lost: asyncio.Future[MixError] = asyncio.get_running_loop().create_future()
        self._crashed: asyncio.Future[MixError] = asyncio.get_running_loop().create_future()

    @property
    def is_linked(self) -> bool:
        """Whether there is a connection to the gateway."""
        return self._link is not None and not self._link.closed.done()

    @property
    def is_whole(self) -> bool:
        """Whether packets flow: there is a connection, and an exit that knows us."""
        return self.is_linked and self.engine.is_connected

    @property
    def _has_unsent(self) -> bool:
        link = self._link
        return link is not None and not link.closed.done() and bool(self.engine.mixnet.queued or link.waiting)

    def wake(self) -> None:
        """Let the engine run soon."""
        self._pump.wake()

    def attach(self, link: GatewayLink) -> None:
        """Use a connection from now on."""
        self._link = link
        now = self._now()
        if self._lost_at is not None:
            self.engine.resume(now)
            if now - self._lost_at > FORGOTTEN_AFTER_S:
                self.engine.leave_exit(now)
            self._lost_at = None
        link.start(self._pump.receive_pushed, self._pump.wake)
        self._pump.attach(link)

    async def detach(self) -> None:
        """Close the connection, if there is one; the engine stands still until the next."""
        link, self._link = self._link, None
        self._pump.detach()
        if self._lost_at is None:
            self._lost_at = self._now()
            self.engine.suspend()
        if link is not None:
            await link.close()

    async def ask_exit(self, node: ExitNode, config: IprConfig) -> ExitConnected:
        """Ask an exit for addresses. Raises its refusal, or `GatewayConnectionLost`."""
        self._exit_answers = asyncio.Queue()
        self._exit_lost = asyncio.get_running_loop().create_future()
        self.engine.connect_exit(node, config, self._now())
        self.wake()
        answer = asyncio.ensure_future(self._exit_answers.get())
        try:
            await self._first_of(answer, *self._ends())
        finally:
            answer.cancel()
        if not answer.done() or answer.cancelled():
            self._raise_end()
        result = answer.result()
        if isinstance(result, ExitRefused):
            raise result.error
        return result

    async def broken(self) -> MixError:
        """Wait until packets do not flow any more; gives the reason. Raises `TunnelCrashed` after a crash."""
        await self._first_of(self._exit_lost, *self._ends())
        if self._exit_lost.done():
            return self._exit_lost.result()
        if self._crashed.done():
            raise self._crashed.result()
        return GatewayConnectionLost()

    async def close(self, flush_s: float) -> None:
        """Give the addresses back and end everything; waits at most `flush_s` seconds for what is queued."""
        if self.is_whole and not self._crashed.done():
            self.engine.disconnect(self._now())
            self.wake()
            await self._flush(flush_s)
        self._pump.stop()
        await self.detach()

    async def _flush(self, flush_s: float) -> None:
        # Polled, for a connection that has just broken tells nobody that the queue will never be empty.
        end = self._now() + flush_s
        while self._has_unsent and self._now() < end:  # noqa: ASYNC110
            await asyncio.sleep(FLUSH_POLL_S)

    def _ends(self) -> tuple[asyncio.Future[MixError], ...]:
        """What ends every waiting."""
        return (self._crashed,) if self._link is None else (self._crashed, self._link.closed)

    def _raise_end(self) -> None:
        if self._crashed.done():
            raise self._crashed.result()
        raise GatewayConnectionLost()

    async def _first_of(self, *futures: asyncio.Future[Any]) -> None:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)

    def _take_event(self, event: EngineEvent) -> None:
        match event:
            case ExitConnected() | ExitRefused():
                self._exit_answers.put_nowait(event)
            case ExitLost(error):
                if not self._exit_lost.done():
                    self._exit_lost.set_result(error)
            case ExitReported(InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, _, detail):
                self._on_denied(detail)
            case _:
                pass

    def _take_crash(self, error: Exception) -> None:
        if not self._crashed.done():
            failure = TunnelCrashed(cause=type(error).__name__)
            failure.__cause__ = error
            self._crashed.set_result(failure)
