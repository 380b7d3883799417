"""A node as a program: keys, state, roles, its HTTP API, and its life with the directories."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import Any, Final

from mix_network.descriptors import DescriptorBudget, descriptor_limit
from mix_network.errors import DirectoryUnreachable, RegistrationRefused
from mix_network.exit.gateway import ExitGateway, ExitOptions
from mix_network.exit.policy import ExitPolicy
from mix_network.exit.router_config import router_config
from mix_network.gateway.inbox import Inbox
from mix_network.gateway.node import GatewayServer
from mix_network.http.server import HttpServer
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixing import NodeContext
from mix_network.mixnode.node import MixNodeServer
from mix_network.mixnode.outgoing import OutgoingLimits
from mix_network.network_view import NetworkView
from mix_network.node.api import create_node_api
from mix_network.node.directory_client import DirectoryClient, NetworkPicture
from mix_network.node.options import NodeOptions
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import SERVICE_SECRET_LENGTH, IdentityKeys, NoiseKeys, ServiceKeys, SphinxKeyring
from mix_network.origins import Origins
from mix_network.rotation import RotationSchedule
from mix_network.storage.database import Database
from mix_network.storage.home import Home
from mix_network.storage.node_state import (
    StoredClientRegistry,
    StoredDocuments,
    StoredInboxJournal,
    StoredSphinxKeys,
    open_node_state,
)
from mix_network.storage.replay_log import DurableReplayFilters, RunMark, boot_id
from mix_protocol.addressing import NodeAddress
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import RandomBytes, exponential
from mix_protocol.errors import MixError
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.node_api.announcement import Announcement
from mix_protocol.topology.features import NodeFeature

_FLUSH_S: Final = 1.0
_DRAIN_S: Final = 3.0
"""At the end, for packets that are held; usual delays are far shorter."""
_REFRESH_S: Final = 60.0
_LEAST_REFRESH_S: Final = 1.0
"""Whatever strangers send: the directory is not asked more often."""
_ANNOUNCE_S: Final = 600.0
_RETRY_S: Final = (0.5, 30.0)
_BACKOFF_FACTOR: Final = 60

logger = logging.getLogger(__name__)
_CRASHES = CrashLog(logger)


class NodeProgram:
    """One node, from its start to its end.

    home -- whose lock is held by the caller
    """

    def __init__(
        self,
        home: Home,
        options: NodeOptions,
        *,
        random: RandomBytes = os.urandom,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._home = home
        self._options = options
        self._random = random
        self._wall_clock = wall_clock
        self._crypto = NativeCrypto()
        self._schedule = RotationSchedule()
        self._view = NetworkView()
        self._identity = IdentityKeys.from_seed(self._crypto, home.key("identity", 32, random))
        self._noise: NoiseKeys | None = None
        if options.noise:
            self._noise = NoiseKeys.of(self._crypto, home.key("noise", 32, random))
        self._gateway: GatewayServer | None = None
        self._exit: ExitGateway | None = None
        self._mix: MixNodeServer | None = None
        self._clients: StoredClientRegistry | None = None
        self._http: HttpServer | None = None
        self._changed_keys = asyncio.Event()
        self._lacks_news = asyncio.Event()
        self._is_complete: bool | None = None
        self._view.on_unknown = self._lacks_news.set

    @property
    def identity(self) -> bytes:
        """Its Ed25519 public key."""
        return self._identity.public

    async def run(self, stopped: asyncio.Event, on_ready: Callable[[dict[str, Any]], None]) -> None:
        """Work until `stopped`. `on_ready` is told where the node listens, as soon as it does.

        Raises `PortUnavailable`, `StateUnusable` and others that a person must see to.
        """
        async with AsyncExitStack() as stack:
            database = open_node_state(self._home.path)
            stack.callback(database.close)
            replay_filters = self._open_replay_filters(database, stack)
            directories = await stack.enter_async_context(DirectoryClient(self._options.directories))
            documents = StoredDocuments(database)
            picture = await self._first_picture(directories, documents, stopped)
            if picture is None:
                return
            keyring = SphinxKeyring(
                self._crypto, self._random, self._schedule, self._wall_clock(), StoredSphinxKeys(database, self._crypto)
            )
            keyring.on_change = self._changed_keys.set
            await self._start_roles(database, keyring, replay_filters, stack)
            self._take(picture)
            on_ready(self._ports())
            async with asyncio.TaskGroup() as tasks:
                lives = [
                    tasks.create_task(self._stay_registered(directories)),
                    tasks.create_task(self._follow(directories, documents)),
                    tasks.create_task(self._flush()),
                ]
                await stopped.wait()
                for life in lives:
                    life.cancel()
                for node in (self._gateway, self._mix):
                    if node is not None:
                        await node.drain(_DRAIN_S)

    def reload_policy(self) -> None:
        """Read the exit policy's file again; what is wrong with it is logged, and the old one stays."""
        if self._exit is None:
            return
        try:
            self._exit.set_policy(self._exit_policy())
        except (MixError, OSError) as error:
            logger.error("the exit policy was not read again, and the old one stays: %s", error)
        else:
            logger.info("the exit policy was read again")

    # -- start

    def _open_replay_filters(self, database: Database, stack: AsyncExitStack) -> DurableReplayFilters:
        """What was seen before. Where some of it may be lost, the keys go that packets could be replayed with."""
        filters = DurableReplayFilters(self._home.path, self._options.replay_capacity)
        mark = RunMark(self._home.path, boot_id)
        if not mark.begin():
            logger.warning(
                "the machine was restarted while the node ran, so some packets that were seen may be forgotten: "
                "the node gets new Sphinx keys, and packets that are under way for the old ones are lost"
            )
            StoredSphinxKeys(database, self._crypto).destroy_others(())
            filters.hold(())
        stack.callback(mark.end)
        stack.callback(filters.close)
        return filters

    async def _first_picture(
        self, directories: DirectoryClient, documents: StoredDocuments, stopped: asyncio.Event
    ) -> NetworkPicture | None:
        """By a directory; or that of the last run, when none answers: who knows the epochs can work."""
        pause_s, is_told = _RETRY_S[0], False
        while not stopped.is_set():
            try:
                return await self._ask(directories, documents)
            except MixError as error:
                kept = documents.load()
                if kept:
                    with contextlib.suppress(MixError, ValueError, KeyError):
                        picture = NetworkPicture.decode(kept)
                        self._schedule.follow(picture.rotation)
                        logger.warning("no directory answers (%s); the network of the last run is used", error)
                        return picture
                if not is_told:
                    logger.warning("waiting for a directory: %s (%s)", error, error.fields.get("why", error.code))
                    is_told = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), pause_s)
            pause_s = min(2 * pause_s, _RETRY_S[1])
        return None

    async def _start_roles(
        self, database: Database, keyring: SphinxKeyring, replay_filters: DurableReplayFilters, stack: AsyncExitStack
    ) -> None:
        options, roles = self._options, self._options.roles
        is_local = all(ip_address(each).is_loopback for each in options.ip_addresses)
        context = NodeContext(
            self._crypto,
            self._view,
            self._schedule,
            self._wall_clock,
            options.listen_address,
            OutgoingLimits(backoff_initial_s=options.reconnect_s, backoff_max_s=_BACKOFF_FACTOR * options.reconnect_s),
            budget=DescriptorBudget.of(descriptor_limit(), exits=1, gateways=1, nodes=1),
            # Who can be reached from this machine alone may have an exit that leads to its services, and no web site
            # shall use them.
            origins=Origins(only_local=True) if is_local else None,
            cover_rate=options.cover_rate,
        )
        if roles == {"mix"}:
            mix = MixNodeServer(
                context,
                self._identity,
                keyring,
                name=options.name,
                layer=None,
                random=self._random,
                replay_filters=replay_filters,
                noise=self._noise,
            )
            await mix.start(options.mix_port)
            stack.push_async_callback(mix.close)
            self._mix = mix
        else:
            self._clients = StoredClientRegistry(database, self._wall_clock)
            stack.callback(self._clients.flush)
            journal = StoredInboxJournal(database, self._wall_clock)
            inbox = Inbox(journal=journal)
            journal.load_into(inbox, asyncio.get_running_loop().time())
            gateway = GatewayServer(
                context,
                self._identity,
                keyring,
                self._random,
                name=options.name,
                role="exit-gateway" if "exit" in roles else "entry-gateway",
                mixes="mix" in roles,
                clients=self._clients,
                inbox=inbox,
                replay_filters=replay_filters,
                noise=self._noise,
            )
            await gateway.start(mix_port=options.mix_port, ws_port=options.ws_port)
            stack.push_async_callback(gateway.close)
            self._gateway = gateway
        if "exit" in roles:
            self._start_exit(context, stack)
        noise = self._noise.public if self._noise is not None else None
        description = SelfDescription(self.identity, keyring, self._facts, noise)
        app = create_node_api(
            self._crypto,
            self._identity.seed,
            description,
            self._metrics,
            wall_clock=self._wall_clock,
            started_at=self._wall_clock(),
        )
        self._http = HttpServer(app, host=options.listen_address, port=options.http_port)
        await self._http.start()
        stack.push_async_callback(self._http.close)

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

    # -- what it is

    @property
    def _metrics(self) -> NodeMetrics:
        node = self._gateway or self._mix
        assert node is not None
        return node.metrics

    def _facts(self) -> NodeFacts:
        options, ports = self._options, self._ports()
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
        )

    def _ports(self) -> dict[str, Any]:
        node = self._gateway or self._mix
        assert node is not None
        assert node.address is not None
        ports = {"mix_port": node.address.port, "http_port": self._http.port if self._http is not None else 0}
        return {**ports, "ws_port": self._gateway.ws_port} if self._gateway is not None else ports

    # -- its life

    async def _stay_registered(self, directories: DirectoryClient) -> None:
        """Announce the node, now and then again, and when its keys change."""
        pause_s = _RETRY_S[0]
        is_known = False
        while True:
            self._changed_keys.clear()
            try:
                await directories.announce(self._announcement())
                if not is_known:
                    logger.info("the directory knows this node")
                    self._lacks_news.set()  # the picture was taken when the node was not in it yet
                is_known, pause_s = True, _RETRY_S[0]
                wait_s = min(_ANNOUNCE_S, self._schedule.epoch_duration_s / 2)
            except RegistrationRefused as error:
                logger.error("%s", error)
                is_known, wait_s = False, _RETRY_S[1]
            except DirectoryUnreachable as error:
                logger.log(logging.WARNING if is_known else logging.INFO, "not announced: %s", error.fields.get("why"))
                is_known, wait_s, pause_s = False, pause_s, min(2 * pause_s, _RETRY_S[1])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed_keys.wait(), wait_s)

    def _announcement(self) -> Announcement:
        return Announcement.sign(
            self._crypto,
            self._identity.seed,
            host=str(ip_address(self._options.ip_addresses[0])),
            http_port=self._options.announced_http_port or self._ports()["http_port"],
            timestamp=int(self._wall_clock()),
        )

    async def _follow(self, directories: DirectoryClient, documents: StoredDocuments) -> None:
        """Ask who is in the network: when an epoch begins, and now and then."""
        pause_s, wait_s = _RETRY_S[0], self._until_refresh()
        while True:
            await asyncio.sleep(min(wait_s, _LEAST_REFRESH_S))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lacks_news.wait(), max(0.0, wait_s - _LEAST_REFRESH_S))
            self._lacks_news.clear()
            try:
                self._take(await self._ask(directories, documents))
                pause_s, wait_s = _RETRY_S[0], self._until_refresh()
            except MixError as error:
                logger.warning("the picture of the network is not refreshed: %s (%s)", error, error.fields.get("why"))
                wait_s, pause_s = pause_s, min(2 * pause_s, _RETRY_S[1])

    async def _ask(self, directories: DirectoryClient, documents: StoredDocuments) -> NetworkPicture:
        answers = await directories.documents()
        picture = NetworkPicture.decode(answers)
        try:
            self._schedule.follow(picture.rotation)
        except ValueError as error:
            raise DirectoryUnreachable(why=str(error)) from None
        documents.keep(answers)
        return picture

    def _until_refresh(self) -> float:
        """Seconds until the next epoch has begun, or less. Nodes don't ask all at once."""
        wall_s, epoch_s = self._wall_clock(), self._schedule.epoch_duration_s
        until_next_s = self._schedule.epoch_start(self._schedule.epoch_at(wall_s) + 1) - wall_s
        late_s = min(exponential(self._random, min(1.0, epoch_s / 50)), epoch_s / 5)
        return min(_REFRESH_S, epoch_s / 4, max(0.0, until_next_s) + late_s) if until_next_s > 0 else late_s

    def _take(self, picture: NetworkPicture) -> None:
        self._view.update(picture.addresses, {**picture.noise_keys, **self._own_noise_keys()})
        try:
            topology = picture.topology
        except MixError as error:
            if self._is_complete is not False:
                logger.info("the network is not complete: %s", error)
            self._is_complete = False
            self._lacks_news.set()
            return
        if self._is_complete is False:
            logger.info("the network is complete")
        self._is_complete = True
        started_s = self._schedule.epoch_start(self._schedule.epochs_of(topology.rotation_id)[0])
        rotation = RotationPeriod(
            topology.rotation_id,
            asyncio.get_running_loop().time() + started_s - self._wall_clock(),
            self._schedule.epoch_duration_s,
            self._schedule.validity_epochs,
        )
        if self._exit is not None:
            self._exit.set_topology(topology, rotation)
        for node in (self._gateway, self._mix):
            if node is not None:
                node.set_topology(topology)

    def _own_noise_keys(self) -> dict[NodeAddress, bytes]:
        """What others at this node's addresses will see, from its start on: there all links are encrypted, or none."""
        if self._noise is None:
            return {}
        port = self._facts().mix_port
        return {NodeAddress.from_text(text, port): self._noise.public for text in self._options.ip_addresses}

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            if self._clients is not None:
                with _CRASHES.isolated("writing what clients have spent"):
                    self._clients.flush()
