"""A tunnel's engine on a slow link that loses packets, a real exit and a host behind it, on a virtual clock.

Only the cryptography is for show (`PlainCrypto`), or long transfers would take long.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from mix_protocol.crypto.randomness import SeededRandom, uniform
from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.events import ExitConnected
from mix_protocol.messages.acknowledgement import ACK_LENGTH, decode_ack
from mix_protocol.messages.cover import is_cover
from mix_protocol.messages.geometry import CURVE_KEY_LENGTH
from mix_protocol.messages.preparation import PreparedPacket
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_tunnel.engine import TunnelEngine
from mix_tunnel.mixnet.outbox import OutgoingFragment
from mix_tunnel.mixnet.traffic import TrafficConfig
from support.memory_client import QUIET, new_client
from support.memory_exit import MemoryExit
from support.memory_internet import HOST, SINK, SOURCE, MemoryHost, pattern
from support.memory_mixnet import MemoryMixnet, run_clock
from support.plain_crypto import PlainCrypto

ACK_KEY = bytes(16)
PATIENCE_S = 3600.0


@dataclass
class Losses:
    """What the link lost: packets of ours with a fragment, their acknowledgements, other packets for us."""

    fragments: int = 0
    acks: int = 0
    replies: int = 0


class SlowLink:
    """Between the client and its gateway: half of the round trip each way, and a chance to lose each packet.

    Nothing overtakes, also not when the round trip becomes shorter: what is between the two is one TCP connection.

    round_trip_s -- by the time at which a packet enters
    """

    def __init__(self, network: MemoryMixnet, round_trip_s: Callable[[float], float], loss: float, seed: str) -> None:
        self.losses = Losses()
        self.push: Callable[[bytes, float], None] = lambda payload, now: None
        self.fragments: set[int] = set()
        self._network = network
        self._round_trip_s = round_trip_s
        self._loss = loss
        self._random = SeededRandom(seed)
        self._events: list[tuple[float, int, MixPacket | bytes]] = []
        self._serials = itertools.count()
        self._latest = {True: 0.0, False: 0.0}

    def send(self, packet: MixPacket, now: float) -> None:
        """Take a packet from the client."""
        is_fragment = id(packet) in self.fragments
        self.fragments.discard(id(packet))
        if self._is_lost():
            self.losses.fragments += is_fragment
        else:
            self._carry(packet, now)

    def pushed(self, payload: bytes, now: float) -> None:
        """Take what the gateway has for the client."""
        if not self._is_lost():
            self._carry(payload, now)
        elif len(payload) != ACK_LENGTH:
            self.losses.replies += not is_cover(payload[CURVE_KEY_LENGTH:])  # not encrypted: this is plain crypto
        elif not decode_ack(self._network.crypto, ACK_KEY, payload).is_cover:
            self.losses.acks += 1

    def next_timeout(self) -> float | None:
        return self._events[0][0] if self._events else None

    def handle_timeout(self, now: float) -> None:
        while self._events and self._events[0][0] <= now:
            _, _, item = heapq.heappop(self._events)
            if isinstance(item, MixPacket):
                self._network.send([item], now)
            else:
                self.push(item, now)

    def _is_lost(self) -> bool:
        return uniform(self._random) < self._loss

    def _carry(self, item: MixPacket | bytes, now: float) -> None:
        is_up = isinstance(item, MixPacket)
        at = self._latest[is_up] = max(self._latest[is_up], now + self._round_trip_s(now) / 2)
        heapq.heappush(self._events, (at, next(self._serials), item))


class SlowWorld:
    """A connected engine.

    cover -- whether packets leave at random times only, with the default rates, and cover among them
    """

    def __init__(
        self, round_trip_s: Callable[[float], float], loss: float, *, cover: bool, size: int, seed: str = "slow"
    ) -> None:
        self.network = MemoryMixnet(7, crypto=PlainCrypto())
        self.host = MemoryHost(source_bytes=size)
        self.exit = MemoryExit(self.network, self.host)
        self.link = SlowLink(self.network, round_trip_s, loss, f"{seed} {loss} {cover}")
        self.client = new_client(self.network, config=TrafficConfig() if cover else QUIET, ack_key=ACK_KEY)
        self._connections: list[TcpConnection] = []
        self._watch_fragments()
        self.engine = TunnelEngine(self.client, self.network.random, self._make_device)
        self.link.push = self.engine.receive_pushed
        self.network.attach(self.client.own.identity, self.link.pushed)
        self.now = 0.0
        self.engine.connect_exit(self.exit.node, IprConfig(), self.now)
        self.run(lambda: self.engine.is_connected)

    def _make_device(self, connected: ExitConnected) -> NetworkStack:
        self.stack = NetworkStack(self.network.random, addresses=(connected.ipv4, connected.ipv6), mtu_bytes=1420)
        return self.stack

    def _watch_fragments(self) -> None:
        outbox = self.client._outbox
        note = outbox.sent

        def sent(prepared: PreparedPacket, item: OutgoingFragment) -> None:
            self.link.fragments.add(id(prepared.packet))
            note(prepared, item)

        outbox.sent = sent  # type: ignore[method-assign]

    def run(self, until: Callable[[], bool]) -> None:
        """Let time pass until something holds."""
        parts = (self.engine, self.link, self.network, self.exit)
        self.now = run_clock(parts, until=until, pump=self._pump, now=self.now, limit_s=PATIENCE_S)

    def _pump(self, now: float) -> None:
        for packet in self.engine.packets_to_send(now):
            self.link.send(packet, now)
        while self.engine.next_event() is not None:
            pass

    def download(self) -> float:
        """Fetch all that the host's source gives; the seconds that it took."""
        began = self.now
        connection = self._connect(SOURCE)
        received = bytearray()
        expected = len(self.host.source)

        def is_done() -> bool:
            received.extend(connection.receive(1 << 20))
            assert connection.error is None
            return connection.at_eof

        self.run(is_done)
        assert received == pattern(expected)
        connection.close()
        return self.now - began

    def upload(self, data: bytes) -> float:
        """Send bytes and wait for the host's receipt; the seconds that it took."""
        began = self.now
        connection = self._connect(SINK)
        left = memoryview(data)

        def is_done() -> bool:
            nonlocal left
            if left:
                left = left[connection.send(left) :]
                if not left:
                    connection.close()
            assert connection.error is None
            return bool(connection.receivable)

        self.run(is_done)
        assert self.host.swallowed == data
        return self.now - began

    @property
    def segments_resent(self) -> int:
        """How many TCP segments either end has repeated."""
        ends = (*self._connections, *self.host.connections)
        return sum(connection.statistics.retransmitted_segments for connection in ends)

    def _connect(self, port: int) -> TcpConnection:
        connection = self.stack.connect_tcp((HOST, port), self.now)
        self._connections.append(connection)
        return connection
