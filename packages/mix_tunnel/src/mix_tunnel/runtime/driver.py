"""Sets a tunnel up, keeps it up, and closes it: the asyncio side of the engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from mix_protocol.errors import MixError, revive
from mix_protocol.ipr.client import IprConfig
from mix_protocol.topology.exits import ExitNode
from mix_protocol.topology.nodes import GatewayNode
from mix_protocol.topology.topology import Topology
from mix_tunnel.engine import DeviceFactory, TunnelEngine
from mix_tunnel.mixnet.client import MixnetClient
from mix_tunnel.mixnet.traffic import TrafficConfig
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform import Platform
from mix_tunnel.runtime.candidates import entry_candidates, exit_candidates, list_exit_candidates
from mix_tunnel.runtime.client_keys import ClientKeys, Keyring
from mix_tunnel.runtime.directory import DirectoryClient, DirectorySnapshot, first_failure_wins
from mix_tunnel.runtime.entry import EntryConnector
from mix_tunnel.runtime.gateway_link import GatewayLink
from mix_tunnel.runtime.network import TunnelNetwork
from mix_tunnel.runtime.session import MixnetSession
from mix_tunnel.runtime.state_reporter import StateReporter
from mix_tunnel.runtime.tunnel_errors import (
    GatewayConnectionLost,
    InternalFailure,
    SetupTimedOut,
    TunnelClosed,
)
from mix_tunnel.state import Step, TunnelState
from mix_tunnel.stats import TunnelStats

_LOG = logging.getLogger(__name__)

GATEWAY_TIMEOUT_S = 10.0
"""Time for one entry gateway while there are others to try."""
EXIT_TIMEOUT_S = 12.0
"""Time for one exit while there are others to try."""
EXIT_RETRY_S = 5.0
LAST_MARGIN_S = 0.1
"""The last candidate's time ends so much before the whole time, so that its own error is what is told."""
REFRESH_S = 300.0
"""Time between two looks at the directory; in networks with short epochs an eighth of an epoch, so that no change of
the nodes' keys (an epoch after which the old ones are gone) is missed."""
REFRESHES_PER_EPOCH = 8
RECONNECT_PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Pauses before the attempts to reconnect; the last one repeats."""
CLOSE_FLUSH_S = 1.0


class TunnelDriver:
    """One tunnel from `connect` to `close`.

    on_state -- called with every new state
    make_device -- makes what IP packets go to and come from; by default the stack behind `network`
    """

    def __init__(
        self,
        options: TunnelOptions,
        platform: Platform,
        on_state: Callable[[TunnelState], None] | None = None,
        *,
        make_device: DeviceFactory | None = None,
    ) -> None:
        self._options = options
        self._platform = platform
        self._reporter = StateReporter(platform.now, on_state)
        self._directory = DirectoryClient(platform, options.directory_url)
        self._keyring = Keyring(platform.storage, options.client_id, platform.random_bytes)
        self._timeout_s = options.connect_timeout_ms / 1000.0
        self._deadline = 0.0
        self._keys: ClientKeys | None = None
        self._gateway: GatewayNode | None = None
        self._exits: tuple[ExitNode, ...] = ()
        self._session: MixnetSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._settled = asyncio.Event()
        self._end: MixError | None = None
        self._epoch_s = 3600.0
        self._reconnects = 0
        self._closing = asyncio.Lock()
        self.network = TunnelNetwork(options, platform, self.wake, self._until_ready)
        self._make_device = make_device or self.network.make_stack

    @property
    def state(self) -> TunnelState:
        """The present state."""
        return self._reporter.state

    def stats(self) -> TunnelStats:
        """The counters so far."""
        stats = self._session.engine.stats() if self._session is not None else TunnelStats()
        return replace(stats, gateway_reconnects=self._reconnects)

    # -- the life of a tunnel

    async def connect(self) -> None:
        """Set the tunnel up, or raise what went wrong and leave nothing open."""
        self._reporter.begin()
        self._keys = self._keyring.take()
        self._deadline = self._platform.now() + self._timeout_s
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._set_up()
        except TimeoutError:
            step = self._reporter.step
            error = SetupTimedOut(step=step.value if step is not None else "")
            await self._finish(error)
            raise error from None
        except MixError as error:
            await self._finish(error)
            raise
        except BaseException as error:
            await self._finish(
                InternalFailure(cause=type(error).__name__) if isinstance(error, Exception) else TunnelClosed()
            )
            raise
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep_up()), loop.create_task(self._keep_topology_fresh())]
        self._become_ready()

    async def close(self) -> None:
        """End the tunnel: streams fail, the exit gets its addresses back, the connection is closed. Idempotent."""
        async with self._closing:
            if not isinstance(self._end, TunnelClosed):
                self._reporter.shutting_down()
                await self._finish(TunnelClosed())

    async def _finish(self, error: MixError) -> None:
        """Let everything end, with the error that streams and later calls shall raise."""
        self._end = error
        self._settled.set()
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        await asyncio.gather(*(task for task in self._tasks if task is not current), return_exceptions=True)
        self.network.fail_all(error)
        if self._session is not None:
            await self._session.close(CLOSE_FLUSH_S if isinstance(error, TunnelClosed) else 0.0)
        self.network.drop_stack()
        if self._keys is not None:
            self._keyring.put_back(self._keys)
            self._keys = None
        if isinstance(error, TunnelClosed):
            self._reporter.shutdown()
        else:
            self._reporter.failed(error)

    # -- setting up

    async def _set_up(self) -> None:
        assert self._keys is not None
        self._reporter.enter(Step.FETCHING_DIRECTORY)
        async with first_failure_wins(), asyncio.TaskGroup() as group:
            exits = group.create_task(list_exit_candidates(self._options, self._directory))
            snapshot = group.create_task(self._directory.fetch_snapshot())
        self._exits = exits.result()
        self._epoch_s = max(snapshot.result().key_rotation.epoch_duration.seconds, float(REFRESHES_PER_EPOCH))
        self._reporter.enter(Step.CHOOSING_GATEWAY)
        random = self._platform.random_bytes
        gateways = entry_candidates(self._options, snapshot.result(), self._keys.gateway_keys.keys(), random)
        for number, gateway in enumerate(gateways, 1):
            is_last = number == len(gateways)
            try:
                link = await self._open_link(gateway, self._time_for_one(GATEWAY_TIMEOUT_S, is_last))
            except MixError:
                if is_last:
                    raise
                continue
            self._gateway = gateway
            self._session = self._make_session(gateway, snapshot.result())
            self._session.attach(link)
            try:
                await self._ask_exits()
            except GatewayConnectionLost:
                await self._session.close(0.0)
                if is_last:
                    raise
            else:
                return

    async def _open_link(self, gateway: GatewayNode, timeout_s: float) -> GatewayLink:
        assert self._keys is not None
        return await EntryConnector(self._platform, self._keys, self._reporter.enter).open(gateway, timeout_s=timeout_s)

    async def _ask_exits(self) -> None:
        """Ask one exit after the other, until one gives addresses."""
        assert self._session is not None
        self._reporter.enter(Step.ASKING_EXIT)
        topology = self._session.engine.mixnet.topology
        nodes = exit_candidates(self._options, self._exits, topology, self._platform.random_bytes)
        for number, node in enumerate(nodes, 1):
            is_last = number == len(nodes)
            config = IprConfig(
                open_reply_surbs=self._options.open_reply_surbs,
                data_reply_surbs=self._options.data_reply_surbs,
                connect_timeout_s=self._time_for_one(EXIT_TIMEOUT_S, is_last),
                retry_after_s=EXIT_RETRY_S,
            )
            try:
                await self._session.ask_exit(node, config)
            except (GatewayConnectionLost, InternalFailure):
                raise
            except MixError:
                if is_last:
                    raise
            else:
                return

    def _time_for_one(self, limit_s: float, is_last: bool) -> float:
        """How long one candidate may take: all that is left for the last one, else at most half of it."""
        left_s = max(self._deadline - self._platform.now() - LAST_MARGIN_S, 0.0)
        return left_s if is_last else min(limit_s, left_s / 2)

    def _make_session(self, gateway: GatewayNode, snapshot: DirectorySnapshot) -> MixnetSession:
        assert self._keys is not None
        platform, options = self._platform, self._options
        crypto, now = platform.crypto(), platform.now()
        mixnet = MixnetClient(
            crypto,
            platform.random_bytes,
            own=self._keys.recipient_at(gateway.identity, crypto),
            encryption_secret=self._keys.encryption_secret,
            ack_key=self._keys.ack_key,
            topology=snapshot.topology,
            now=now,
            config=TrafficConfig().without(main=options.disable_poisson_traffic, cover=options.disable_cover_traffic),
        )
        engine = TunnelEngine(
            mixnet, platform.random_bytes, self._make_device, unix_time_offset_s=platform.wall_clock() - now
        )
        return MixnetSession(engine, platform.now, self.network.deny)

    # -- keeping it up

    def _become_ready(self) -> None:
        self._reporter.ready()
        self._settled.set()

    def wake(self) -> None:
        """Let the engine run soon, for its device has something to send."""
        if self._session is not None:
            self._session.wake()

    async def _until_ready(self) -> None:
        await self._settled.wait()
        if self._end is not None:
            raise revive(self._end.code, str(self._end), self._end.fields)

    async def _keep_up(self) -> None:
        """Restore what breaks; when that is impossible, let the tunnel fail."""
        assert self._session is not None
        try:
            while True:
                reason = await self._session.broken()
                self._settled.clear()
                self._reporter.begin(reason)
                self._deadline = self._platform.now() + self._timeout_s
                async with asyncio.timeout(self._timeout_s):
                    await self._restore(reason)
                self._become_ready()
        except TimeoutError:
            await self._finish(self.state.reason or GatewayConnectionLost())
        except MixError as error:
            await self._finish(error)
        except Exception as error:
            _LOG.exception("the tunnel's supervisor failed")
            await self._finish(InternalFailure(cause=type(error).__name__))

    async def _restore(self, reason: MixError) -> None:
        assert self._session is not None
        assert self._gateway is not None
        attempt = 0
        while not self._session.is_whole:
            if not self._session.is_linked:
                await self._session.detach()
                await asyncio.sleep(RECONNECT_PAUSES_S[min(attempt, len(RECONNECT_PAUSES_S) - 1)])
                attempt += 1
                try:
                    link = await self._open_link(self._gateway, self._time_for_one(GATEWAY_TIMEOUT_S, is_last=False))
                except MixError as error:
                    _LOG.info("reconnecting to the entry gateway failed: %s", error.code)
                    continue
                self._reconnects += 1
                self._session.attach(link)
            elif not self._session.engine.is_connected:
                self.network.fail_all(reason)
                try:
                    await self._ask_exits()
                except GatewayConnectionLost:
                    continue

    async def _keep_topology_fresh(self) -> None:
        """Fetch the directory now and then; an old topology is better than none."""
        assert self._session is not None
        while True:
            await asyncio.sleep(min(REFRESH_S, self._epoch_s / REFRESHES_PER_EPOCH))
            try:
                topology = await self._fetch_topology()
            except MixError as error:
                _LOG.info("the directory could not be refreshed: %s", error.code)
                continue
            if topology is not None:
                self._session.engine.mixnet.topology = topology

    async def _fetch_topology(self) -> Topology | None:
        """Give a new topology unless it lacks the gateways that this tunnel stands on."""
        assert self._session is not None
        mixnet, exit_node = self._session.engine.mixnet, self._session.engine.exit
        needed = {mixnet.own.gateway} | ({exit_node.gateway} if exit_node is not None else set())
        topology = (await self._directory.fetch_snapshot(always_include=needed)).topology
        return topology if needed <= topology.gateways.keys() else None
