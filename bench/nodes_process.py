"""The processes of `bench.nodes`: a node, who sends to it, and who takes what it sends on.

python -m bench.nodes_process profile mix|entry|push      where its time goes
"""

from __future__ import annotations

import asyncio
import contextlib
import cProfile
import io
import json
import os
import pstats
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from support.waiting import until

from bench import nodes_in_process
from mix_network.exit.gateway import Gateway
from mix_network.gateway.node import GatewayServer
from mix_network.mixnode.mixing import NodeContext
from mix_network.mixnode.node import MixNodeServer
from mix_network.network_view import NetworkView
from mix_network.node_keys import IdentityKeys, SphinxKeyring
from mix_network.options import NetworkOptions
from mix_network.rotation import RotationSchedule
from mix_network.workers.messages import Place
from mix_network.workers.nodes import WorkedGateway, WorkedMixNode
from mix_network.workers.pool import WorkerPool
from mix_network.workers.worker import COUNTERS_S
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import exponential
from mix_protocol.gateway.client import GatewayClient
from mix_protocol.gateway.events import Authenticated
from mix_protocol.messages.acknowledgement import SurbAck
from mix_protocol.mixwire.frames import FrameDecoder, encode_frame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import FinalPacket, process_packet
from mix_protocol.topology.route import RouteHop

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

HOST = "127.0.0.1"
GOAL_SECRET = bytes(range(32))
CRYPTO = NativeCrypto()
_PROFILED = 40
_FIRST_PACKETS = 50
_FIRST_PAUSE_S = 0.3
"""The first packets make the node connect to the next one; what that takes is not counted."""


def cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def come_first() -> bool:
    """Run before other processes, if the system lets this one."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return False
    return True


async def converse(answer: Answer, **told: Any) -> None:
    """Tell something, then answer each line of standard input until it ends."""
    print(json.dumps(told), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        question = json.loads(line)
        reply = {"comes_first": come_first()} if "come_first" in question else await answer(question)
        print(json.dumps(reply), flush=True)


# -- the node


async def run_node(arguments: dict[str, Any]) -> None:
    kind, schedule = arguments["kind"], RotationSchedule()
    goal = NodeAddress.from_text(HOST, arguments["goal"])
    context = NodeContext(CRYPTO, NetworkView([goal]), schedule, time.time)
    identity = IdentityKeys.generate(CRYPTO, os.urandom)
    keyring = SphinxKeyring(CRYPTO, os.urandom, schedule, time.time())
    rate = nodes_in_process.rate(kind)
    workers = arguments["workers"]
    pool = WorkerPool(context, NetworkOptions(workers=workers), 0.0) if workers else None
    node: MixNodeServer | WorkedMixNode | Gateway
    if kind == "mix" and pool is not None:
        node = WorkedMixNode(pool, context, identity, keyring, os.urandom, name="mix-1", layer=1)
    elif kind == "mix":
        node = MixNodeServer(context, identity, keyring, name="mix-1", layer=1)
    elif pool is not None:
        node = WorkedGateway(pool, context, identity, keyring, os.urandom, name="entry", role="entry-gateway")
    else:
        node = GatewayServer(context, identity, keyring, os.urandom, name="entry", role="entry-gateway")
    address = await node.start()
    if pool is not None:
        await pool.start([Place(HOST, goal.port, "goal")])

    profiler = cProfile.Profile()

    async def answer(question: dict[str, Any]) -> dict[str, Any]:
        if question.get("profile") == "start":
            profiler.enable()
        elif question.get("profile") == "stop":
            profiler.disable()
            return {"profile": report(profiler)}
        if pool is None:
            return {"cpu_s": [cpu_s()]}
        await asyncio.sleep(2 * COUNTERS_S)  # until the workers have told what they took
        return {"cpu_s": pool.snapshot()["cpu_s"]}

    await converse(
        answer,
        port=address.port,
        ws_port=0 if isinstance(node, MixNodeServer | WorkedMixNode) else node.ws_port,
        identity=identity.public.hex(),
        key=keyring.current.public.hex(),
        rotation=keyring.current.rotation_id,
        in_process=round(rate, 1),
    )
    await node.close()
    if pool is not None:
        await pool.close()


# -- who takes what the node sends on


class Goal(asyncio.Protocol):
    """Counts the node's frames, and keeps them with their times."""

    def __init__(self, arrived: list[tuple[float, bytes]]) -> None:
        self._arrived = arrived
        self._decoder = FrameDecoder()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._arrived += [(now, frame.packet) for frame in self._decoder.feed(data)]


async def run_goal(arguments: dict[str, Any]) -> None:
    arrived: list[tuple[float, bytes]] = []
    server = await asyncio.get_running_loop().create_server(lambda: Goal(arrived), HOST, 0)

    async def answer(question: dict[str, Any]) -> dict[str, Any]:
        if "wait" in question:
            await until(lambda: len(arrived) >= question["wait"])
            return {"last_at": arrived[-1][0]}
        numbers = []
        for at, packet in arrived:
            final = process_packet(CRYPTO, GOAL_SECRET, packet)
            assert isinstance(final, FinalPacket)
            numbers.append((int.from_bytes(final.message[:4], "big"), at))
        return {"arrivals": numbers}

    await converse(answer, port=server.sockets[0].getsockname()[1])
    server.close()


# -- who sends to the node


class Client:
    """A client of the gateway, with what it is pushed counted."""

    def __init__(self, node: dict[str, Any]) -> None:
        self._url = f"ws://{HOST}:{node['ws_port']}"
        seed = os.urandom(32)
        self.identity = CRYPTO.ed25519_public(seed)
        now = asyncio.get_running_loop().time()
        self.gateway = GatewayClient(
            CRYPTO, os.urandom, seed, bytes.fromhex(node["identity"]), None, unix_time_offset_s=time.time() - now
        )
        self.pushed = 0
        self.last_at = 0.0

    async def connect(self) -> None:
        from websockets.asyncio.client import connect

        now = asyncio.get_running_loop().time()
        self.gateway.start(now)
        self.websocket = await connect(self._url, compression=None, ping_interval=None)
        ready = False
        while not ready:
            for frame in self.gateway.frames_to_send(now):
                await self.websocket.send(frame)
            frame = await self.websocket.recv()
            (self.gateway.receive_text if isinstance(frame, str) else self.gateway.receive_binary)(frame, now)
            while (event := self.gateway.next_event()) is not None:
                ready = ready or isinstance(event, Authenticated)
        for frame in self.gateway.frames_to_send(now):
            await self.websocket.send(frame)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        # What comes is not opened: only its number counts here.
        async for frame in self.websocket:
            if isinstance(frame, bytes):
                self.pushed += 1
                self.last_at = time.monotonic()


class Source:
    """Prepares what is sent, then sends it."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._kind: str = arguments["kind"]
        self._node: dict[str, Any] = arguments["node"]
        self._goal = NodeAddress.from_text(HOST, arguments["goal"])
        self._connections: int = arguments["connections"]
        self._rotation = KeyRotation.from_rotation_id(self._node["rotation"])
        self._own = RouteHop(NodeAddress.from_text(HOST, self._node["port"]), bytes.fromhex(self._node["key"]))
        self._frames: list[bytes] = []
        self._delays_s: list[float] = []
        self._sent_at: list[float] = []
        self._clients: list[Client] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> None:
        if self._kind != "mix":
            self._clients = [Client(self._node) for _ in range(self._connections)]
            for client in self._clients:
                await client.connect()
        if self._kind != "entry":
            for _ in range(self._connections):
                _, writer = await asyncio.open_connection(HOST, self._node["port"])
                self._writers.append(writer)

    def prepare(self, count: int, mean_delay_ms: float) -> None:
        make = {"mix": self._mix_frame, "entry": self._client_frame, "push": self._final_frame}[self._kind]
        self._delays_s = [exponential(os.urandom, mean_delay_ms / 1000) if mean_delay_ms else 0.0 for _ in range(count)]
        self._frames = [make(number) for number in range(count)]

    def _mix_frame(self, number: int) -> bytes:
        goal = RouteHop(self._goal, CRYPTO.x25519_public(GOAL_SECRET))
        message = number.to_bytes(4, "big").ljust(PacketSize.REGULAR.plaintext_length, b"\0")
        return self._frame([self._own, goal], [int(self._delays_s[number] * 1e9), 0], bytes(32), message)

    def _final_frame(self, number: int) -> bytes:
        ack = SurbAck(self._goal, os.urandom(PacketSize.ACK.packet_length)).encode()
        message = (ack + number.to_bytes(4, "big")).ljust(PacketSize.REGULAR.plaintext_length, b"\0")
        return self._frame([self._own], [0], self._clients[number % self._connections].identity, message)

    def _frame(self, route: list[RouteHop], delays_ns: list[int], destination: bytes, message: bytes) -> bytes:
        packet = build_packet(
            CRYPTO,
            os.urandom,
            route=route,
            delays_ns=delays_ns,
            destination=destination,
            message=message,
            size=PacketSize.REGULAR,
        )
        return encode_frame(packet, self._rotation)

    def _client_frame(self, number: int) -> bytes:
        client = self._clients[number % self._connections]
        packet = os.urandom(PacketSize.REGULAR.packet_length)
        now = asyncio.get_running_loop().time()
        client.gateway.send_mix_packet(MixPacket(self._goal, packet, self._rotation), now)
        [frame] = client.gateway.frames_to_send(now)
        assert isinstance(frame, bytes)
        return frame

    async def send(self, rate: float | None) -> float:
        """Send all of it, at once or at random times; gives when it began."""
        began_at = time.monotonic()
        if rate is not None:
            await self._send_at_times(rate)
        elif self._kind == "entry":
            await asyncio.gather(*(self._send_of_client(number) for number in range(self._connections)))
        else:
            count = len(self._writers)
            await asyncio.gather(*(self._send_over(w, self._frames[i::count]) for i, w in enumerate(self._writers)))
        return began_at

    async def _send_over(self, writer: asyncio.StreamWriter, frames: list[bytes]) -> None:
        for start in range(0, len(frames), 50):
            writer.writelines(frames[start : start + 50])
            await writer.drain()

    async def _send_of_client(self, number: int) -> None:
        for frame in self._frames[number :: self._connections]:
            await self._clients[number].websocket.send(frame)

    async def _send_at_times(self, rate: float) -> None:
        pauses_s = [exponential(os.urandom, 1 / rate) for _ in self._frames]
        pauses_s[_FIRST_PACKETS] += _FIRST_PAUSE_S
        due = time.monotonic()
        self._sent_at = []
        for number, frame in enumerate(self._frames):
            due += pauses_s[number]
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self._sent_at.append(time.monotonic())
            self._writers[number % len(self._writers)].write(frame)

    def late_ms(self, arrivals: list[tuple[int, float]]) -> list[float]:
        return [
            1000 * (at - self._sent_at[number] - self._delays_s[number])
            for number, at in arrivals
            if number >= _FIRST_PACKETS
        ]

    async def pushed(self, count: int) -> float:
        await until(lambda: sum(client.pushed for client in self._clients) >= count)
        return max(client.last_at for client in self._clients)

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if "prepare" in question:
            self.prepare(question["prepare"], question.get("mean_delay_ms", 0.0))
            return {}
        if "send" in question:
            return {"began_at": await self.send(question.get("per_second"))}
        if "late" in question:
            return {"late_ms": self.late_ms(question["late"])}
        return {"last_at": await self.pushed(len(self._frames))}


async def run_source(arguments: dict[str, Any]) -> None:
    source = Source(arguments)
    await source.connect()
    await converse(source.answer)


# -- where the time goes


def report(profiler: cProfile.Profile) -> str:
    """The functions that took most time of their own."""
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(_PROFILED)
    return text.getvalue()


def profile(kind: str) -> None:
    """A node under cProfile, with the other processes as they are."""
    from bench import nodes

    with nodes.processes(kind) as (node, goal, source):
        source.ask(prepare=nodes.PACKETS)
        node.ask(profile="start")
        source.ask(send=True)
        goal.ask(wait=nodes.PACKETS)
        print(node.ask(profile="stop")["profile"])


def main() -> None:
    role, *rest = sys.argv[1:]
    if role == "profile":
        profile(rest[0])
        return
    run = {"node": run_node, "goal": run_goal, "source": run_source}[role]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(json.loads(rest[0])))


if __name__ == "__main__":
    main()
