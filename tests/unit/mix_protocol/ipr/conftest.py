"""A client and a router of one exit, and the messages between them on a virtual clock."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.ipr.client import IprClient, IprConfig
from mix_protocol.ipr.events import ExitConnected, IprEvent
from mix_protocol.ipr.router import IprRouter, RouterConfig
from mix_protocol.ipr.router_events import RouterEvent

TAG = b"a sender's tag!!"


def ip_packet(source: str | IPv4Address | IPv6Address, destination: str, size: int = 40) -> bytes:
    """A UDP packet of `size` bytes; what routers look at is right, checksums are not."""
    start, end = ip_address(source), ip_address(destination)
    if start.version == 4:
        header = b"\x45\0" + size.to_bytes(2, "big") + b"\0\0\x40\0\x40\x11\0\0" + start.packed + end.packed
    else:
        header = b"\x60\0\0\0" + (size - 40).to_bytes(2, "big") + b"\x11\x40" + start.packed + end.packed
    return header.ljust(size, b"\xaa")


@dataclass
class Pair:
    """One client and one router; messages arrive at once unless they are cut."""

    client: IprClient
    router: IprRouter
    now: float = 0.0
    cut_requests: bool = False
    cut_replies: bool = False
    surbs: list[int] = field(default_factory=list)
    router_events: list[RouterEvent] = field(default_factory=list)
    client_events: list[IprEvent] = field(default_factory=list)

    def exchange(self) -> None:
        for _ in range(3):
            for message in self.client.messages_to_send(self.now):
                self.surbs.append(message.reply_surbs)
                if not self.cut_requests:
                    self.router.receive_message(TAG, message.payload, self.now)
            for tag, reply, _ in self.router.replies_to_send(self.now):
                assert tag == TAG
                if not self.cut_replies:
                    self.client.receive_message(reply, self.now)
        while (event := self.router.next_event()) is not None:
            self.router_events.append(event)
        while (received := self.client.next_event()) is not None:
            self.client_events.append(received)

    def run_until(self, end: float) -> None:
        """Let time pass, with every timer of both sides."""
        while True:
            self.exchange()
            timeouts = [t for t in (self.client.next_timeout(), self.router.next_timeout()) if t is not None]
            moment = min(timeouts, default=end)
            if moment > end:
                break
            self.now = max(self.now, moment)
            self.client.handle_timeout(self.now)
            self.router.handle_timeout(self.now)
            if self.now >= end:
                break
        self.now = end
        self.exchange()

    def connect(self) -> ExitConnected:
        self.client.connect(self.now)
        self.exchange()
        return next(e for e in reversed(self.client_events) if isinstance(e, ExitConnected))

    def take(self, kind):
        """The events of one kind so far, of either side."""
        return [event for event in (*self.client_events, *self.router_events) if isinstance(event, kind)]


@pytest.fixture
def make_pair():
    def make(version: int = 9, config: IprConfig | None = None, router: RouterConfig | None = None) -> Pair:
        client = IprClient(
            SeededRandom("client"), ipr_version=version, answers_echo=True, config=config, unix_time_offset_s=1.8e9
        )
        return Pair(client, IprRouter(SeededRandom("router"), router))

    return make


@pytest.fixture
def pair(make_pair) -> Pair:
    return make_pair()
