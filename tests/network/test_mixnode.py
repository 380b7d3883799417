"""A mix node over real sockets: what it sends on, when, and what it drops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from support.ports import refusing_port
from support.waiting import PATIENCE_S, until

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixing import NodeContext
from mix_network.mixnode.node import MixNodeServer
from mix_network.mixnode.outgoing import Outgoing, OutgoingLimits
from mix_network.network_view import NetworkView
from mix_network.node_keys import IdentityKeys, SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.mixwire.frames import FrameDecoder, NodeFrame, encode_frame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import FinalPacket, process_packet
from mix_protocol.topology.route import RouteHop

CRYPTO = NativeCrypto()
RANDOM = SeededRandom(3)
SCHEDULE = RotationSchedule()
WALL_S = 1_795_249_698.0
GOAL_SECRET = RANDOM(32)
DESTINATION = RANDOM(32)
MS = 1_000_000


@dataclass
class Goal:
    """A peer that takes frames, as the next node does."""

    frames: asyncio.Queue[NodeFrame] = field(default_factory=asyncio.Queue)
    connections: int = 0
    address: NodeAddress | None = None
    server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.address = NodeAddress.from_text("127.0.0.1", self.server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        decoder = FrameDecoder()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                for frame in decoder.feed(data):
                    self.frames.put_nowait(frame)
        writer.close()

    async def message(self) -> bytes:
        frame = await asyncio.wait_for(self.frames.get(), PATIENCE_S)
        final = process_packet(CRYPTO, GOAL_SECRET, frame.packet)
        assert isinstance(final, FinalPacket)
        assert final.destination == DESTINATION
        return final.message


@dataclass
class Bench:
    """One mix node between this test and a goal."""

    node: MixNodeServer
    goal: Goal
    writer: asyncio.StreamWriter
    view: NetworkView

    def packet(self, message: bytes, *, delay_ns: int = 0, next_hop: NodeAddress | None = None) -> bytes:
        route = [
            RouteHop(self.node.address, self.node.keyring.current.public),
            RouteHop(next_hop or self.goal.address, CRYPTO.x25519_public(GOAL_SECRET)),
        ]
        return build_packet(
            CRYPTO,
            RANDOM,
            route=route,
            delays_ns=[delay_ns, 0],
            destination=DESTINATION,
            message=message,
            size=PacketSize.REGULAR,
        )

    def send(self, packet: bytes, version: int = 8, rotation: KeyRotation | None = None) -> None:
        rotation = rotation or KeyRotation.from_rotation_id(self.node.keyring.current.rotation_id)
        self.writer.write(encode_frame(packet, rotation, version))

    async def until(self, reason: str, count: int = 1) -> None:
        await until(lambda: self.node.metrics.dropped[reason] >= count)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    goal = Goal()
    await goal.start()
    view = NetworkView([goal.address])
    limits = OutgoingLimits(queue_packets=3, backoff_initial_s=0.05)
    context = NodeContext(CRYPTO, view, SCHEDULE, lambda: WALL_S, outgoing_limits=limits)
    keyring = SphinxKeyring(CRYPTO, RANDOM, SCHEDULE, WALL_S)
    node = MixNodeServer(context, IdentityKeys.generate(CRYPTO, RANDOM), keyring, name="mix", layer=1)
    address = await node.start()
    _, writer = await asyncio.open_connection("127.0.0.1", address.port)
    yield Bench(node, goal, writer, view)
    writer.close()
    goal.server.close()
    await node.close()


async def test_packets_go_to_their_next_hop_in_frames_of_version_8(bench: Bench):
    bench.send(bench.packet(b"hello"))
    frame = await asyncio.wait_for(bench.goal.frames.get(), PATIENCE_S)
    assert frame.key_rotation is KeyRotation.from_rotation_id(bench.node.keyring.current.rotation_id)
    final = process_packet(CRYPTO, GOAL_SECRET, frame.packet)
    assert isinstance(final, FinalPacket)
    assert final.message == b"hello"
    assert (bench.node.metrics.received, bench.node.metrics.forwarded) == (1, 1)


async def test_frames_of_version_7_are_accepted(bench: Bench):
    bench.send(bench.packet(b"old"), version=7)
    assert await bench.goal.message() == b"old"


async def test_delays_are_kept_and_reorder(bench: Bench):
    clock = asyncio.get_running_loop().time
    started = clock()
    bench.send(bench.packet(b"slow", delay_ns=2000 * MS))
    bench.send(bench.packet(b"fast", delay_ns=1 * MS))
    assert await bench.goal.message() == b"fast"
    assert await bench.goal.message() == b"slow"
    assert clock() - started >= 2.0
    assert bench.goal.connections == 1


async def test_what_is_held_at_the_end_still_goes_on_and_nothing_more_is_taken(bench: Bench):
    bench.send(bench.packet(b"held", delay_ns=300 * MS))
    bench.send(bench.packet(b"for long", delay_ns=9000 * MS))
    await until(lambda: bench.node.metrics.waiting == 2)
    draining = asyncio.create_task(bench.node.drain(1.0))
    assert await bench.goal.message() == b"held"
    await draining
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", bench.node.address.port)
    assert bench.node.metrics.waiting == 1


async def test_an_endless_delay_is_capped(bench: Bench):
    bench.send(bench.packet(b"patience", delay_ns=2**63))
    await until(lambda: bench.node.metrics.waiting)
    assert bench.node.metrics.delays_capped == 1
    release_at = bench.node._mixing._mixer.next_timeout()
    assert release_at <= asyncio.get_running_loop().time() + 10.0


async def test_replays_are_dropped(bench: Bench):
    packet = bench.packet(b"once")
    bench.send(packet)
    bench.send(packet)
    bench.send(packet, rotation=KeyRotation.UNKNOWN)
    bench.send(bench.packet(b"other"))
    assert await bench.goal.message() == b"once"
    assert await bench.goal.message() == b"other"
    assert bench.node.metrics.replayed == 2
    assert bench.node.metrics.dropped == {"replayed": 2}


async def test_unknown_next_hops_are_dropped(bench: Bench):
    stranger = Goal()
    await stranger.start()
    bench.send(bench.packet(b"leak", next_hop=stranger.address))
    await bench.until("unknown_next_hop")
    assert stranger.connections == 0
    stranger.server.close()


async def test_packets_that_end_here_or_are_for_another_key_are_dropped(bench: Bench):
    own_hop = RouteHop(bench.node.address, bench.node.keyring.current.public)
    final = build_packet(
        CRYPTO,
        RANDOM,
        route=[own_hop],
        delays_ns=[0],
        destination=DESTINATION,
        message=b"for a client",
        size=PacketSize.REGULAR,
    )
    bench.send(final)
    await bench.until("not_a_gateway")
    forged = bytearray(bench.packet(b"forged"))
    forged[40] ^= 1
    bench.send(bytes(forged))
    await bench.until("sphinx.bad_mac")
    held = KeyRotation.from_rotation_id(bench.node.keyring.current.rotation_id)
    bench.send(bench.packet(b"expired"), rotation=KeyRotation.EVEN if held is KeyRotation.ODD else KeyRotation.ODD)
    await bench.until("no_key_for_rotation")
    assert bench.goal.frames.empty()
    bench.send(bench.packet(b"fine"))
    assert await bench.goal.message() == b"fine"


async def test_a_peer_that_is_away_gets_its_packets_later_and_a_full_queue_drops(bench: Bench):
    away = Goal()
    with refusing_port() as port:
        address = NodeAddress.from_text("127.0.0.1", port)
        bench.view.update([address])
        for number in range(5):
            bench.send(bench.packet(b"%d" % number, next_hop=address))
        await bench.until("outgoing_queue_full", 2)
        await away.start(port)
        assert [await away.message() for _ in range(3)] == [b"0", b"1", b"2"]
        away.server.close()


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(5000), b"\xff" * 10, b"\x08\x09\x00\x00", b"\x08\x01"]
)
async def test_garbage_costs_the_sender_its_connection_and_nobody_else(bench: Bench, garbage: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.node.address.port)
    writer.write(garbage)
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()
    bench.send(bench.packet(b"still here"))
    assert await bench.goal.message() == b"still here"


async def test_a_closed_node_listens_no_more(bench: Bench):
    port = bench.node.address.port
    await bench.node.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_what_comes_after_a_reset_waits_for_the_next_connection(caplog: pytest.LogCaptureFixture):
    loop = asyncio.get_running_loop()
    packets = [number.to_bytes(2, "big") + bytes(PacketSize.REGULAR.packet_length - 2) for number in range(21)]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        peer = NodeAddress.from_text("127.0.0.1", listening.getsockname()[1])
        metrics = NodeMetrics("mix", "mix-node")
        outgoing = Outgoing(NetworkView([peer]), metrics)
        outgoing.send(peer, packets[0], KeyRotation.ODD)
        first, _ = await loop.sock_accept(listening)
        await until(lambda: metrics.forwarded == 1)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()
        # The event loop has not looked at the socket since; the first write finds the reset.
        for packet in packets[1:]:
            outgoing.send(peer, packet, KeyRotation.ODD)

        second, _ = await loop.sock_accept(listening)
        with second:
            decoder, arrived = FrameDecoder(), []
            while len(arrived) < 20:
                arrived += decoder.feed(await loop.sock_recv(second, 65536))
        assert [frame.packet for frame in arrived] == packets[1:]
        assert not caplog.records
        await outgoing.close()
