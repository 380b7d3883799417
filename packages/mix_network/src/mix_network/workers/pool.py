"""The main process's side: it starts workers, shares connections out, and puts another one where one has died.

Whatever happens, no worker outlives it: each watches a pipe of which nobody else has the other end, and ends at once
when that is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Final, Protocol

from mix_network.errors import PortUnavailable, WorkersNotReady
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixing import NodeContext
from mix_network.mixnode.outgoing import OutgoingLimits
from mix_network.options import NetworkOptions
from mix_network.workers import handing
from mix_network.workers.channel import Channel, Kind, encode_message
from mix_network.workers.messages import Counters, NodePart, Place, Start
from mix_network.workers.shared_table import SharedTable
from mix_protocol.codec.json import decode_json, encode_json

STOP_S: Final = 3.0
"""How long workers may take to close their connections."""
_BACKLOG: Final = 128
_ACCEPTED_AT_ONCE: Final = 32
_OUT_OF_DESCRIPTORS_S: Final = 1.0
_READY_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 5.0
_HEALTHY_S: Final = 10.0
"""Who has lived for so long has not died of its start."""
_MOST_FAILURES: Final = 10
_LEAST_PEERS: Final = 64

logger = logging.getLogger(__name__)


class Listener:
    """A listening socket whose connections go to workers in turn, so that each has as many as the next.

    Raises `PortUnavailable`.
    """

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self.socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise PortUnavailable(port=port) from error
        self.socket.setblocking(False)
        self.port = int(self.socket.getsockname()[1])
        self.turn = 0

    def close(self) -> None:
        """Take no more."""
        self.socket.close()


class WorkedNode(Protocol):
    """A node of which workers do the work, as the pool sees it."""

    listeners: list[Listener | None]
    """For other nodes, and for clients where there are any; None while it does not listen."""
    tables: list[SharedTable]

    def part(self, ways: list[int]) -> NodePart:
        """What a worker must know; `ways` are the descriptors over which it gets connections, one a listener."""
        ...

    def received(self, kind: int, content: bytes, worker: int) -> None:
        """A worker says something about this node."""
        ...


@dataclass(eq=False)
class _Worker:
    """A process, and the ways to it."""

    number: int
    place: int
    process: subprocess.Popen[bytes]
    ways: list[list[socket.socket]]
    """For each node and listener."""
    peers_way: socket.socket
    started_at: float
    start: Start
    channel: Channel | None = None
    is_ready: bool = False
    counters: Counters | None = None

    def close(self) -> None:
        for way in (*(way for ways in self.ways for way in ways), self.peers_way):
            way.close()


class WorkerPool:
    """All workers of a network.

    context, options -- what the nodes go by
    wall_offset_s -- what the network's clock is ahead of the machine's
    """

    def __init__(self, context: NodeContext, options: NetworkOptions, wall_offset_s: float) -> None:
        self.nodes: list[WorkedNode] = []
        self.restarts = 0
        self._places: list[Place] = []
        self._context = context
        self._options = options
        self._wall_offset_s = wall_offset_s
        self._workers: dict[int, _Worker] = {}
        self._numbers = count(1)
        self._retired: dict[int, NodeMetrics] = {}
        self._failures = [0] * options.workers
        self._turn = 0
        self._listening: dict[socket.socket, tuple[int, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()
        self._alive: tuple[int, int] | None = None
        self._closing = False

    def add(self, node: WorkedNode) -> int:
        """Have the workers do a node's work; gives its number."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    async def start(self, places: list[Place]) -> None:
        """Start the workers; returns when all of them take connections. The nodes listen already.

        places -- where all nodes of the network are. Raises `WorkersNotReady`
        """
        self._places = places
        self._alive = os.pipe()
        for place in range(self._options.workers):
            await self._start_worker(place)
        try:
            async with asyncio.timeout(_READY_S):
                while len(self._ready_workers()) < self._options.workers:
                    self._ready.clear()
                    await self._ready.wait()
        except TimeoutError:
            raise WorkersNotReady() from None

    async def close(self) -> None:
        """End the workers, in order where they can."""
        if self._closing:
            return
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stop_listening()
        workers = list(self._workers.values())
        for worker in workers:
            if worker.channel is not None:
                worker.channel.send(Kind.STOP)
        await asyncio.gather(*(self._reap(worker, STOP_S) for worker in workers))
        for worker in workers:
            if worker.channel is not None:
                worker.channel.close()
            worker.close()
        if self._alive is not None:
            for descriptor in self._alive:
                os.close(descriptor)
            self._alive = None
        for node in self.nodes:
            for table in node.tables:
                table.close()

    # -- the nodes' side

    def tell(self, kind: Kind, node: int = 0, content: bytes = b"") -> None:
        """Say something to every worker."""
        for worker in self._workers.values():
            if worker.channel is not None:
                worker.channel.send(kind, node, content)

    def tell_one(self, number: int, kind: Kind, node: int, content: bytes) -> bool:
        """Say something to one worker; False if it is gone or too slow."""
        worker = self._workers.get(number)
        return worker is not None and worker.channel is not None and worker.channel.send(kind, node, content)

    def tell_next(self, kind: Kind, node: int, content: bytes) -> bool:
        """Say something to one worker after the other; False if there is none that takes it."""
        ready = self._ready_workers()
        for _ in ready:
            self._turn += 1
            channel = ready[self._turn % len(ready)].channel
            if channel is not None and channel.send(kind, node, content):
                return True
        return False

    def has(self, number: int) -> bool:
        """Whether this worker lives."""
        return number in self._workers

    def counted(self, node: int) -> Iterator[dict[str, Any]]:
        """The counters of a node, of every worker that lives."""
        for worker in self._workers.values():
            if worker.counters is not None:
                yield worker.counters.nodes[node]

    def counted_before(self, node: int) -> dict[str, Any]:
        """The counters of a node, of workers that are gone."""
        return self._retired.get(node, NodeMetrics("", "")).snapshot()

    def snapshot(self) -> dict[str, Any]:
        """The workers as JSON-able values."""
        ready = self._ready_workers()
        return {
            "pids": [worker.process.pid for worker in ready],
            "cpu_s": [round(worker.counters.cpu_s, 3) if worker.counters is not None else 0.0 for worker in ready],
            "restarts": self.restarts,
        }

    # -- connections

    def listen(self) -> None:
        """Take connections at every listener of every node, where there is a worker to give them to."""
        if self._closing or not self._ready_workers():
            return
        loop = asyncio.get_running_loop()
        for number, node in enumerate(self.nodes):
            for which, listener in enumerate(node.listeners):
                if listener is not None and listener.socket not in self._listening:
                    self._listening[listener.socket] = number, which
                    loop.add_reader(listener.socket, self._accept, listener)

    def close_listener(self, listener: Listener) -> None:
        """Take no more connections there."""
        if self._listening.pop(listener.socket, None) is not None:
            asyncio.get_running_loop().remove_reader(listener.socket)
        listener.close()

    def _stop_listening(self) -> None:
        for listening in self._listening:
            asyncio.get_running_loop().remove_reader(listening)
        self._listening.clear()

    def _accept(self, listener: Listener) -> None:
        number, which = self._listening[listener.socket]
        for _ in range(_ACCEPTED_AT_ONCE):
            ready = self._ready_workers()
            if not ready:
                self._stop_listening()  # what comes meanwhile waits in the kernel
                return
            try:
                connection, _ = listener.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # There are no descriptors left. Somebody may end meanwhile.
                self._stop_listening()
                asyncio.get_running_loop().call_later(_OUT_OF_DESCRIPTORS_S, self.listen)
                return
            with connection:
                # A worker that is stuck takes none; then another one does.
                for _ in ready:
                    listener.turn += 1
                    worker = ready[listener.turn % len(ready)]
                    if handing.hand_over(worker.ways[number][which], connection):
                        break

    # -- workers

    def _ready_workers(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.is_ready]

    async def _start_worker(self, place: int) -> None:
        worker, control = self._spawn(place)
        for other in self._workers.values():
            _introduce(worker, other)
        self._workers[worker.number] = worker
        worker.channel = await Channel.over(
            control,
            lambda _, kind, node, content: self._receive(worker, kind, node, content),
            lambda _: self._ended(worker),
        )
        worker.channel.send(Kind.START, 0, encode_json(worker.start))

    def _spawn(self, place: int) -> tuple[_Worker, socket.socket]:
        """A new process, and this end of the channel to it. Raises OSError."""
        assert self._alive is not None
        number = next(self._numbers)
        with contextlib.ExitStack() as given:
            control, its_control = socket.socketpair()
            peers_way, its_peers_way = handing.pair()
            pairs = [[handing.pair() for _ in node.listeners] for node in self.nodes]
            for end in (its_control, its_peers_way, *(theirs for ways in pairs for _, theirs in ways)):
                given.enter_context(end)
            its_ways = [[theirs.fileno() for _, theirs in ways] for ways in pairs]
            tables = [table.descriptor for node in self.nodes for table in node.tables]
            start = self._describe(number, place, its_peers_way.fileno(), its_ways)
            process = subprocess.Popen(
                [sys.executable, "-m", "mix_network.workers", str(its_control.fileno()), str(self._alive[0])],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[
                    its_control.fileno(),
                    start.peers_way,
                    *chain.from_iterable(its_ways),
                    *tables,
                    self._alive[0],
                ],
                process_group=0,  # Ctrl-C is for the main process, which then ends the others in order
            )
        ways = [[ours for ours, _ in ways] for ways in pairs]
        return _Worker(number, place, process, ways, peers_way, time.monotonic(), start), control

    def _describe(self, number: int, place: int, peers_way: int, ways: list[list[int]]) -> Start:
        context, options = self._context, self._options
        limits = context.outgoing_limits or OutgoingLimits()
        return Start(
            number=number,
            place=place,
            workers=options.workers,
            host=context.host,
            peers_way=peers_way,
            nodes=[node.part(its_ways) for node, its_ways in zip(self.nodes, ways, strict=True)],
            places=self._places,
            link=context.links.links.text,
            link_seed=options.link_seed,
            wall_offset_s=self._wall_offset_s,
            queue_packets=limits.queue_packets,
            queue_bytes=limits.queue_bytes,
            connect_timeout_s=limits.connect_timeout_s,
            backoff_initial_s=limits.backoff_initial_s,
            backoff_max_s=limits.backoff_max_s,
            max_peers=max(_LEAST_PEERS, context.budget.peers // options.workers),
            max_clients=max(1, context.budget.clients // options.workers),
            require_bandwidth=options.require_bandwidth,
            only_local=options.origins.only_local,
            allow_origins=list(options.allow_origins),
        )

    def _receive(self, worker: _Worker, kind: int, node: int, content: bytes) -> None:
        if kind == Kind.READY:
            worker.is_ready = True
            self._ready.set()
            self.listen()
        elif kind == Kind.COUNTERS:
            worker.counters = decode_json(content, Counters, "counters")
        else:
            self.nodes[node].received(kind, content, worker.number)

    def _ended(self, worker: _Worker) -> None:
        """The channel is closed: the process is gone, or of no use any more."""
        if self._closing:
            return
        self._workers.pop(worker.number)
        worker.close()
        if worker.counters is not None:
            for node, counters in enumerate(worker.counters.nodes):
                self._retired.setdefault(node, NodeMetrics("", "")).add(counters, gauges=False)
        task = asyncio.create_task(self._replace(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, worker: _Worker) -> None:
        worker.process.kill()
        await self._reap(worker, STOP_S)
        logger.warning("a worker process has ended (%s); another one takes its place", worker.process.returncode)
        if time.monotonic() - worker.started_at >= _HEALTHY_S:
            self._failures[worker.place] = 0
        while True:
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2 ** self._failures[worker.place], _LONGEST_PAUSE_S))
            self._failures[worker.place] = min(self._failures[worker.place] + 1, _MOST_FAILURES)
            try:
                await self._start_worker(worker.place)
            except OSError as error:
                logger.warning("a worker process can't be started: %s", error)
            else:
                self.restarts += 1
                return

    async def _reap(self, worker: _Worker, patience_s: float) -> None:
        """Wait until a process has ended; after a while it has to."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, worker.process.wait, patience_s)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            await loop.run_in_executor(None, worker.process.wait)


def _introduce(worker: _Worker, other: _Worker) -> None:
    """Give two workers a channel to each other."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        for (taker, giver), (end, far_end) in zip(((worker, other), (other, worker)), (ends, ends[::-1]), strict=True):
            # What goes in at the far end comes out at the near one.
            far_end.sendall(_greeting(giver.number))
            handing.hand_over(taker.peers_way, end)


def _greeting(number: int) -> bytes:
    return encode_message(Kind.GREETING, 0, number.to_bytes(4, "little"))
