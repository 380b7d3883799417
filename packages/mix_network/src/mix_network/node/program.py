"""A node as a program: keys, state, roles, its HTTP API, and its life with the directories."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import Any, Final

from mix_network.http.server import HttpServer
from mix_network.network_view import NetworkView
from mix_network.node.api import create_node_api
from mix_network.node.directory_client import DirectoryClient, NetworkPicture
from mix_network.node.machine import LoadMeter
from mix_network.node.membership import Membership
from mix_network.node.options import CONFIGURATION_NAME, NodeOptions
from mix_network.node.roles import NodeRoles
from mix_network.node.self_description import SelfDescription
from mix_network.node_keys import IdentityKeys, NoiseKeys, SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_network.storage.database import Database
from mix_network.storage.home import Home
from mix_network.storage.node_state import StoredDocuments, StoredSphinxKeys, open_node_state
from mix_network.storage.replay_log import DurableReplayFilters, RunMark, boot_id
from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import MixError
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.node_api.announcement import Announcement

_DRAIN_S: Final = 3.0
"""At the end, for packets that are held; usual delays are far shorter."""

logger = logging.getLogger(__name__)


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
        self._roles = NodeRoles(
            home,
            options,
            self._crypto,
            self._view,
            self._schedule,
            self._identity,
            self._noise,
            random=random,
            wall_clock=wall_clock,
        )
        self._http: HttpServer | None = None
        self._refresh_soon: Callable[[], None] = lambda: None
        self._is_complete: bool | None = None

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
            membership = Membership(
                await stack.enter_async_context(DirectoryClient(self._options.directories)),
                StoredDocuments(database),
                self._schedule,
                announcement=self._announcement,
                random=self._random,
                wall_clock=self._wall_clock,
            )
            self._view.on_unknown = self._refresh_soon = membership.refresh_soon
            picture = await membership.first_picture(stopped)
            if picture is None:
                return
            keyring = SphinxKeyring(
                self._crypto, self._random, self._schedule, self._wall_clock(), StoredSphinxKeys(database, self._crypto)
            )
            keyring.on_change = membership.announce_soon
            await self._roles.start(database, keyring, replay_filters, stack)
            await self._start_api(keyring, stack)

            def take(picture: NetworkPicture) -> None:
                keyring.update(self._wall_clock())  # the directory may count epochs otherwise than before
                if not self._take(picture):
                    membership.refresh_soon()

            take(picture)
            on_ready(self._ports())
            async with asyncio.TaskGroup() as tasks:
                lives = [
                    tasks.create_task(membership.stay_registered()),
                    tasks.create_task(membership.follow(take)),
                    tasks.create_task(self._roles.keep_flushing()),
                ]
                await stopped.wait()
                for life in lives:
                    life.cancel()
                await self._roles.drain(_DRAIN_S)

    def reload(self) -> None:
        """Read again what may change while the node runs: the exit policy and, in a rehearsal, the links; and ask the
        directory. What is wrong with a file is logged, and all stays as it was."""
        try:
            options = NodeOptions.parse(self._home.read_configuration(CONFIGURATION_NAME))
        except (MixError, OSError) as error:
            logger.error("the configuration was not read again: %s", error)
        else:
            self._roles.reload(options)
        self._refresh_soon()

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

    async def _start_api(self, keyring: SphinxKeyring, stack: AsyncExitStack) -> None:
        noise = self._noise.public if self._noise is not None else None
        app = create_node_api(
            self._crypto,
            self._identity.seed,
            SelfDescription(self.identity, keyring, self._roles.facts, noise),
            self._roles.figures,
            wall_clock=self._wall_clock,
            started_at=self._wall_clock(),
            load=LoadMeter(time.monotonic),
            words=self._options.description,
        )
        self._http = HttpServer(app, host=self._options.listen_address, port=self._options.http_port)
        await self._http.start()
        stack.push_async_callback(self._http.close)

    def _ports(self) -> dict[str, Any]:
        return {**self._roles.ports(), "http_port": self._http.port if self._http is not None else 0}

    def _announcement(self) -> Announcement:
        return Announcement.sign(
            self._crypto,
            self._identity.seed,
            host=str(ip_address(self._options.ip_addresses[0])),
            http_port=self._options.announced_http_port or self._ports()["http_port"],
            timestamp=int(self._wall_clock()),
        )

    def _take(self, picture: NetworkPicture) -> bool:
        """Work with this picture; False if no route leads through that network yet."""
        self._view.update(picture.addresses, {**picture.noise_keys, **self._own_noise_keys()})
        try:
            topology = picture.topology
        except MixError as error:
            if self._is_complete is not False:
                logger.info("the network is not complete: %s", error)
            self._is_complete = False
            return False
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
        self._roles.set_topology(topology, rotation)
        return True

    def _own_noise_keys(self) -> dict[NodeAddress, bytes]:
        """What others at this node's addresses will see, from its start on: there all links are encrypted, or none."""
        if self._noise is None:
            return {}
        port = self._roles.facts().mix_port
        return {NodeAddress.from_text(text, port): self._noise.public for text in self._options.ip_addresses}
