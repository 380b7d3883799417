"""An exit gateway's IP packet router in the in-memory mixnet: real messages, SURBs and IPR, with any device behind."""

from __future__ import annotations

from typing import Protocol

from mix_protocol.ipr.router import IprRouter, RouterConfig
from mix_protocol.ipr.router_events import BalanceRequested, PacketForwarded
from mix_protocol.messages.nym_message import AdditionalSurbs, RepliableData
from mix_protocol.messages.preparation import MessagePreparer
from mix_protocol.messages.reception import AckReceived, MessageReceived, MessageReceiver
from mix_protocol.messages.reply_queue import ReplyQueue
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.topology.exits import ExitNode
from mix_protocol.topology.features import NodeFeature
from support.memory_mixnet import MemoryMixnet


class Internet(Protocol):
    """What is behind the exit: a device that takes packets for any address."""

    def receive_packet(self, packet: bytes, now: float) -> None: ...

    def packets_to_send(self, now: float) -> list[bytes]: ...

    def next_timeout(self) -> float | None: ...

    def handle_timeout(self, now: float) -> None: ...


class EchoInternet:
    """Sends every packet back with source and destination exchanged (checksums stay right)."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self._back: list[bytes] = []

    def receive_packet(self, packet: bytes, now: float) -> None:
        self.received.append(packet)
        self._back.append(packet[:12] + packet[16:20] + packet[12:16] + packet[20:])

    def packets_to_send(self, now: float) -> list[bytes]:
        packets, self._back = self._back, []
        return packets

    def next_timeout(self) -> float | None:
        return None

    def handle_timeout(self, now: float) -> None:
        pass


class MemoryExit:
    """An exit at one gateway of a `MemoryMixnet`."""

    def __init__(
        self,
        network: MemoryMixnet,
        internet: Internet,
        *,
        gateway: int = 1,
        ipr_version: int = 10,
        config: RouterConfig | None = None,
        features: frozenset[NodeFeature] = frozenset(NodeFeature),
    ) -> None:
        self.network = network
        self.internet = internet
        self.recipient, secret = network.new_recipient(network.gateways[gateway])
        self.node = ExitNode(self.recipient, "1.37.0", ipr_version, 100, features)
        self.is_deaf = False
        self._config = config
        self._secret = secret
        self._ack_key = network.random(16)
        self.restart()
        network.attach(self.recipient.identity, self.receive)

    def restart(self) -> None:
        """Forget every client and every reply SURB; keys and address stay."""
        network = self.network
        self.router = IprRouter(network.random, self._config)
        self._preparer = MessagePreparer(
            network.crypto, network.random, self.recipient, self._ack_key, topology=network.topology
        )
        self.replies = ReplyQueue(self._preparer, network.random)
        self._receiver = MessageReceiver(network.crypto, self._secret, self._ack_key)

    def learn_rotation(self, now: float, *, epoch_s: float = 3600.0) -> None:
        """Read the network's directory after a key rotation."""
        topology = self._preparer.topology = self.network.topology
        self.replies.set_rotation(RotationPeriod(topology.rotation_id, now, epoch_s, 24), now)
        self.pump(now)

    def receive(self, payload: bytes, now: float) -> None:
        self._receiver.receive_pushed(payload, now)
        while (event := self._receiver.next_event()) is not None:
            match event:
                case AckReceived(identifier, ack_iv):
                    self.replies.acknowledge(identifier, ack_iv, now)
                case MessageReceived(RepliableData(tag, surbs, data)):
                    self.replies.receive_surbs(tag, surbs, now)
                    if not self.is_deaf:
                        self.router.receive_message(tag, data, now)
                case MessageReceived(AdditionalSurbs(tag, surbs)):
                    self.replies.receive_surbs(tag, surbs, now, requested=True)
                case _:
                    pass
        self.pump(now)

    def pump(self, now: float) -> None:
        """Move packets between router, internet and mixnet until nothing moves."""
        while (event := self.router.next_event()) is not None:
            if isinstance(event, PacketForwarded):
                self.internet.receive_packet(event.packet, now)
            elif isinstance(event, BalanceRequested):
                self.replies.balance(event.sender_tag, now)
        for packet in self.internet.packets_to_send(now):
            self.router.receive_ip_packet(packet, now)
        for tag, reply, is_control in self.router.replies_to_send(now):
            self.replies.queue_reply(tag, reply, now, max_retransmissions=3 if is_control else 0)
        packets = (prepared.packet for prepared in self.replies.packets_to_send(now))
        self.network.send(packets, now, self.recipient.gateway)

    def next_timeout(self) -> float | None:
        parts = (self.router, self.replies, self.internet)
        return min((at for part in parts if (at := part.next_timeout()) is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        for part in (self.router, self.replies, self.internet):
            deadline = part.next_timeout()
            if deadline is not None and deadline <= now:
                part.handle_timeout(now)
        self.pump(now)
