"""A running mixnet client: engine, pump and the present connection to the entry gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.gateway.errors import PaidBandwidthWanted
from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.events import ExitConnected, ExitLost, ExitRefused, ExitReported
from mix_protocol.ipr.responses import InfoKind
from mix_protocol.topology.exits import ExitNode
from mix_protocol.topology.nodes import GatewayNode
from mix_tunnel.engine import EngineEvent, TunnelEngine
from mix_tunnel.mixnet.link_watch import Verdict
from mix_tunnel.platform import Platform
from mix_tunnel.runtime.gateway_link import GatewayLink
from mix_tunnel.runtime.heartbeat import Clock, Heartbeat
from mix_tunnel.runtime.pump import EnginePump
from mix_tunnel.runtime.tunnel_errors import GatewayConnectionLost, GatewaySilent, MixnetSilent, TunnelCrashed

T = TypeVar("T")

FORGOTTEN_AFTER_S = 65.0
"""An exit forgets us after 60 s of silence; when no packet has come from anywhere for so long, it surely has."""
FLUSH_POLL_S = 0.01


class MixnetSession:
    """Runs an engine over one gateway connection after the other.

    gateway -- where the client lives at present
    on_denied -- called with the destination (`IP:PORT`) that the exit's policy forbids
    """

    def __init__(
        self, engine: TunnelEngine, platform: Platform, gateway: GatewayNode, on_denied: Callable[[str], None]
    ) -> None:
        self.engine = engine
        self.gateway = gateway
        self.slept = asyncio.Event()
        """Set after this machine has slept; whoever waits for it clears it."""
        self._platform = platform
        self._now = platform.now
        self._clock = Clock(platform.now, platform.wall_clock)
        self._on_denied = on_denied
        self._pump = EnginePump(engine, platform.now, self._take_event, self._take_crash)
        self._link: GatewayLink | None = None
        self._heartbeat: Heartbeat | None = None
        self._returned_at = self._clock.read()
        self._is_suspended = False
        loop = asyncio.get_running_loop()
        self._exit_answer: asyncio.Future[ExitConnected | ExitRefused] = loop.create_future()
        self._exit_lost: asyncio.Future[MixError] = loop.create_future()
        self._returned: asyncio.Future[None] = loop.create_future()
        self._crashed: asyncio.Future[MixError] = loop.create_future()

    @property
    def is_linked(self) -> bool:
        """Whether there is a connection to the gateway."""
        return self._link is not None and not self._link.closed.done()

    @property
    def is_whole(self) -> bool:
        """Whether packets flow: there is a connection on which some have come back, and an exit that knows us."""
        link = self._link
        return self.is_linked and link is not None and link.watch.has_returned and self.engine.is_connected

    @property
    def silent_s(self) -> float:
        """Seconds since a packet last came back through the mixnet, counting those in which this machine slept."""
        return self._clock.since(self._returned_at)

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
        self.engine.carries_sealed_replies = link.carries_sealed_replies
        now = self._now()
        if self._is_suspended:
            self._is_suspended = False
            self.engine.resume(now)
            self.engine.suspect_exit(now)
        link.start(self._receive_pushed, self._pump.wake)
        self._returned = asyncio.get_running_loop().create_future()
        self._pump.attach(link)
        self._heartbeat = Heartbeat(
            link.watch,
            self._clock,
            round_trip_s=lambda: self.engine.mixnet.counters.round_trip_s,
            on_probe=self._probe,
            on_silent=self._take_silence,
            on_slept=self._take_sleep,
        )
        self._probe()

    async def detach(self) -> None:
        """Close the connection, if there is one; the engine stands still until the next."""
        link, self._link = self._link, None
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
        self._pump.detach()
        if not self._is_suspended:
            self._is_suspended = True
            self.engine.suspend(self._now())
        if link is not None:
            await link.close()

    def leave_exit(self) -> None:
        """Have no more to do with the present exit."""
        self.engine.leave_exit(self._now())

    def move_to(self, gateway: GatewayNode) -> None:
        """Live at another gateway, which the next connection must be to; the exit is left."""
        self.gateway = gateway
        self.engine.move_to(gateway.identity, self._now())

    async def ask_exit(self, node: ExitNode, config: IprConfig) -> ExitConnected:
        """Ask an exit for addresses. Raises its refusal, or what ended the connection to the gateway."""
        loop = asyncio.get_running_loop()
        self._exit_answer, self._exit_lost = loop.create_future(), loop.create_future()
        self.engine.unix_time_offset_s = self._platform.wall_clock() - self._now()
        self.engine.connect_exit(node, config, self._now())
        self.wake()
        answer = await self._wait(self._exit_answer)
        if isinstance(answer, ExitRefused):
            raise answer.error
        return answer

    async def prove_path(self) -> None:
        """Wait until a packet has come back on this connection. Raises what ended it instead."""
        await self._wait(self._returned)

    async def broken(self) -> MixError:
        """Wait until packets do not flow any more; gives the reason. Raises `TunnelCrashed` after a crash."""
        await self._first_of(self._exit_lost, *self._ends())
        if self._exit_lost.done():
            return self._exit_lost.result()
        return self._end()

    async def close(self, flush_s: float) -> None:
        """Give the addresses back and end everything; waits at most `flush_s` seconds for what is queued."""
        if self.is_linked and self.engine.is_connected and not self._crashed.done():
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

    # -- waiting

    async def _wait(self, awaited: asyncio.Future[T]) -> T:
        """Wait for something, or raise what ends every waiting."""
        await self._first_of(awaited, *self._ends())
        if not awaited.done():
            raise self._end()
        return awaited.result()

    def _ends(self) -> tuple[asyncio.Future[MixError], ...]:
        """What ends every waiting."""
        return (self._crashed,) if self._link is None else (self._crashed, self._link.closed)

    def _end(self) -> MixError:
        """What has ended the waiting; raises `TunnelCrashed` if it was that."""
        if self._crashed.done():
            raise self._crashed.result()
        error = self._link.closed.result() if self._link is not None and self._link.closed.done() else None
        # A closed WebSocket says nothing that a person could use; what the gateway did wrong, or not at all, does.
        tells = (GatewaySilent, MixnetSilent, PaidBandwidthWanted, PeerMisbehaved)
        return error if isinstance(error, tells) else GatewayConnectionLost()

    @staticmethod
    async def _first_of(*futures: asyncio.Future[Any]) -> None:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)

    # -- what comes

    def _receive_pushed(self, payload: bytes) -> None:
        self._returned_at = self._clock.read()
        if not self._returned.done():
            self._returned.set_result(None)
        self._pump.receive_pushed(payload)

    def _probe(self) -> None:
        self.engine.probe_path()
        self.wake()

    def _take_silence(self, verdict: Verdict) -> None:
        if self._link is not None:
            self._link.give_up(GatewaySilent() if verdict is Verdict.GATEWAY_SILENT else MixnetSilent())

    def _take_sleep(self, away_s: float) -> None:
        self.slept.set()
        self.engine.suspect_exit(self._now())

    def _take_event(self, event: EngineEvent) -> None:
        match event:
            case ExitConnected() | ExitRefused():
                if not self._exit_answer.done():
                    self._exit_answer.set_result(event)
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
