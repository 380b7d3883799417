"""The roles that a node plays at once: mix node, gateway and exit, over one set of keys and ports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import Any, Final

from mix_network.descriptors import DescriptorBudget, descriptor_limit
from mix_network.exit.gateway import ExitGateway, ExitOptions
from mix_network.exit.policy import ExitPolicy
from mix_network.exit.router_config import router_config
from mix_network.gateway.inbox import Inbox
from mix_network.gateway.node import GatewayServer
from mix_network.links.line import LinkEmulation
from mix_network.mixnode.mixing import NodeContext
from mix_network.mixnode.node import MixNodeServer
from mix_network.mixnode.outgoing import OutgoingLimits
from mix_network.network_view import NetworkView
from mix_network.node.figures import NodeFigures
from mix_network.node.options import NodeOptions
from mix_network.node.self_description import NodeFacts
from mix_network.node_keys import SERVICE_SECRET_LENGTH, IdentityKeys, NoiseKeys, ServiceKeys, SphinxKeyring
from mix_network.origins import Origins
from mix_network.rotation import RotationSchedule
from mix_network.storage.database import Database
from mix_network.storage.home import Home
from mix_network.storage.node_state import StoredClientRegistry, StoredInboxJournal
from mix_network.storage.replay_log import DurableReplayFilters
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import MixError
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.topology.features import NodeFeature
from mix_protocol.topology.topology import Topology

_FLUSH_S: Final = 1.0
_BACKOFF_FACTOR: Final = 60

logger = logging.getLogger(__name__)
_CRASHES = CrashLog(logger)


class NodeRoles:
    """What does a node's work.

    home -- whose lock is held by the caller
    noise -- the key for encrypted links, or None
    """

    def __init__(
        self,
        home: Home,
        options: NodeOptions,
        crypto: CryptoProvider,
        view: NetworkView,
        schedule: RotationSchedule,
        identity: IdentityKeys,
        noise: NoiseKeys | None,
        *,
        random: RandomBytes,
        wall_clock: Callable[[], float],
    ) -> None:
        self._home = home
        self._options = options
        self._crypto = crypto
        self._view = view
        self._schedule = schedule
        self._identity = identity
        self._noise = noise
        self._random = random
        self._wall_clock = wall_clock
        self._gateway: GatewayServer | None = None
        self._exit: ExitGateway | None = None
        self._mix: MixNodeServer | None = None
        self._clients: StoredClientRegistry | None = None
        self._links = LinkEmulation(options.link, f"{options.link_seed} {options.name}")

    async def start(
        self, database: Database, keyring: SphinxKeyring, replay_filters: DurableReplayFilters, stack: AsyncExitStack
    ) -> None:
        """Listen; `stack` ends it. Raises `PortUnavailable`."""
        context = self._context()
        if self._options.roles == {"mix"}:
            await self._start_mix(context, keyring, replay_filters, stack)
        else:
            await self._start_gateway(context, database, keyring, replay_filters, stack)
        if "exit" in self._options.roles:
            self._start_exit(context, stack)

    async def drain(self, limit_s: float) -> None:
        """Take no more packets of other nodes, and let those that are held go on, for so long at most."""
        await self._node.drain(limit_s)

    async def keep_flushing(self) -> None:
        """Write what clients have spent, every second."""
        while True:
            await asyncio.sleep(_FLUSH_S)
            if self._clients is not None:
                with _CRASHES.isolated("writing what clients have spent"):
                    self._clients.flush()

    def set_topology(self, topology: Topology, rotation: RotationPeriod) -> None:
        """Take a new picture of the network."""
        if self._exit is not None:
            self._exit.set_topology(topology, rotation)
        self._node.set_topology(topology)

    def reload(self, options: NodeOptions) -> None:
        """Take the links of a configuration that was read again, and the exit policy's file.

        What is wrong with the policy is logged, and the old one stays.
        """
        self._links.change(options.link)
        if self._exit is None:
            return
        try:
            self._exit.set_policy(self._exit_policy())
        except (MixError, OSError) as error:
            logger.error("the exit policy was not read again, and the old one stays: %s", error)
        else:
            logger.info("the exit policy was read again")

    # -- what it is

    @property
    def figures(self) -> NodeFigures:
        """What it counts."""
        gateway, exit_ = self._gateway, self._exit
        return NodeFigures(
            self._node.metrics,
            gateway=gateway.figures if gateway is not None else None,
            exit=exit_.snapshot if exit_ is not None else None,
            sessions=gateway.sessions if gateway is not None else None,
        )

    def ports(self) -> dict[str, Any]:
        """Where it listens."""
        address = self._node.address
        assert address is not None
        ports: dict[str, Any] = {"mix_port": address.port}
        return {**ports, "ws_port": self._gateway.ws_port} if self._gateway is not None else ports

    def facts(self) -> NodeFacts:
        """What of it stays as long as it runs."""
        options, ports = self._options, self.ports()
        is_gateway = self._gateway is not None
        return NodeFacts(
            ip_addresses=options.ip_addresses,
            mix_port=options.announced_mix_port or ports["mix_port"],
            hostname=options.hostname,
            mixes="mix" in options.roles,
            ws_port=(options.announced_ws_port or ports["ws_port"]) if is_gateway else None,
            wss_port=options.wss_port if is_gateway else None,
            ip_packet_router=self._exit.recipient if self._exit is not None else None,
            features=frozenset(NodeFeature) if self._exit is not None else frozenset(),
            build_version=options.build_version,
            location=options.location,
            accepts_terms=options.accepts_terms,
            requires_bandwidth=options.terms.require_bandwidth,
        )

    # -- start

    def _context(self) -> NodeContext:
        options = self._options
        is_local = all(ip_address(each).is_loopback for each in options.ip_addresses)
        return NodeContext(
            self._crypto,
            self._view,
            self._schedule,
            self._wall_clock,
            options.listen_address,
            OutgoingLimits(backoff_initial_s=options.reconnect_s, backoff_max_s=_BACKOFF_FACTOR * options.reconnect_s),
            self._links,
            DescriptorBudget.of(descriptor_limit(), exits=1, gateways=1, nodes=1),
            # Who can be reached from this machine alone may have an exit that leads to its services, and no web site
            # shall use them.
            origins=Origins(only_local=True) if is_local else None,
            cover_rate=options.cover_rate,
        )

    async def _start_mix(
        self,
        context: NodeContext,
        keyring: SphinxKeyring,
        replay_filters: DurableReplayFilters,
        stack: AsyncExitStack,
    ) -> None:
        self._mix = MixNodeServer(
            context,
            self._identity,
            keyring,
            name=self._options.name,
            layer=None,
            random=self._random,
            replay_filters=replay_filters,
            noise=self._noise,
        )
        await self._mix.start(self._options.mix_port)
        stack.push_async_callback(self._mix.close)

    async def _start_gateway(
        self,
        context: NodeContext,
        database: Database,
        keyring: SphinxKeyring,
        replay_filters: DurableReplayFilters,
        stack: AsyncExitStack,
    ) -> None:
        options = self._options
        self._clients = StoredClientRegistry(database, self._wall_clock)
        stack.callback(self._clients.flush)
        journal = StoredInboxJournal(database, self._wall_clock)
        inbox = Inbox(options.inbox, journal=journal)
        journal.load_into(inbox, asyncio.get_running_loop().time())
        self._gateway = GatewayServer(
            context,
            self._identity,
            keyring,
            self._random,
            name=options.name,
            role="exit-gateway" if "exit" in options.roles else "entry-gateway",
            mixes="mix" in options.roles,
            terms=options.terms,
            clients=self._clients,
            inbox=inbox,
            replay_filters=replay_filters,
            noise=self._noise,
        )
        await self._gateway.start(mix_port=options.mix_port, ws_port=options.ws_port)
        stack.push_async_callback(self._gateway.close)

    def _start_exit(self, context: NodeContext, stack: AsyncExitStack) -> None:
        assert self._gateway is not None
        options = ExitOptions(
            policy=self._exit_policy(),
            router=router_config(self._options.build_version),
            max_flows=context.budget.flows,
        )
        secret = self._home.key("exit-service", SERVICE_SECRET_LENGTH, self._random)
        self._exit = ExitGateway(self._gateway, ServiceKeys.from_secret(self._crypto, secret), options, self._random)
        self._exit.start()
        stack.push_async_callback(self._exit.close)

    def _exit_policy(self) -> ExitPolicy:
        allow_local = self._options.allow_local
        if self._options.exit_policy is None:
            return ExitPolicy.default(allow_loopback=allow_local)
        text = (self._home.path / self._options.exit_policy).read_text("utf-8")
        return ExitPolicy.parse(text, allow_loopback=allow_local)

    @property
    def _node(self) -> GatewayServer | MixNodeServer:
        node = self._gateway or self._mix
        assert node is not None, "it must have been started"
        return node
