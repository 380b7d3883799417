"""Clients with something to ask for, and exits that answer: the product's machines, and what people do with them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from mix_protocol.addressing import Recipient
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom, choose, exponential
from mix_protocol.messages.nym_message import AdditionalSurbs, RepliableData
from mix_protocol.messages.preparation import MessagePreparer
from mix_protocol.messages.reception import AckReceived, MessageReceived, MessageReceiver
from mix_protocol.messages.reply_queue import ReplyQueue
from mix_protocol.topology.topology import Topology
from mix_tunnel.mixnet.client import MixnetClient
from mix_tunnel.mixnet.events import DataReceived
from mix_tunnel.mixnet.surb_budget import balanced_surbs
from mix_tunnel.mixnet.traffic import TrafficConfig
from research.anonymity.network import LINK_S, Network
from research.anonymity.population import Member
from research.anonymity.trace import FROM_NODE

_ORDER: Final = struct.Struct(">dI")
_LEAST_ANSWER: Final = _ORDER.size
_RESERVE: Final = 10
"""Ways back that an exit keeps to ask for more."""
_FRAGMENT_BYTES: Final = 1_900
PIECE_BYTES: Final = 3 * _FRAGMENT_BYTES
"""A download is asked for in pieces of three packets: about what TCP's acknowledgements bring."""
_PIECES_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Habits:
    """What a client does.

    requests_per_s -- on average, at random times
    request_bytes, answer_bytes -- how long each is
    active_share -- of the clients; the others ask for nothing
    """

    requests_per_s: float = 0.5
    request_bytes: int = 600
    answer_bytes: int = 6_000
    active_share: float = 0.2


@dataclass
class Seen:
    """What came of one client's doings; times are seconds.

    requests_s -- from asking until the request was at the exit
    answers_s -- from asking until the whole answer was there
    pushed_at -- when whole packets, of replies and cover, came from the gateway
    """

    requests_s: list[float]
    answers_s: list[float]
    pushed_at: list[float]


class Exit:
    """An exit's service: reads what comes for it and answers on reply SURBs."""

    def __init__(self, crypto: CryptoProvider, network: Network, member: Member, topology: Topology) -> None:
        random = SeededRandom(f"exit {member.number}")
        secret, ack_key = random(32), random(16)
        identity = crypto.ed25519_public(random(32))
        self.recipient = Recipient(identity, crypto.x25519_public(secret), member.identity)
        self.balances = False
        self.requests: list[tuple[float, float]] = []
        self._network = network
        self._receiver = MessageReceiver(crypto, secret, ack_key)
        preparer = MessagePreparer(crypto, random, self.recipient, ack_key, topology=topology)
        self._replies = ReplyQueue(preparer, random)
        self._woken_at = float("inf")
        network.connect(member, identity, self)

    def push(self, payload: bytes, *, is_kept: bool = False) -> bool:
        """Take what the gateway gives."""
        now = self._network.clock.now
        self._receiver.receive_pushed(payload, now)
        while (event := self._receiver.next_event()) is not None:
            match event:
                case AckReceived(identifier, ack_iv):
                    self._replies.acknowledge(identifier, ack_iv, now)
                case MessageReceived(RepliableData(tag, surbs, data)):
                    self._replies.receive_surbs(tag, surbs, now)
                    if self.balances:
                        self._replies.balance(tag, now)
                    if len(data) >= _ORDER.size:
                        self._answer(tag, data, now)
                case MessageReceived(AdditionalSurbs(tag, surbs)):
                    self._replies.receive_surbs(tag, surbs, now, requested=True)
                case _:
                    pass
        self._send()
        return True

    def _answer(self, tag: bytes, data: bytes, now: float) -> None:
        asked_at, length = _ORDER.unpack_from(data)
        self.requests.append((asked_at, now))
        self._replies.queue_reply(tag, data[: _ORDER.size].ljust(length, b"\0"), now)

    def _send(self) -> None:
        clock = self._network.clock
        for prepared in self._replies.packets_to_send(clock.now):
            self._network.enter(prepared.packet, FROM_NODE)
        due = self._replies.next_timeout()
        if due is not None and due < self._woken_at:
            self._woken_at = max(due, clock.now)
            clock.at(self._woken_at, self._wake)

    def _wake(self) -> None:
        now = self._network.clock.now
        if now < self._woken_at:
            return
        self._woken_at = float("inf")
        due = self._replies.next_timeout()
        if due is not None and due <= now:
            self._replies.handle_timeout(now)
        self._send()


class Client:
    """A client at an entry gateway, who talks with one exit."""

    def __init__(
        self,
        crypto: CryptoProvider,
        network: Network,
        topology: Topology,
        number: int,
        *,
        gateway: Member,
        way_out: Exit,
        config: TrafficConfig,
        balances: bool,
        seed: int,
    ) -> None:
        self._random = random = SeededRandom(f"client {number} {seed}")
        self._network = network
        self._number = number
        self._exit = way_out
        self._balances = balances
        self._woken_at = float("inf")
        self._has_asked = False
        self._pieces = 0
        self.gateway = gateway
        self.seen = Seen([], [], [])
        secret = random(32)
        own = Recipient(crypto.ed25519_public(random(32)), crypto.x25519_public(secret), gateway.identity)
        self._client = MixnetClient(
            crypto,
            random,
            own=own,
            encryption_secret=secret,
            ack_key=random(16),
            topology=topology,
            now=network.clock.now,
            config=config,
        )
        self._client.seals_replies = balances
        self._client.talk_with(way_out.recipient.gateway)
        network.connect(gateway, own.identity, self)
        if balances:
            self._client.send_message(b"", way_out.recipient, network.clock.now, surbs=1)
            self._client.pull_from(way_out.recipient, b"")
        self._arm()

    def live(self, habits: Habits) -> None:
        """Ask for things from now on, at random times."""
        wait_s = exponential(self._random, 1.0 / habits.requests_per_s)
        self._network.clock.at(self._network.clock.now + wait_s, self._live_on, habits)

    def ask(self, request_bytes: int, answer_bytes: int) -> None:
        """Ask the exit for something now."""
        now = self._network.clock.now
        data = _ORDER.pack(now, max(answer_bytes, _LEAST_ANSWER)).ljust(request_bytes, b"\0")
        if self._balances:
            surbs = balanced_surbs(len(data))
        else:
            surbs = -(-answer_bytes // _FRAGMENT_BYTES) + (0 if self._has_asked else _RESERVE)
            self._has_asked = True
        self._client.send_message(data, self._exit.recipient, now, surbs=surbs)
        self._step()

    def download(self, length: int) -> None:
        """Ask for so many bytes, some pieces at a time."""
        self._pieces = -(-length // PIECE_BYTES)
        for _ in range(_PIECES_AT_ONCE):
            self._ask_for_piece()

    def _ask_for_piece(self) -> None:
        if self._pieces:
            self._pieces -= 1
            self.ask(60, PIECE_BYTES - 100)

    def push(self, payload: bytes, *, is_kept: bool = False) -> bool:
        """Take what the gateway gives, when it has come over the link."""
        self._network.clock.at(self._network.clock.now + LINK_S, self._receive, payload)
        return True

    def _live_on(self, habits: Habits) -> None:
        self.ask(habits.request_bytes, habits.answer_bytes)
        self.live(habits)

    def _receive(self, payload: bytes) -> None:
        now = self._network.clock.now
        if len(payload) > 1000:
            self.seen.pushed_at.append(now)
        self._client.receive_pushed(payload, now)
        while (event := self._client.next_event()) is not None:
            if isinstance(event, DataReceived):
                asked_at, _ = _ORDER.unpack_from(event.data)
                self.seen.answers_s.append(now - asked_at)
                self._ask_for_piece()
        self._step()

    def _step(self) -> None:
        now = self._network.clock.now
        due = self._client.next_timeout()
        if due is not None and due <= now:
            self._client.handle_timeout(now)
        for packet in self._client.packets_to_send(now):
            self._network.clock.at(now + LINK_S, self._network.enter, packet, self._number)
        self._arm()

    def _arm(self) -> None:
        due = self._client.next_timeout()
        if due is not None and due < self._woken_at:
            self._woken_at = max(due, self._network.clock.now)
            self._network.clock.at(self._woken_at, self._wake)

    def _wake(self) -> None:
        if self._network.clock.now < self._woken_at:
            return
        self._woken_at = float("inf")
        self._step()


def choose_gateway(members: tuple[Member, ...], number: int, seed: int) -> Member:
    """Where a client lives, or talks to: at any, as clients choose."""
    return choose(SeededRandom(f"gateway of {number} {seed}"), members)
