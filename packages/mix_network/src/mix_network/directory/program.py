"""A directory as a program: it takes registrations, asks nodes, draws epochs, and answers."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from mix_network.directory.acquaintances import Acquaintances
from mix_network.directory.app import api_routes
from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.draw import Candidate
from mix_network.directory.epoch_watch import EpochWatch
from mix_network.directory.epochs import EpochBook
from mix_network.directory.inquiry import NodeInquiry
from mix_network.directory.options import DirectoryOptions
from mix_network.directory.peers import PeerClient
from mix_network.directory.prober import Prober, addresses_of
from mix_network.directory.probes import ProbeResults
from mix_network.directory.registered_node import RegisteredNode
from mix_network.directory.registration import Registration
from mix_network.directory.registry import Admission, NodeRegistry
from mix_network.directory.signing import Knowledge, SnapshotSigning
from mix_network.directory.state import DirectoryState, KnownNode
from mix_network.directory.tomography import performance_of
from mix_network.errors import InvalidConfiguration
from mix_network.http.server import HttpServer
from mix_network.mixnode.mixing import NodeContext
from mix_network.mixnode.outgoing import OutgoingLimits
from mix_network.network_view import NetworkView
from mix_network.node_keys import IdentityKeys, NoiseKeys
from mix_network.options import DEFAULT_VERSION
from mix_network.rotation import RotationSchedule
from mix_network.storage.home import Home
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import MixError
from mix_protocol.topology.nodes import MIN_PERFORMANCE_PERCENT

STATUS_PATH: Final = "v1/mix-network/status"
SIGNING_KEY: Final = "directory"
"""Name of the key by which clients know a directory."""
_INQUIRY_S: Final = 60.0
_MISSED_INQUIRIES: Final = 4
_ABSENT_EPOCHS: Final = 2
_ROTATION_S: Final = 60
"""How long nodes have for announcing their next keys, where somebody wants these now."""
_ROTATION_LOOK_S: Final = 0.1
_LEAST_ABSENT_S: Final = 600.0
_WINDOW_S: Final = 24 * 3600.0
"""Performance is that of the last day, as Nym's is."""
_MOST_ROUTES: Final = 2000
"""Whole routes that are looked at, the newest ones: they take a tenth of a second."""

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
        self._probes_nodes = False
        self._is_to_rotate = asyncio.Event()

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

            def good() -> list[Candidate]:
                return registry.candidates(
                    wall_clock(),
                    least_performance=MIN_PERFORMANCE_PERCENT / 100,
                    heard_within_s=_MISSED_INQUIRIES * self._inquiry_s(schedule),
                )

            epochs = EpochBook(
                state,
                self._random,
                good,
                lambda: registry.candidates(wall_clock()),
                nodes_per_layer=options.nodes_per_layer,
                least_mix_nodes=options.least_mix_nodes,
                is_shared=bool(options.peers),
                may_serve=lambda earlier, later: schedule.epoch_start(later) < schedule.serves_until(earlier),
            )
            documents = DirectoryDocuments(registry.registered, epochs.assign, schedule, epochs.published)
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
            peers = PeerClient(self._crypto, wall_clock)
            stack.push_async_callback(peers.close)
            known = Acquaintances(registry, registration)
            signing = SnapshotSigning(
                self._crypto,
                IdentityKeys.from_seed(self._crypto, self._home.key(SIGNING_KEY, 32, self._random)),
                options.peers,
                options.quorum,
                client=peers,
                state=state,
                documents=documents,
                epochs=epochs,
                schedule=schedule,
                knowledge=Knowledge(
                    registry.described,
                    lambda: frozenset(each.identity for each in good()),
                    registration.look_again,
                    known.meet,
                    lambda: known.statement(wall_clock()),
                ),
                wall_clock=wall_clock,
            )
            watch = EpochWatch(epochs, schedule, wall_clock, lambda: signing.why if options.peers else epochs.lacks())

            async def status(_: Request) -> JSONResponse:
                return JSONResponse({**watch.status(), "signing": signing.status()})

            routes = [
                Route(f"/{STATUS_PATH}", status, methods=["GET"]),
                *api_routes(documents, wall_clock, registration.look_again),
                *registration.routes(),
                *signing.routes(),
            ]
            app = Starlette(routes=[Mount("/api", routes=routes, middleware=[cors])])
            http = HttpServer(app, host=options.listen_address, port=options.http_port)
            await http.start()
            stack.push_async_callback(http.close)
            prober = await self._start_prober(state, registry, documents, schedule, stack)
            if prober is not None:
                known.own_prober = prober.describe
            on_ready({"http_port": http.port, "key": signing.status()["key"]})
            async with asyncio.TaskGroup() as tasks:
                lives = [
                    *([tasks.create_task(prober.run(options.probe_s))] if prober is not None else []),
                    tasks.create_task(self._ask_nodes(state, registry, inquiry, registration, schedule)),
                    tasks.create_task(watch.run()),
                    tasks.create_task(signing.run()),
                    tasks.create_task(self._keep_rotating(state, registry, schedule)),
                ]
                await stopped.wait()
                for life in lives:
                    life.cancel()

    def rotate_keys(self) -> None:
        """Let the nodes' Sphinx keys change as soon as all nodes have announced the next ones; in a minute at most.

        Only where all is on this machine: other nodes would not learn of it in time.
        """
        if not ip_address(self._options.listen_address).is_loopback:
            logger.warning("keys change by the clock alone where other machines reach the directory")
        else:
            self._is_to_rotate.set()

    async def _keep_rotating(self, state: DirectoryState, registry: NodeRegistry, schedule: RotationSchedule) -> None:
        """Do what `rotate_keys` asks for."""
        while True:
            await self._is_to_rotate.wait()
            self._is_to_rotate.clear()
            wall_s = self._wall_clock()
            following = schedule.rotation_of(schedule.epoch_at(wall_s)) + 1
            first = schedule.epochs_of(following)[0]
            if schedule.rotate_soon(wall_s, _ROTATION_S):
                state.move_schedule(schedule)
            while (wall_s := self._wall_clock()) < schedule.epoch_start(first):
                if all(node.has_key(following) for node in registry.answering(wall_s)):
                    schedule.begin(first, wall_s)
                    state.move_schedule(schedule)
                await asyncio.sleep(_ROTATION_LOOK_S)

    async def _start_prober(
        self,
        state: DirectoryState,
        registry: NodeRegistry,
        documents: DirectoryDocuments,
        schedule: RotationSchedule,
        stack: AsyncExitStack,
    ) -> Prober | None:
        """A node of the directory's own, from which it tries the others."""
        options = self._options
        address = options.probe_address or options.listen_address
        if options.probe_s == 0:
            return None
        if ip_address(address).is_unspecified:
            logger.warning("nodes are not tried with packets: probes.address must say where they reach this directory")
            return None
        view = NetworkView()
        identity = IdentityKeys.from_seed(self._crypto, self._home.key("prober", 32, self._random))
        noise = NoiseKeys.of(self._crypto, self._home.key("prober-noise", 32, self._random))

        def nodes() -> list[RegisteredNode]:
            found = registry.answering(self._wall_clock())
            addresses = addresses_of(found)
            view.update(addresses, {address: key for address, key in addresses.items() if key is not None})
            return found

        context = NodeContext(
            self._crypto,
            view,
            schedule,
            self._wall_clock,
            options.listen_address,
            OutgoingLimits(backoff_initial_s=1.0, backoff_max_s=options.probe_s),
        )
        prober = Prober(
            context,
            identity,
            noise,
            self._random,
            nodes=nodes,
            layers=lambda: documents.rewarded_set(self._wall_clock()).layers,
            on_results=lambda results: self._measure(state, registry, results),
            address=address,
            build_version=DEFAULT_VERSION,
        )
        await prober.start(options.probe_port)
        stack.push_async_callback(prober.close)
        self._probes_nodes = True
        return prober

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

    @staticmethod
    def _inquiry_s(schedule: RotationSchedule) -> float:
        return min(_INQUIRY_S, schedule.epoch_duration_s / 4)

    async def _ask_nodes(
        self,
        state: DirectoryState,
        registry: NodeRegistry,
        inquiry: NodeInquiry,
        registration: Registration,
        schedule: RotationSchedule,
    ) -> None:
        """Ask every node now and then, several times an epoch: keys are announced one epoch ahead."""
        interval_s = self._inquiry_s(schedule)
        while True:
            with _CRASHES.isolated("one round of asking nodes"):
                await registration.ask_listed(self._options.listed)
                await asyncio.gather(*(self._ask(state, registry, inquiry, node) for node in registry.nodes))
                state.forget_measurements(self._wall_clock() - _WINDOW_S)
                await self._measure(state, registry, ProbeResults())
            await asyncio.sleep(interval_s)

    async def _ask(self, state: DirectoryState, registry: NodeRegistry, inquiry: NodeInquiry, node: KnownNode) -> None:
        try:
            description = await inquiry.ask(node.identity, node.host, node.http_port)
        except MixError as error:
            logger.debug("node %d does not answer as it should: %s", node.node_id, error)
            self._measure_answer(state, node, 0.0)
            return
        self._measure_answer(state, node, 1.0)
        registry.answered(node.identity, description, self._wall_clock())

    async def _measure(self, state: DirectoryState, registry: NodeRegistry, results: ProbeResults) -> None:
        """Note measurements, and list the nodes with what all of the window make."""
        wall_s = self._wall_clock()
        for node_id, share in results.shares.items():
            state.measure(node_id, share, wall_s)
        state.measure_routes(results.paths, wall_s)
        alone, routes = state.measured(wall_s - _WINDOW_S), state.routes(wall_s - _WINDOW_S, _MOST_ROUTES)
        registry.set_performance(await asyncio.to_thread(performance_of, alone, routes))

    def _measure_answer(self, state: DirectoryState, node: KnownNode, share: float) -> None:
        """Where nodes are not tried with packets, whether they answer is all there is to know."""
        if not self._probes_nodes:
            state.measure(node.node_id, share, self._wall_clock())
