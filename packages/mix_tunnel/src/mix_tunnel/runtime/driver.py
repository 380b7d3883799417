"""Sets a tunnel up, keeps it up, and closes it: the asyncio side of the engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError, revive
from mix_protocol.topology.nodes import GatewayNode
from mix_tunnel.engine import DeviceFactory
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform import Platform
from mix_tunnel.runtime.connecting import Connector
from mix_tunnel.runtime.directory import first_failure_wins
from mix_tunnel.runtime.directory_trust import warning_about, warning_about_age
from mix_tunnel.runtime.gateway_link import GatewayLink
from mix_tunnel.runtime.identity import Identity
from mix_tunnel.runtime.network import TunnelNetwork
from mix_tunnel.runtime.presence import present_clock
from mix_tunnel.runtime.recovery import DIRECTORY_AGE_S, Recovery
from mix_tunnel.runtime.session import MixnetSession
from mix_tunnel.runtime.state_reporter import StateReporter
from mix_tunnel.runtime.tunnel_errors import (
    GatewayConnectionLost,
    SetupTimedOut,
    TunnelClosed,
    TunnelCrashed,
)
from mix_tunnel.state import TunnelState
from mix_tunnel.stats import TunnelStats

_LOG = logging.getLogger(__name__)
_CRASHES = CrashLog(_LOG)

REFRESH_S = 300.0
"""Time between two looks at the directory; in networks with short epochs an eighth of an epoch, so that no change of
the nodes' keys (an epoch after which the old ones are gone) is missed."""
REFRESHES_PER_EPOCH = 8
RETRY_REFRESH_S = 30.0
"""Time until the directory is asked again after it did not answer."""
CLOSE_FLUSH_S = 1.0
ASKED_AFTER_S = 0.005
"""The question to the exit is on its way by then."""


class TunnelDriver:
    """One tunnel from `connect` to `close`.

    on_state -- called with every new state
    while_waiting -- called once while the exit is being waited for, which is the longest wait of a set-up
    make_device -- makes what IP packets go to and come from; by default the stack behind `network`
    """

    def __init__(
        self,
        options: TunnelOptions,
        platform: Platform,
        on_state: Callable[[TunnelState], None] | None = None,
        *,
        while_waiting: Callable[[], None] = lambda: None,
        make_device: DeviceFactory | None = None,
    ) -> None:
        self._platform = platform
        self._while_waiting: Callable[[], None] | None = while_waiting
        self._directory_url = options.directory_url
        self._reporter = StateReporter(platform.now, on_state)
        self._identity = Identity(options, platform, self._reporter.warn)
        self._connector = Connector(options, platform, self._identity.keys, self._reporter)
        self._timeout_s = options.connect_timeout_ms / 1000.0
        self._reconnect_timeout_s = options.reconnect_timeout_ms / 1000.0
        self._session: MixnetSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._settled = asyncio.Event()
        self._closing = asyncio.Lock()
        self._end: MixError | None = None
        self._is_finished = False
        self._connected_at: float | None = None
        self._epoch_s = 0.0
        self.network = TunnelNetwork(options, platform, self.wake, self._until_ready)
        self._recovery = Recovery(self._connector, self.network, platform, self._timeout_s)
        self._make_device = make_device or self.network.make_stack

    @property
    def state(self) -> TunnelState:
        """The present state."""
        return self._reporter.state

    def stats(self) -> TunnelStats:
        """The counters so far."""
        stats = self._session.engine.stats() if self._session is not None else TunnelStats()
        uptime_s = self._platform.now() - self._connected_at if self._connected_at is not None else 0.0
        return replace(
            stats,
            gateway_reconnects=self._recovery.reconnects,
            open_connections=self.network.open_connections,
            uptime_ms=uptime_s * 1000.0,
        )

    def wake(self) -> None:
        """Let the engine run soon, for its device has something to send."""
        if self._session is not None:
            self._session.wake()

    # -- the life of a tunnel

    async def connect(self) -> None:
        """Set the tunnel up, or raise what went wrong and leave nothing open."""
        self._reporter.begin()
        self._connector.start_clock(self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s):
                self._session = await self._set_up()
        except TimeoutError:
            step = self._reporter.step
            error = SetupTimedOut(step=step.value if step is not None else "")
            await self._finish(error)
            raise error from None
        except MixError as error:
            await self._finish(error)
            raise
        except BaseException as error:
            is_bug = isinstance(error, Exception)
            await self._finish(TunnelCrashed(cause=type(error).__name__) if is_bug else TunnelClosed())
            raise
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._keep_up(self._session)),
            loop.create_task(self._keep_topology_fresh(self._session)),
        ]
        self._connected_at = self._platform.now()
        self._become_ready()

    async def close(self) -> None:
        """End the tunnel: streams fail, the exit gets its addresses back, the connection is closed. Idempotent."""
        async with self._closing:
            if self._is_finished and isinstance(self._end, TunnelClosed):
                return
            self._reporter.shutting_down()
            await self._finish(TunnelClosed())

    async def _finish(self, error: MixError) -> None:
        """Let everything end, with the error that streams and later calls shall raise."""
        self._end = error
        self._settled.set()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.network.fail_all(error)
        if self._session is not None:
            await self._session.close(CLOSE_FLUSH_S if isinstance(error, TunnelClosed) else 0.0)
        if not self._is_finished:
            self._is_finished = True
            await self._identity.release()
        if isinstance(error, TunnelClosed):
            self._reporter.shutdown()
        else:
            self._reporter.failed(error)

    def _warn(self, warning: MixError | None) -> None:
        if warning is not None:
            _LOG.warning("%s", warning)
            self._reporter.warn(warning)

    async def _set_up(self) -> MixnetSession:
        await self._identity.load()
        self._warn(warning_about(self._directory_url))
        async with first_failure_wins(), asyncio.TaskGroup() as group:
            session = await self._open_session(group)
        await self._identity.save()
        return session

    async def _open_session(self, group: asyncio.TaskGroup) -> MixnetSession:
        snapshot = await self._connector.fetch_directory(group)
        self._reporter.vouched(snapshot.signatures)
        self._warn(warning_about_age(snapshot.key_rotation, self._platform.wall_clock()))
        self._epoch_s = max(snapshot.key_rotation.epoch_duration.seconds, float(REFRESHES_PER_EPOCH))

        async def use(gateway: GatewayNode, link: GatewayLink) -> MixnetSession:
            make_session = self._connector.make_session
            session = make_session(gateway, snapshot.topology, self._make_device, self.network.deny)
            self._session = session  # the stack may want to send before the set-up is over
            session.attach(link)
            self._use_the_wait()
            try:
                await self._connector.ask_exits(session)
            except BaseException:
                await session.close(0.0)
                raise
            return session

        return await self._connector.open_any_gateway(use)

    def _use_the_wait(self) -> None:
        if self._while_waiting is not None:
            asyncio.get_running_loop().call_later(ASKED_AFTER_S, self._while_waiting)
            self._while_waiting = None

    # -- keeping it up

    def _become_ready(self) -> None:
        self._recovery.note_ready()
        self._reporter.ready()
        self._settled.set()

    async def _until_ready(self) -> None:
        await self._settled.wait()
        if self._end is not None:
            raise revive(self._end.code, self._end.template, self._end.fields)

    async def _keep_up(self, session: MixnetSession) -> None:
        """Restore what breaks; when that is impossible, let the tunnel fail."""
        recovery = self._recovery
        try:
            while True:
                reason = await session.broken()
                self._settled.clear()
                self._reporter.begin(reason)
                async with present_clock().timeout(self._reconnect_timeout_s):
                    await recovery.run(session, reason)
                await self._identity.save()
                self._become_ready()
        except TimeoutError:
            await self._finish(recovery.last_error or GatewayConnectionLost())
        except MixError as error:
            await self._finish(error)
        except Exception as error:
            _LOG.exception("the tunnel's supervisor failed")
            await self._finish(TunnelCrashed(cause=type(error).__name__))

    async def _keep_topology_fresh(self, session: MixnetSession) -> None:
        """Ask the directory now and then, and when this machine has slept; an old topology is better than none."""
        usual_s = min(REFRESH_S, self._epoch_s / REFRESHES_PER_EPOCH)
        pause_s = usual_s
        while True:
            session.slept.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await session.slept.wait()
                    if self._connector.snapshot_age_s < DIRECTORY_AGE_S:
                        continue
            is_fresh = False
            with _CRASHES.isolated("one look at the directory"):
                is_fresh = await self._connector.refresh(session)
            pause_s = usual_s if is_fresh else min(usual_s, RETRY_REFRESH_S)
            _LOG.debug("the tunnel so far: %s", session.engine.stats())
