"""Opens a packet as one node: derives the keys shared with the sender, checks the header, takes the layer off."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.crypto.compiled_sphinx import LayerTaken
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx import lioness
from mix_protocol.sphinx.errors import BadMac
from mix_protocol.sphinx.geometry import (
    FINAL_META_LENGTH,
    FLAG_LENGTH,
    FORWARD_META_LENGTH,
    HEADER_LENGTH,
    META_LENGTH,
    POINT_LENGTH,
    ROUTING_OFFSET,
    ROUTING_STEP_LENGTH,
    PacketSize,
)
from mix_protocol.sphinx.keys import HopKeys, expand_shared_secret
from mix_protocol.sphinx.layer import FinalPacket, ForwardPacket, SealedPacket, read_layer
from mix_protocol.sphinx.routing import FINAL_FLAG, FORWARD_FLAG, routing_mac

_STEP_ZEROS: Final = bytes(ROUTING_STEP_LENGTH)


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

    def take_layer(self) -> LayerTaken:
        """Take off this hop's layer; raises `InvalidPublicKey`."""
        crypto, keys, packet = self._crypto, self._keys, self._packet
        block = crypto.aes128_ctr(keys.stream_key, packet[ROUTING_OFFSET:HEADER_LENGTH] + _STEP_ZEROS)
        flag, version = block[0], int.from_bytes(block[FLAG_LENGTH:META_LENGTH], "big")
        if flag not in (FORWARD_FLAG, FINAL_FLAG):
            return keys.replay_tag, block[:FINAL_META_LENGTH], b""
        payload = lioness.decrypt(crypto, keys.payload_key(crypto, version), packet[HEADER_LENGTH:])
        if flag == FINAL_FLAG:
            return keys.replay_tag, block[:FINAL_META_LENGTH], payload
        alpha = crypto.x25519(keys.blinding_factor, packet[:POINT_LENGTH])
        return keys.replay_tag, block[:FORWARD_META_LENGTH], alpha + block[FORWARD_META_LENGTH:] + payload

    def process(self) -> ForwardPacket | FinalPacket | SealedPacket:
        """Take off this hop's layer and read what is under it; raises what `take_layer` and `read_layer` raise."""
        return read_layer(self.take_layer())


def open_header(crypto: CryptoProvider, node_secret: bytes, packet: bytes) -> OpenedHeader:
    """Derive this hop's keys from its X25519 secret and check the header's MAC.

    Raises `UnknownPacketSize`, `BadMac` or `InvalidPublicKey`.
    """
    PacketSize.from_packet_length(len(packet))
    keys = expand_shared_secret(crypto, crypto.x25519(node_secret, packet[:POINT_LENGTH]))
    mac = routing_mac(crypto, keys.mac_key, packet[ROUTING_OFFSET:HEADER_LENGTH])
    if not hmac.compare_digest(mac, packet[POINT_LENGTH:ROUTING_OFFSET]):
        raise BadMac()
    return OpenedHeader(crypto, keys, packet)
