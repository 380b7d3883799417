"""A mixnet in memory, on a virtual clock: real Sphinx processing, no sockets, no waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import NamedTuple, Protocol

from mix_protocol.addressing import KeyRotation, NodeAddress, Recipient
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom, uniform
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.acknowledgement import split_surb_ack
from mix_protocol.messages.pushed import wrap_sealed
from mix_protocol.sphinx.delays import hold_time_s
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.processing import ForwardPacket, SealedPacket, process_packet
from mix_protocol.topology.nodes import GatewayNode, MixNode
from mix_protocol.topology.topology import Topology

LINK_DELAY_S = 0.002
FIRST_ROTATION = 7


class Machine(Protocol):
    """Whatever the virtual clock drives."""

    def next_timeout(self) -> float | None: ...

    def handle_timeout(self, now: float) -> None: ...


class Passage(NamedTuple):
    """What a node knows of one packet: it came from `sender` (None for a client of its own) and goes to `receiver`
    (None again); `version` is what stands in the routing block that this node reads, if it reads one."""

    at: float
    node: NodeAddress
    sender: NodeAddress | None
    receiver: NodeAddress | None
    length: int
    version: int | None


class MemoryMixnet:
    """Mix nodes and gateways. Clients are callbacks that take what their gateway pushes.

    loss -- probability that a packet gets lost on a link between two nodes
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        nodes_per_layer: int = 2,
        gateways: int = 2,
        loss: float = 0.0,
        crypto: CryptoProvider | None = None,
    ) -> None:
        self.crypto = crypto or NativeCrypto()
        self.random = SeededRandom(f"memory mixnet {seed}")
        self.loss = loss
        self.hops_done = 0
        self.packets_lost = 0
        self.observe: Callable[[Passage], None] | None = None
        self.gateway_seeds: dict[bytes, bytes] = {}
        self._secrets: dict[tuple[NodeAddress, KeyRotation], bytes] = {}
        self._clients: dict[bytes, Callable[[bytes, float], None]] = {}
        self._events: list[tuple[float, int, NodeAddress, MixPacket, NodeAddress]] = []
        self._serial = 0
        self._standing: dict[NodeAddress, list[tuple[MixPacket, NodeAddress]]] = {}
        layers = tuple(
            tuple(self._add_mix_node(10 * layer + number) for number in range(nodes_per_layer)) for layer in (1, 2, 3)
        )
        nodes = [self._add_gateway(100 + number) for number in range(gateways)]
        self.gateways = tuple(node.identity for node in nodes)
        self.topology = Topology(
            layers=layers, gateways={node.identity: node for node in nodes}, rotation_id=FIRST_ROTATION, epoch_id=1
        )

    def rotate(self) -> None:
        """Begin the next key rotation: every node has a new key, and the old ones are good for packets on their way."""
        old = self.topology
        rotation_id = old.rotation_id + 1
        rotation = KeyRotation.from_rotation_id(rotation_id)
        keys = {}
        for address in dict.fromkeys(address for address, _ in self._secrets):  # a set's order is never the same
            self._secrets[address, rotation] = secret = self.random(32)
            keys[address] = self.crypto.x25519_public(secret)
        self.topology = Topology(
            layers=tuple(tuple(replace(node, sphinx_key=keys[node.address]) for node in layer) for layer in old.layers),
            gateways={name: replace(node, sphinx_key=keys[node.address]) for name, node in old.gateways.items()},
            rotation_id=rotation_id,
            epoch_id=old.epoch_id + 24,
        )

    def forget_old_keys(self) -> None:
        """End the overlap: packets for the rotation before are dropped from now on."""
        self._secrets = {key: secret for key, secret in self._secrets.items() if key[1] is self.topology.key_rotation}

    def stop(self, address: NodeAddress) -> None:
        """Let a node stand still; what is sent to it waits."""
        self._standing.setdefault(address, [])

    def go_on(self, address: NodeAddress, now: float) -> None:
        """Let a node go on that stood still."""
        for packet, sender in self._standing.pop(address):
            self._process(address, packet, sender, now)

    def kill(self, address: NodeAddress) -> None:
        """End a node: what is sent to it is lost."""
        self._secrets = {key: secret for key, secret in self._secrets.items() if key[0] != address}

    def new_recipient(self, gateway: bytes) -> tuple[Recipient, bytes]:
        """Make an address at a gateway, and the X25519 secret behind it."""
        secret = self.random(32)
        identity = self.crypto.ed25519_public(self.random(32))
        return Recipient(identity, self.crypto.x25519_public(secret), gateway), secret

    def attach(self, identity: bytes, receive: Callable[[bytes, float], None]) -> None:
        """Let a client's gateway push to it."""
        self._clients[identity] = receive

    def detach(self, identity: bytes) -> None:
        """Stop pushing to a client; what comes for it is lost."""
        self._clients.pop(identity, None)

    def send(self, packets: Iterable[MixPacket], now: float, gateway: bytes | None = None) -> None:
        """Take packets as a client's entry gateway does (the first one, if it is not told): they go to their first hop
        at once."""
        sender = self.topology.gateways[gateway or self.gateways[0]].address
        for packet in packets:
            self._note(now, sender, None, packet.first_hop, packet.packet)
            self._send_on(packet, now, sender)

    def next_timeout(self) -> float | None:
        return self._events[0][0] if self._events else None

    def handle_timeout(self, now: float) -> None:
        while self._events and self._events[0][0] <= now:
            at, _, address, packet, sender = heapq.heappop(self._events)
            if address in self._standing:
                self._standing[address].append((packet, sender))
                continue
            self._process(address, packet, sender, at)

    def _send_on(self, packet: MixPacket, now: float, sender: NodeAddress, hold_s: float = 0.0) -> None:
        if self.loss and uniform(self.random) < self.loss:
            self.packets_lost += 1
            return
        self._serial += 1
        heapq.heappush(self._events, (now + hold_s + LINK_DELAY_S, self._serial, packet.first_hop, packet, sender))

    def _process(self, address: NodeAddress, packet: MixPacket, sender: NodeAddress, now: float) -> None:
        secret = self._secrets.get((address, packet.key_rotation))
        if secret is None:
            self.packets_lost += 1
            return
        try:
            done = process_packet(self.crypto, secret, packet.packet)
        except PeerMisbehaved:
            self.packets_lost += 1
            return
        self.hops_done += 1
        if isinstance(done, ForwardPacket):
            onward = MixPacket(done.next_hop, done.packet, packet.key_rotation)
            self._note(now, address, sender, done.next_hop, packet.packet, done.version)
            self._send_on(onward, now, address, hold_time_s(done.delay_ns))
            return
        self._note(now, address, sender, None, packet.packet, done.version)
        if isinstance(done, SealedPacket):
            payload = wrap_sealed(done.surb_identifier, done.payload)
        elif len(packet.packet) == PacketSize.ACK.packet_length:
            payload = done.message
        else:
            ack, payload = split_surb_ack(done.message)
            self._note(now, address, None, ack.first_hop, ack.packet)
            self._send_on(MixPacket(ack.first_hop, ack.packet, packet.key_rotation), now, address)
        if (receive := self._clients.get(done.destination)) is not None:
            receive(payload, now)

    def _note(
        self,
        at: float,
        node: NodeAddress,
        sender: NodeAddress | None,
        receiver: NodeAddress | None,
        packet: bytes,
        version: int | None = None,
    ) -> None:
        if self.observe is not None:
            self.observe(Passage(at, node, sender, receiver, len(packet), version))

    def _add_mix_node(self, number: int) -> MixNode:
        return MixNode(number, self.random(32), *self._add_node(number))

    def _add_gateway(self, number: int) -> GatewayNode:
        seed = self.random(32)
        identity = self.crypto.ed25519_public(seed)
        self.gateway_seeds[identity] = seed
        return GatewayNode(number, identity, *self._add_node(number), ws_port=9000)

    def _add_node(self, number: int) -> tuple[bytes, NodeAddress]:
        secret = self.random(32)
        address = NodeAddress(IPv4Address(f"11.0.{number}.1"), 1789)
        self._secrets[address, KeyRotation.from_rotation_id(FIRST_ROTATION)] = secret
        return self.crypto.x25519_public(secret), address


def run_clock(
    machines: Iterable[Machine],
    *,
    until: Callable[[], bool],
    pump: Callable[[float], None],
    now: float = 0.0,
    limit_s: float = 600.0,
) -> float:
    """Drive machines from deadline to deadline until a condition holds; give the time at which it did.

    pump -- moves what the machines want to send, after every step
    """
    machines = tuple(machines)
    end = now + limit_s
    pump(now)
    while not until():
        deadlines = [deadline for machine in machines if (deadline := machine.next_timeout()) is not None]
        assert deadlines, "nothing is going to happen any more"
        now = max(now, min(deadlines))
        assert now <= end, f"not done after {limit_s} virtual seconds"
        for machine in machines:
            deadline = machine.next_timeout()
            if deadline is not None and deadline <= now:
                machine.handle_timeout(now)
        pump(now)
    return now
