"""A network on a virtual clock: the nodes' own mixing and delivery, and links that take a while."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Final

from mix_network.gateway.delivery import ConnectedClient, Delivery
from mix_network.gateway.inbox import Inbox
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixer import Mixer
from mix_network.mixnode.processing import PacketProcessor
from mix_network.node_keys import HeldKeys, SphinxKeyPair
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.mixwire.frames import NodeFrame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, SealedPacket
from research.anonymity.population import ROTATION, Member, Population
from research.anonymity.trace import FROM_NODE, Recorder

LINK_S: Final = 0.002
"""For a packet to come from one machine to the next."""


class Clock:
    """What is to be done when, in one thread and without waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self._serial = 0
        self._todo: list[tuple[float, int, Callable[..., None], Any]] = []

    def at(self, when: float, do: Callable[..., None], *arguments: Any) -> None:
        """Call `do` at `when`; things for the same moment are done in the order in which they were asked for."""
        self._serial += 1
        heapq.heappush(self._todo, (when, self._serial, do, arguments))

    def run(self, until: float) -> None:
        """Do all that is to be done up to `until`."""
        todo = self._todo
        while todo and todo[0][0] <= until:
            self.now, _, do, arguments = heapq.heappop(todo)
            do(*arguments)
        self.now = until


class Network:
    """All nodes. Whoever lives at a gateway is `connect`ed there and hands in packets by `enter`.

    record -- of the packets of regular size, which all data and cover have; those of acknowledgements look different
        and so are no company for them
    """

    def __init__(self, crypto: CryptoProvider, population: Population, clock: Clock, record: Recorder) -> None:
        self.clock = clock
        self.record = record
        self.nodes = {each.address: _Node(self, crypto, each) for each in population.members}

    def connect(self, gateway: Member, identity: bytes, client: ConnectedClient) -> None:
        """Let a gateway push to a client."""
        self.nodes[gateway.address].delivery.connect(identity, client)

    def enter(self, packet: MixPacket, maker: int) -> None:
        """Take a packet as its maker's gateway does, which sends it to its first hop at once.

        maker -- a client's number, or `FROM_NODE`
        """
        self.send(packet.first_hop, packet.packet, packet.key_rotation, maker)

    def send(self, hop: NodeAddress, packet: bytes, rotation: KeyRotation, maker: int = FROM_NODE) -> None:
        """Send a new packet to its first hop."""
        number = self.record.made(maker, self.clock.now) if len(packet) == PacketSize.REGULAR.packet_length else None
        self.pass_on(hop, packet, rotation, number)

    def pass_on(self, hop: NodeAddress, packet: bytes, rotation: KeyRotation, number: int | None) -> None:
        """Send a packet to its next hop.

        number -- in the record; None if it is not recorded
        """
        self.clock.at(self.clock.now + LINK_S, self.nodes[hop].receive, NodeFrame(packet, rotation), number)

    @property
    def dropped(self) -> int:
        """How many packets nodes have thrown away, for whatever reason."""
        return sum(sum(node.metrics.dropped.values()) for node in self.nodes.values())


class _Node:
    def __init__(self, network: Network, crypto: CryptoProvider, member: Member) -> None:
        self._network = network
        self._number = member.number
        self._numbers: dict[int, int | None] = {}  # of packets that are held, by identity of the object
        self._woken_at = float("inf")
        self.metrics = metrics = NodeMetrics(f"node-{member.number}", "mix-node")
        keys = HeldKeys([SphinxKeyPair(ROTATION, member.secret, member.public)])
        self._mixer = Mixer(PacketProcessor(crypto, keys, metrics), metrics, mixes=True)
        self.delivery = Delivery(
            metrics,
            Inbox(),
            send=network.send,
            is_known=lambda identity: False,
            clock=lambda: network.clock.now,
        )

    def receive(self, frame: NodeFrame, number: int | None) -> None:
        now = self._network.clock.now
        (outcome,) = self._mixer.receive((frame,), now)
        if isinstance(outcome, ForwardPacket):
            self._numbers[id(outcome.packet)] = number
            if number is not None:
                self._network.record.came(number, self._number, now)
            self._wake()
        elif isinstance(outcome, FinalPacket | SealedPacket):
            if number is not None:
                self._network.record.came_to_its_end(number, self._number, now)
            size = PacketSize.from_packet_length(len(frame.packet))
            self.delivery.receive_final(outcome, size, frame.key_rotation)

    def _wake(self) -> None:
        due = self._mixer.next_timeout()
        if due is not None and due < self._woken_at:
            self._woken_at = due
            self._network.clock.at(due, self._release)

    def _release(self) -> None:
        now = self._network.clock.now
        if now < self._woken_at:
            return
        self._woken_at = float("inf")
        for held in self._mixer.release(now):
            number = self._numbers.pop(id(held.packet))
            if number is not None:
                self._network.record.left(number, self._number, now)
            self._network.pass_on(held.next_hop, held.packet, held.key_rotation, number)
        self._wake()
