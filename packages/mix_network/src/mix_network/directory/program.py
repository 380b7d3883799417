"""A directory as a program: it takes registrations, asks nodes, draws epochs, and answers."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount

from mix_network.directory.app import api_routes
from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.epochs import EpochBook
from mix_network.directory.inquiry import NodeInquiry
from mix_network.directory.options import DirectoryOptions
from mix_network.directory.registration import Registration
from mix_network.directory.registry import Admission, NodeRegistry
from mix_network.directory.state import DirectoryState, KnownNode
from mix_network.errors import InvalidConfiguration
from mix_network.http.server import HttpServer
from mix_network.rotation import RotationSchedule
from mix_network.storage.home import Home
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import MixError

_INQUIRY_S: Final = 60.0
_ABSENT_EPOCHS: Final = 2
_LEAST_ABSENT_S: Final = 600.0
_WINDOW_S: Final = 24 * 3600.0
"""Performance is that of the last day, as Nym's is."""

logger = logging.getLogger(__name__)
_CRASHES = CrashLog(logger)


class DirectoryProgram:
    """One directory, from its start to its end.

    home -- whose lock is held by the caller
    """

    def __init__(
        self,
        home: Home,
        options: DirectoryOptions,
        *,
        random: RandomBytes = os.urandom,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._home = home
        self._options = options
        self._random = random
        self._wall_clock = wall_clock
        self._crypto = NativeCrypto()

    async def run(self, stopped: asyncio.Event, on_ready: Callable[[dict[str, Any]], None]) -> None:
        """Work until `stopped`. `on_ready` is told where the directory listens, as soon as it does.

        Raises `PortUnavailable`, `StateUnusable` and others that a person must see to.
        """
        options, wall_clock = self._options, self._wall_clock
        async with AsyncExitStack() as stack:
            state = DirectoryState(self._home.path)
            stack.callback(state.close)
            schedule = self._schedule(state)
            absent_after_s = max(_LEAST_ABSENT_S, _ABSENT_EPOCHS * schedule.epoch_duration_s)
            registry = NodeRegistry(state, Admission(options.admit, options.allow_local), absent_after_s)
            epochs = EpochBook(
                state,
                self._random,
                lambda: registry.candidates(wall_clock()),
                nodes_per_layer=options.nodes_per_layer,
                least_mix_nodes=options.least_mix_nodes,
            )
            documents = DirectoryDocuments(registry.registered, epochs.assign, schedule)
            inquiry = NodeInquiry(self._crypto, allow_local=options.allow_local)
            stack.push_async_callback(inquiry.close)
            registration = Registration(
                self._crypto,
                registry,
                inquiry,
                epochs,
                wall_clock=wall_clock,
                current_epoch=lambda: schedule.epoch_at(wall_clock()),
            )
            stack.push_async_callback(registration.close)
            cors = Middleware(
                CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD", "OPTIONS"], allow_headers=["*"]
            )
            routes = [*api_routes(documents, wall_clock, registration.look_again), *registration.routes()]
            app = Starlette(routes=[Mount("/api", routes=routes, middleware=[cors])])
            http = HttpServer(app, host=options.listen_address, port=options.http_port)
            await http.start()
            stack.push_async_callback(http.close)
            on_ready({"http_port": http.port})
            async with asyncio.TaskGroup() as tasks:
                lives = [
                    tasks.create_task(self._ask_nodes(state, registry, inquiry, schedule)),
                    tasks.create_task(self._begin_epochs(epochs, schedule)),
                ]
                await stopped.wait()
                for life in lives:
                    life.cancel()

    def _schedule(self, state: DirectoryState) -> RotationSchedule:
        wanted = RotationSchedule(self._options.epoch_s, self._options.rotation_epochs)
        schedule = state.schedule(wanted)
        for key, has, wants in (
            ("epochs.length_s", schedule.epoch_duration_s, wanted.epoch_duration_s),
            ("epochs.rotation", schedule.validity_epochs, wanted.validity_epochs),
        ):
            if has != wants:
                raise InvalidConfiguration(
                    f"{key}: this directory has always had {has}, and its epochs would be counted otherwise; "
                    "write that again, or begin with another home",
                    line=0,
                    key=key,
                )
        return schedule

    async def _begin_epochs(self, epochs: EpochBook, schedule: RotationSchedule) -> None:
        """Draw each epoch when it begins, whoever asks for it."""
        while True:
            wall_s = self._wall_clock()
            epoch_id = schedule.epoch_at(wall_s)
            with _CRASHES.isolated("the draw of an epoch"):
                epochs.record(epoch_id)
            await asyncio.sleep(min(_INQUIRY_S, max(0.01, schedule.epoch_start(epoch_id + 1) - wall_s)))

    async def _ask_nodes(
        self, state: DirectoryState, registry: NodeRegistry, inquiry: NodeInquiry, schedule: RotationSchedule
    ) -> None:
        """Ask every node now and then, several times an epoch: keys are announced one epoch ahead."""
        interval_s = min(_INQUIRY_S, schedule.epoch_duration_s / 4)
        while True:
            with _CRASHES.isolated("one round of asking nodes"):
                await asyncio.gather(*(self._ask(state, registry, inquiry, node) for node in registry.nodes))
                wall_s = self._wall_clock()
                state.forget_measurements(wall_s - _WINDOW_S)
                registry.set_performance(
                    {node_id: mean for node_id, (mean, _) in state.measured(wall_s - _WINDOW_S).items()}
                )
            await asyncio.sleep(interval_s)

    async def _ask(self, state: DirectoryState, registry: NodeRegistry, inquiry: NodeInquiry, node: KnownNode) -> None:
        try:
            description = await inquiry.ask(node.identity, node.host, node.http_port)
        except MixError as error:
            logger.debug("node %d does not answer as it should: %s", node.node_id, error)
            state.measure(node.node_id, 0.0, self._wall_clock())
            return
        state.measure(node.node_id, 1.0, self._wall_clock())
        registry.answered(node.identity, description, self._wall_clock())
