"""A tunnel's engine beside an exit in memory, for whoever wants to say anything to it."""

from __future__ import annotations

from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.events import ExitConnected
from mix_protocol.messages.geometry import fragment_length
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.sphinx.geometry import PacketSize
from mix_tunnel.engine import TunnelEngine
from support.memory_client import new_client
from support.memory_exit import EchoInternet, MemoryExit
from support.memory_mixnet import MemoryMixnet, run_clock

ROOM = fragment_length(PacketSize.REGULAR)


class ConnectedEngine:
    """An engine that is connected to an exit, which may say anything by `reply`. Time stands still at `now`."""

    def __init__(self) -> None:
        self.network = MemoryMixnet(1)
        self.exit = MemoryExit(self.network, EchoInternet())
        mixnet = new_client(self.network, ack_key=bytes(16))
        self.engine = TunnelEngine(mixnet, self.network.random, self._make_stack)
        self.network.attach(mixnet.own.identity, self.engine.receive_pushed)
        self.engine.connect_exit(self.exit.node, IprConfig(), 0.0)
        self.now = run_clock(
            (self.engine, self.network, self.exit), until=lambda: self.engine.is_connected, pump=self._pump
        )

    def _make_stack(self, connected: ExitConnected) -> NetworkStack:
        return NetworkStack(self.network.random, addresses=(connected.ipv4, connected.ipv6))

    def _pump(self, now: float) -> None:
        self.network.send(self.engine.packets_to_send(now), now)

    def reply(self, fragment: bytes) -> None:
        """Let the exit send one fragment, filled up or cut to its length, by one of our SURBs."""
        surb = self.engine.mixnet._preparer.make_reply_surb()
        digest = surb.digest(self.network.crypto)
        self.engine.mixnet._receiver.remember_surb_key(digest, surb.encryption_key, self.now)
        sealed = self.network.crypto.aes128_ctr(surb.encryption_key, fragment[:ROOM].ljust(ROOM, b"\0"))
        self.engine.receive_pushed(digest + sealed, self.now)
