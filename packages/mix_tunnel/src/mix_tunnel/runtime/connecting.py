"""The parts of setting a tunnel up: directory, entry gateway, exit; each tries one candidate after the other."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from mix_protocol.errors import MixError
from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.liveness import LivenessPolicy
from mix_protocol.topology.exits import ExitNode
from mix_protocol.topology.features import NodeFeature
from mix_protocol.topology.nodes import GatewayNode
from mix_protocol.topology.topology import Topology
from mix_tunnel.engine import DeviceFactory, TunnelEngine
from mix_tunnel.mixnet.client import MixnetClient
from mix_tunnel.mixnet.traffic import TrafficConfig
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform import Platform
from mix_tunnel.runtime.candidates import entry_candidates, exit_candidates, is_only_exit, list_exit_candidates
from mix_tunnel.runtime.client_keys import ClientKeys
from mix_tunnel.runtime.directory import DirectoryClient, DirectorySnapshot, first_failure_wins
from mix_tunnel.runtime.directory_trust import trust_of
from mix_tunnel.runtime.entry import EntryConnector
from mix_tunnel.runtime.gateway_link import GatewayLink
from mix_tunnel.runtime.heartbeat import Clock
from mix_tunnel.runtime.presence import judged_by
from mix_tunnel.runtime.session import MixnetSession
from mix_tunnel.runtime.tunnel_errors import GatewayConnectionLost, GatewaySilent, MixnetSilent, TunnelCrashed
from mix_tunnel.state import Step

T = TypeVar("T")
_LOG = logging.getLogger(__name__)

GATEWAY_TIMEOUT_S = 10.0
"""Time for one entry gateway while there are others to try."""
EXIT_TIMEOUT_S = 12.0
"""Time for one exit while there are others to try."""
EXIT_RETRY_S = 5.0
REFRESH_TIMEOUT_S = 10.0
OTHER_GATEWAYS = 2
"""How many gateways are tried in a row instead of one that fails, and"""
EXITS_AT_ONCE = 4
"""how many exits, before there is a pause."""
LAST_MARGIN_S = 0.1
"""The last candidate's time ends so much before the whole time, so that its own error is what is told."""


class ConnectProgress(Protocol):
    """Who is told how connecting goes."""

    def enter(self, step: Step) -> None: ...

    def step_failed(self, error: MixError) -> None: ...

    def wait(self) -> None: ...


class Connector:
    """Connects one client.

    progress -- told of each step of connecting, and of those that led nowhere
    """

    def __init__(self, options: TunnelOptions, platform: Platform, keys: ClientKeys, progress: ConnectProgress) -> None:
        self._options = options
        self._platform = platform
        self._keys = keys
        self._progress = progress
        self._entry = EntryConnector(platform, keys, progress.enter)
        self._directory = DirectoryClient(
            platform, options.directory_url, allow_close_nodes=options.allow_close_nodes, trust=trust_of(options)
        )
        self._snapshot: DirectorySnapshot | None = None
        self._exits: tuple[ExitNode, ...] = ()
        self._listing: asyncio.Task[tuple[ExitNode, ...]] | None = None
        self._clock = Clock(platform.now, platform.wall_clock)
        self._fetched_at = self._clock.read()
        self._now = judged_by(platform.now)
        self._deadline = 0.0

    def note_failure(self, what: str, error: MixError) -> None:
        """Tell that the present step led nowhere, and log what follows from that."""
        self._progress.step_failed(error)
        _LOG.info("%s: %s", what, error.code)

    def note_pause(self) -> None:
        """Tell that nothing is tried for a while."""
        self._progress.wait()

    @property
    def snapshot_age_s(self) -> float:
        """Seconds since the directory was last asked, counting those in which this machine slept."""
        return self._clock.since(self._fetched_at)

    def start_clock(self, timeout_s: float) -> None:
        """From now on there are so many seconds for everything."""
        self._deadline = self._now() + timeout_s

    async def fetch_directory(self, group: asyncio.TaskGroup) -> DirectorySnapshot:
        """Learn the network; the cryptography loads while the directory is being waited for.

        group -- goes on with learning the exits, whose document is by far the largest
        """
        self._progress.enter(Step.FETCHING_DIRECTORY)
        self._listing = group.create_task(list_exit_candidates(self._options, self._directory))
        async with first_failure_wins(), asyncio.TaskGroup() as first:
            snapshot = first.create_task(self._directory.fetch_snapshot())
            first.create_task(self._load_crypto())
        self._snapshot = snapshot.result()
        self._fetched_at = self._clock.read()
        return self._snapshot

    async def refresh(self, session: MixnetSession, *, with_exits: bool = False) -> bool:
        """Learn the network anew, for a session to use; whether it could.

        A picture in which no route leads to a gateway on which the session stands is not given to it: the old one is
        better.
        """
        engine = session.engine
        needed = {session.gateway.identity}
        if engine.exit is not None and engine.is_connected:
            needed.add(engine.exit.recipient.gateway)
        self._fetched_at = self._clock.read()
        try:
            async with asyncio.timeout(REFRESH_TIMEOUT_S):
                snapshot = await self._directory.fetch_snapshot(always_include=needed)
                if with_exits:
                    self._exits = await list_exit_candidates(self._options, self._directory)
        except (MixError, TimeoutError) as error:
            _LOG.info("the directory could not be refreshed: %s", getattr(error, "code", "it did not answer"))
            return False
        self._snapshot = snapshot
        topology, random = snapshot.topology, self._platform.random_bytes
        own = session.gateway.identity
        if needed <= topology.gateways.keys() and all(topology.has_routes_between(own, end, random) for end in needed):
            engine.topology = topology
        return True

    def gateways_to_try(self, session: MixnetSession) -> list[GatewayNode]:
        """The session's own gateway, as the directory last described it, and a few others unless it is pinned."""
        snapshot, own = self._require_snapshot(), session.gateway
        nodes = [snapshot.topology.gateways.get(own.identity, own)]
        if self._options.preferred_gateway is None:
            known, random = self._keys.gateway_keys.keys(), self._platform.random_bytes
            usable = entry_candidates(self._options, snapshot, self._exits, known, random)
            nodes += [node for node in usable if node.identity != own.identity][:OTHER_GATEWAYS]
        return nodes

    def move(self, session: MixnetSession, gateway: GatewayNode) -> None:
        """Let a session live at another gateway."""
        session.move_to(gateway)
        session.engine.topology = self._require_snapshot().topology

    async def open_any_gateway(self, use: Callable[[GatewayNode, GatewayLink], Awaitable[T]]) -> T:
        """Connect to one gateway after the other and give what `use` makes of the first that works; by then the exits
        are known.

        A gateway does not work either when its connection breaks during `use`.
        """
        self._progress.enter(Step.CHOOSING_GATEWAY)
        assert self._listing is not None, "the directory is asked first"
        snapshot, known = self._require_snapshot(), self._keys.gateway_keys.keys()
        exits = self._listing.result() if self._listing.done() else ()
        random = self._platform.random_bytes
        left = deque(entry_candidates(self._options, snapshot, exits, known, random))
        while len(left) > 1:
            gateway = left.popleft()
            try:
                link = await self.open_gateway(gateway)
            except MixError as error:
                self.note_failure("an entry gateway is passed over", error)
                continue
            if is_only_exit(gateway, await self._learn_exits(link)):
                await link.close()
                left.append(gateway)
                continue
            try:
                return await use(gateway, link)
            except (GatewayConnectionLost, GatewaySilent, MixnetSilent) as error:
                self.note_failure("an entry gateway is passed over", error)
                continue
        link = await self._entry.open(left[0], timeout_s=self._time_for_last())
        await self._learn_exits(link)
        return await use(left[0], link)

    async def _learn_exits(self, link: GatewayLink) -> tuple[ExitNode, ...]:
        """Wait for the list of exits; the link is closed when that is not to be."""
        assert self._listing is not None, "the directory is asked first"
        try:
            self._exits = await self._listing
        except BaseException:
            await link.close()
            raise
        return self._exits

    async def open_gateway(self, gateway: GatewayNode) -> GatewayLink:
        """Connect to a gateway, in the time for one of several attempts."""
        return await self._entry.open(gateway, timeout_s=self._time_for_one(GATEWAY_TIMEOUT_S))

    async def ask_exits(self, session: MixnetSession) -> None:
        """Ask one exit after the other, until one gives addresses; the last one has all the time that is left."""
        *others, last = self._exits_to_ask(session)
        for node in others:
            try:
                await session.ask_exit(node, self._ipr_config(node, self._time_for_one(EXIT_TIMEOUT_S)))
            except MixError as error:
                if not session.is_linked or isinstance(error, TunnelCrashed):
                    raise
                self.note_failure("an exit is passed over", error)
                continue
            return
        await session.ask_exit(last, self._ipr_config(last, self._time_for_last()))

    async def ask_exits_again(self, session: MixnetSession, former: ExitNode | None, *, former_first: bool) -> None:
        """Ask a few exits; there will be another round if that fails.

        former -- the exit that the tunnel had, which comes first or last
        """
        exits = self._exits_to_ask(session)
        if former is not None:
            exits.sort(key=lambda node: (node.recipient == former.recipient) != former_first)
        for number, node in enumerate(exits[:EXITS_AT_ONCE], 1):
            try:
                await session.ask_exit(node, self._ipr_config(node, self._time_for_one(EXIT_TIMEOUT_S)))
            except MixError as error:
                is_last = number == min(len(exits), EXITS_AT_ONCE)
                if is_last or not session.is_linked or isinstance(error, TunnelCrashed):
                    raise
                self.note_failure("an exit is passed over", error)
                continue
            return

    def _exits_to_ask(self, session: MixnetSession) -> list[ExitNode]:
        self._progress.enter(Step.ASKING_EXIT)
        mixnet, random = session.engine.mixnet, self._platform.random_bytes
        return exit_candidates(self._options, self._exits, mixnet.topology, mixnet.own.gateway, random)

    def make_session(
        self,
        gateway: GatewayNode,
        topology: Topology,
        make_device: DeviceFactory,
        on_denied: Callable[[str], None],
    ) -> MixnetSession:
        """Make the client that lives at a gateway."""
        platform, options = self._platform, self._options
        crypto, now = platform.crypto(), platform.now()
        mixnet = MixnetClient(
            crypto,
            platform.random_bytes,
            own=self._keys.recipient_at(gateway.identity, crypto),
            encryption_secret=self._keys.encryption_secret,
            ack_key=self._keys.ack_key,
            topology=topology,
            now=now,
            config=TrafficConfig().without(main=options.disable_poisson_traffic, cover=options.disable_cover_traffic),
        )
        unix_time_offset_s = platform.wall_clock() - now
        engine = TunnelEngine(mixnet, platform.random_bytes, make_device, unix_time_offset_s=unix_time_offset_s)
        return MixnetSession(engine, platform, gateway, on_denied)

    def _ipr_config(self, node: ExitNode, timeout_s: float) -> IprConfig:
        options = self._options
        return IprConfig(
            open_reply_surbs=options.open_reply_surbs,
            data_reply_surbs=options.data_reply_surbs,
            connect_timeout_s=timeout_s,
            retry_after_s=EXIT_RETRY_S,
            # Packets that leave when there is something to send show it, whatever comes back.
            balanced_replies=(
                options.balanced_replies
                and NodeFeature.BALANCED_REPLIES in node.features
                and not options.disable_poisson_traffic
            ),
            liveness=LivenessPolicy(needs_delivery=True),
        )

    async def _load_crypto(self) -> None:
        """Load the provider, which takes a browser 0.2 s, after the requests have gone out."""
        await asyncio.sleep(0.001)
        crypto = self._platform.crypto()
        crypto.ed25519_public(self._keys.identity_seed)

    def _require_snapshot(self) -> DirectorySnapshot:
        assert self._snapshot is not None, "the directory is fetched first"
        return self._snapshot

    def _time_for_one(self, limit_s: float) -> float:
        return min(limit_s, self._time_for_last() / 2)

    def _time_for_last(self) -> float:
        return max(self._deadline - self._now() - LAST_MARGIN_S, 0.0)
