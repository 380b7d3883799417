"""Which links with other nodes are encrypted, and the handshake of those that this node opens.

Nym spec, Noise between nodes: each side decides alone, by the IP address of the other one. Who announces a key is
spoken to by Noise, everybody else in the clear; nothing is tried out and nothing falls back.
"""

from __future__ import annotations

import asyncio
import os
from ipaddress import ip_address
from typing import cast

from mix_network.network_view import NetworkView
from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.noise.link import NoiseLink


class NoiseLinks:
    """One node's links.

    secret -- its static X25519 key; None for a node that announces none, and then speaks to everybody in the clear
    """

    def __init__(
        self, crypto: CryptoProvider, view: NetworkView, secret: bytes | None, random: RandomBytes = os.urandom
    ) -> None:
        self._crypto = crypto
        self._view = view
        self._secret = secret
        self._random = random

    def to_node(self, address: NodeAddress) -> NoiseLink | None:
        """This end of a link to a node, or None for a plain one. Raises `InvalidPublicKey`, of the other's key."""
        key = self._view.noise_key(address)
        if self._secret is None or key is None:
            return None
        return NoiseLink.initiate(self._crypto, self._random, self._secret, key)

    def from_peer(self, ip: str | None) -> NoiseLink | None:
        """This end of a link from an IP address, or None for a plain one; `ip` is None if it is not known any more."""
        if self._secret is None or (ip is not None and not self._view.announces_noise(ip_address(ip))):
            return None
        return NoiseLink.respond(self._crypto, self._random, self._secret)


class NoiseInitiator(asyncio.Protocol):
    """Shakes hands on a connection before anybody else uses it.

    finished -- done with the handshake, or failed with the connection or what the other side sent
    """

    def __init__(self, link: NoiseLink) -> None:
        self._link = link
        self._transport: asyncio.WriteTransport | None = None
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.write(self._link.data_to_send())

    def data_received(self, data: bytes) -> None:
        if self.finished.done() or self._transport is None:
            return
        try:
            self._link.receive(data)
        except Exception as error:
            self._fail(error)
            return
        answer = self._link.data_to_send()
        if answer:
            self._transport.write(answer)
        if self._link.is_ready:
            self.finished.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            self._fail(error or ConnectionResetError())

    def _fail(self, error: Exception) -> None:
        self.finished.set_exception(error)
        self.finished.exception()  # it is no surprise where nobody waits any more
