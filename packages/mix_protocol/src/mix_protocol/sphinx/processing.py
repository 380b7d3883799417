"""What a node does with a packet: check its header, then take off one layer."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx import lioness
from mix_protocol.sphinx.errors import BadMac, BadPayload
from mix_protocol.sphinx.geometry import (
    HEADER_LENGTH,
    MAC_LENGTH,
    POINT_LENGTH,
    ROUTING_STEP_LENGTH,
    PacketSize,
)
from mix_protocol.sphinx.header import NO_IDENTIFIER
from mix_protocol.sphinx.keys import HopKeys, expand_shared_secret
from mix_protocol.sphinx.payload import unpad_message
from mix_protocol.sphinx.routing import ForwardRouting, decode_routing, routing_mac
from mix_protocol.sphinx.version import SphinxVersion

_ROUTING_OFFSET: Final = POINT_LENGTH + MAC_LENGTH
_STEP_ZEROS: Final = bytes(ROUTING_STEP_LENGTH)


@dataclass(frozen=True, slots=True)
class ForwardPacket:
    """A packet to send on: `packet` goes to `next_hop` once it has been held for `delay_ns` nanoseconds."""

    next_hop: NodeAddress
    delay_ns: int
    packet: bytes = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class FinalPacket:
    """A packet that ends here: `message` is for the client whose identity is `destination` (32 bytes)."""

    destination: bytes = field(repr=False)
    surb_identifier: bytes
    message: bytes = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class SealedPacket:
    """A reply that ends here and that only its receiver can open, by the identifier of the SURB that it came on."""

    destination: bytes = field(repr=False)
    surb_identifier: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class OpenedHeader:
    """A packet whose header is authentic; look its `replay_tag` up before `process()`."""

    _crypto: CryptoProvider = field(repr=False)
    _keys: HopKeys = field(repr=False)
    _packet: bytes = field(repr=False)

    @property
    def replay_tag(self) -> bytes:
        """32 bytes that repeat if and only if the header does."""
        return self._keys.replay_tag

    def process(self) -> ForwardPacket | FinalPacket | SealedPacket:
        """Take off this hop's layer.

        Raises `UnknownRoutingFlag`, `MalformedNodeAddress`, `BadPayload` (at the last hop) or `InvalidPublicKey`.
        """
        crypto, keys, packet = self._crypto, self._keys, self._packet
        block = crypto.aes128_ctr(keys.stream_key, packet[_ROUTING_OFFSET:HEADER_LENGTH] + _STEP_ZEROS)
        routing = decode_routing(block)
        payload = lioness.decrypt(crypto, keys.payload_key(crypto, routing.version), packet[HEADER_LENGTH:])
        if isinstance(routing, ForwardRouting):
            alpha = crypto.x25519(keys.blinding_factor, packet[:POINT_LENGTH])
            onward = b"".join((alpha, routing.mac, routing.routing, payload))
            return ForwardPacket(routing.next_hop, routing.delay_ns, onward, routing.version)
        destination, identifier, version = routing.destination, routing.surb_identifier, routing.version
        try:
            return FinalPacket(destination, identifier, unpad_message(payload), version)
        except BadPayload:
            if version != SphinxVersion.LAST_SEED or identifier == NO_IDENTIFIER:
                raise
            return SealedPacket(destination, identifier, payload, version)


def open_header(crypto: CryptoProvider, node_secret: bytes, packet: bytes) -> OpenedHeader:
    """Derive this hop's keys from its X25519 secret and check the header's MAC.

    Raises `UnknownPacketSize`, `BadMac` or `InvalidPublicKey`.
    """
    PacketSize.from_packet_length(len(packet))
    keys = expand_shared_secret(crypto, crypto.x25519(node_secret, packet[:POINT_LENGTH]))
    mac = routing_mac(crypto, keys.mac_key, packet[_ROUTING_OFFSET:HEADER_LENGTH])
    if not hmac.compare_digest(mac, packet[POINT_LENGTH:_ROUTING_OFFSET]):
        raise BadMac()
    return OpenedHeader(crypto, keys, packet)


def process_packet(
    crypto: CryptoProvider, node_secret: bytes, packet: bytes
) -> ForwardPacket | FinalPacket | SealedPacket:
    """Open and process a packet without a look at its replay tag; raises what the two steps raise."""
    return open_header(crypto, node_secret, packet).process()
