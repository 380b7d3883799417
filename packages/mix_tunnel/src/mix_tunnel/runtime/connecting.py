"""The parts of setting a tunnel up: directory, entry gateway, exit; each tries one candidate after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from mix_protocol.errors import MixError
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
from mix_tunnel.runtime.client_keys import ClientKeys
from mix_tunnel.runtime.directory import DirectoryClient, DirectorySnapshot, first_failure_wins
from mix_tunnel.runtime.entry import EntryConnector
from mix_tunnel.runtime.gateway_link import GatewayLink
from mix_tunnel.runtime.session import MixnetSession
from mix_tunnel.runtime.tunnel_errors import GatewayConnectionLost, TunnelCrashed
from mix_tunnel.state import Step

T = TypeVar("T")
_LOG = logging.getLogger(__name__)

GATEWAY_TIMEOUT_S = 10.0
"""Time for one entry gateway while there are others to try."""
EXIT_TIMEOUT_S = 12.0
"""Time for one exit while there are others to try."""
EXIT_RETRY_S = 5.0
LAST_MARGIN_S = 0.1
"""The last candidate's time ends so much before the whole time, so that its own error is what is told."""


class Connector:
    """Connects one client.

    on_step -- called with each step of connecting
    """

    def __init__(
        self, options: TunnelOptions, platform: Platform, keys: ClientKeys, on_step: Callable[[Step], None]
    ) -> None:
        self._options = options
        self._platform = platform
        self._keys = keys
        self._on_step = on_step
        self._entry = EntryConnector(platform, keys, on_step)
        self._directory = DirectoryClient(platform, options.directory_url)
        self._exits: tuple[ExitNode, ...] = ()
        self._deadline = 0.0

    def start_clock(self, timeout_s: float) -> None:
        """From now on there are so many seconds for everything."""
        self._deadline = self._platform.now() + timeout_s

    async def fetch_directory(self) -> DirectorySnapshot:
        """Learn the network and its exits; the cryptography loads while the directory is being waited for."""
        self._on_step(Step.FETCHING_DIRECTORY)
        async with first_failure_wins(), asyncio.TaskGroup() as group:
            exits = group.create_task(list_exit_candidates(self._options, self._directory))
            snapshot = group.create_task(self._directory.fetch_snapshot())
            group.create_task(self._load_crypto())
        self._exits = exits.result()
        return snapshot.result()

    async def fetch_topology(self, needed: Iterable[bytes]) -> Topology | None:
        """Learn the network anew; None if it lacks the gateways that this tunnel stands on."""
        needed = frozenset(needed)
        topology = (await self._directory.fetch_snapshot(always_include=needed)).topology
        return topology if needed <= topology.gateways.keys() else None

    async def open_any_gateway(
        self, snapshot: DirectorySnapshot, use: Callable[[GatewayNode, GatewayLink], Awaitable[T]]
    ) -> T:
        """Connect to one gateway after the other and give what `use` makes of the first that works.

        A gateway does not work either when its connection breaks during `use`.
        """
        self._on_step(Step.CHOOSING_GATEWAY)
        known = self._keys.gateway_keys.keys()
        random = self._platform.random_bytes
        *others, last = entry_candidates(self._options, snapshot, self._exits, known, random)
        for gateway in others:
            try:
                link = await self.open_gateway(gateway)
            except MixError as error:
                _LOG.info("an entry gateway is passed over: %s", error.code)
                continue
            try:
                return await use(gateway, link)
            except GatewayConnectionLost as error:
                _LOG.info("an entry gateway is passed over: %s", error.code)
                continue
        return await use(last, await self._entry.open(last, timeout_s=self._time_for_last()))

    async def open_gateway(self, gateway: GatewayNode) -> GatewayLink:
        """Connect to a gateway, in the time for one of several attempts."""
        return await self._entry.open(gateway, timeout_s=self._time_for_one(GATEWAY_TIMEOUT_S))

    async def ask_exits(self, session: MixnetSession, *, use_all_time: bool) -> None:
        """Ask one exit after the other, until one gives addresses.

        use_all_time -- let the last one have all the time that is left; otherwise there will be another round
        """
        self._on_step(Step.ASKING_EXIT)
        mixnet, random = session.engine.mixnet, self._platform.random_bytes
        *others, last = exit_candidates(self._options, self._exits, mixnet.topology, mixnet.own.gateway, random)
        for node in others:
            try:
                await session.ask_exit(node, self._ipr_config(self._time_for_one(EXIT_TIMEOUT_S)))
            except (GatewayConnectionLost, TunnelCrashed):
                raise
            except MixError as error:
                _LOG.info("an exit is passed over: %s", error.code)
                continue
            return
        timeout_s = self._time_for_last() if use_all_time else self._time_for_one(EXIT_TIMEOUT_S)
        await session.ask_exit(last, self._ipr_config(timeout_s))

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
        return MixnetSession(engine, platform.now, on_denied)

    def _ipr_config(self, timeout_s: float) -> IprConfig:
        return IprConfig(
            open_reply_surbs=self._options.open_reply_surbs,
            data_reply_surbs=self._options.data_reply_surbs,
            connect_timeout_s=timeout_s,
            retry_after_s=EXIT_RETRY_S,
        )

    async def _load_crypto(self) -> None:
        """Load the provider, which takes a browser 0.2 s, after the requests have gone out."""
        await asyncio.sleep(0.001)
        crypto = self._platform.crypto()
        crypto.ed25519_public(self._keys.identity_seed)

    def _time_for_one(self, limit_s: float) -> float:
        return min(limit_s, self._time_for_last() / 2)

    def _time_for_last(self) -> float:
        return max(self._deadline - self._platform.now() - LAST_MARGIN_S, 0.0)
