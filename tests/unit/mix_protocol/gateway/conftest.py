"""A client and a gateway with known keys, and the WebSocket frames between them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.gateway.client import GatewayClient, GatewayClientConfig
from mix_protocol.gateway.events import ClientEvent, SessionEvent
from mix_protocol.gateway.registry import ClientRegistry
from mix_protocol.gateway.server import GatewaySession, GatewaySessionConfig
from mix_protocol.sphinx.mix_packet import MixPacket

UNIX = 1_800_000_000.0  # `now` 0 is this moment, a quarter past noon in January 2027

PACKET = MixPacket(NodeAddress.from_text("10.1.0.11", 1789), bytes(range(256)) * 9 + bytes(109), KeyRotation.ODD)

Frame = str | bytes


@dataclass
class Connection:
    """One WebSocket: frames arrive at once, unless `tamper` changes or (None) swallows them."""

    client: GatewayClient
    session: GatewaySession
    now: float = 0.0
    to_gateway: Callable[[Frame], Frame | None] = lambda frame: frame
    to_client: Callable[[Frame], Frame | None] = lambda frame: frame
    said: list[tuple[str, Frame]] = field(default_factory=list)
    client_events: list[ClientEvent] = field(default_factory=list)
    session_events: list[SessionEvent] = field(default_factory=list)

    def exchange(self) -> None:
        for _ in range(8):
            for frame in self.client.frames_to_send(self.now):
                self.said.append(("C", frame))
                self._deliver(self.session, self.to_gateway(frame))
            for frame in self.session.frames_to_send(self.now):
                self.said.append(("S", frame))
                self._deliver(self.client, self.to_client(frame))
        while (event := self.client.next_event()) is not None:
            self.client_events.append(event)
        while (happened := self.session.next_event()) is not None:
            self.session_events.append(happened)

    def _deliver(self, side: GatewayClient | GatewaySession, frame: Frame | None) -> None:
        if isinstance(frame, str):
            side.receive_text(frame, self.now)
        elif frame is not None:
            side.receive_binary(frame, self.now)

    def start(self) -> "Connection":
        self.client.start(self.now)
        self.exchange()
        return self

    def take(self, kind):
        """The events of one kind so far, of either side."""
        return [event for event in (*self.client_events, *self.session_events) if isinstance(event, kind)]


@dataclass
class Gateway:
    """A gateway that outlives its connections, and one client's keys."""

    crypto: CryptoProvider
    random: SeededRandom
    gateway_seed: bytes
    client_seed: bytes
    registry: ClientRegistry = field(default_factory=ClientRegistry)

    @property
    def client_identity(self) -> bytes:
        return self.crypto.ed25519_public(self.client_seed)

    def connection(
        self,
        shared_key: bytes | None = None,
        *,
        now: float = 0.0,
        client_clock: float = UNIX,
        gateway_identity: bytes | None = None,
        client: GatewayClientConfig | None = None,
        session: GatewaySessionConfig | None = None,
    ) -> Connection:
        identity = gateway_identity or self.crypto.ed25519_public(self.gateway_seed)
        return Connection(
            GatewayClient(
                self.crypto,
                self.random,
                self.client_seed,
                identity,
                shared_key,
                unix_time_offset_s=client_clock,
                config=client,
            ),
            GatewaySession(
                self.crypto,
                self.random,
                self.gateway_seed,
                self.registry,
                now,
                unix_time_offset_s=UNIX,
                config=session,
            ),
            now,
        )

    def register(self) -> bytes:
        """Register the client; give the key."""
        connection = self.connection().start()
        return connection.client_events[0].shared_key


@pytest.fixture(scope="session")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


@pytest.fixture
def gateway(crypto: CryptoProvider) -> Gateway:
    random = SeededRandom("gateway")
    return Gateway(crypto, random, random(32), random(32))
