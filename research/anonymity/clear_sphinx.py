"""Sphinx without its cryptography: packets of the same lengths that say in the clear what each hop is to read.

It stands where a provider has its compiled core, so that clients, gateways and nodes run unchanged, and draws nothing
at random either: with the same seeds the same packets take the same routes, as tests compare.
"""

from __future__ import annotations

from collections.abc import Sequence

from support.plain_crypto import PlainCrypto

from mix_protocol.crypto.compiled_sphinx import HeaderRequest, LayerTaken, PacketRequest
from mix_protocol.sphinx.core import CARRIES_NOTHING
from mix_protocol.sphinx.geometry import (
    FINAL_META_LENGTH,
    FORWARD_META_LENGTH,
    HEADER_LENGTH,
    PAYLOAD_SEED_LENGTH,
    POINT_LENGTH,
    PacketSize,
)

_KEY_PREFIX = 8
_HOPS, _AT, _SECRET = 0, 1, slice(2, 2 + POINT_LENGTH)
_KEYS_AT = 2 + POINT_LENGTH
_LENGTHS = frozenset(size.packet_length for size in PacketSize)
_SHARED = bytes(POINT_LENGTH)


class ClearSphinx:
    """What a compiled core offers. A header is `hops | hop reached | secret | starts of the nodes' keys | blocks`."""

    BAD_LENGTH = 1
    BAD_KEY = 2
    BAD_MAC = 3

    def build_headers(self, requests: Sequence[HeaderRequest]) -> list[tuple[bytes, bytes] | None]:
        return [(_header(*request), self._seeds(request)) for request in requests]

    def build_packets(self, requests: Sequence[PacketRequest]) -> list[bytes | None]:
        packets: list[bytes | None] = []
        for node_keys, metas, secret, padding, _, payload, carries, at in requests:
            if carries != CARRIES_NOTHING:
                carried = packets[carries]
                assert carried is not None
                payload = b"".join((payload[:at], carried, payload[at + len(carried) :]))
            packets.append(_header(node_keys, metas, secret, padding) + payload)
        return packets

    def seal(self, material: bytes, is_seeded: bool, payload: bytes) -> bytes:
        """As it is, but for replies that seal: those must not look open at the last hop."""
        return self.unseal(material, payload) if len(material) == PAYLOAD_SEED_LENGTH else payload

    def unseal(self, material: bytes, payload: bytes) -> bytes:
        return bytes((payload[0] ^ 0xFF,)) + payload[1:]

    def process(self, node_secret: bytes, packets: Sequence[bytes]) -> list[LayerTaken | int]:
        return [self._take_layer(node_secret, packet) for packet in packets]

    def agree(self, requests: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes] | None]:
        return [(secret, _SHARED) for secret, _ in requests]

    @staticmethod
    def _seeds(request: HeaderRequest) -> bytes:
        node_keys, _, secret, _ = request
        return secret[:PAYLOAD_SEED_LENGTH] * (len(node_keys) // POINT_LENGTH)

    def _take_layer(self, node_secret: bytes, packet: bytes) -> LayerTaken | int:
        if len(packet) not in _LENGTHS:
            return self.BAD_LENGTH
        hops, at = packet[_HOPS], packet[_AT]
        key_at = _KEYS_AT + at * _KEY_PREFIX
        if at >= hops or packet[key_at : key_at + _KEY_PREFIX] != node_secret[:_KEY_PREFIX]:
            return self.BAD_MAC
        meta_at = _KEYS_AT + hops * _KEY_PREFIX + at * FORWARD_META_LENGTH
        tag = packet[_SECRET][1:] + bytes((at,))
        if at + 1 == hops:
            return tag, packet[meta_at : meta_at + FINAL_META_LENGTH], packet[HEADER_LENGTH:]
        onward = b"".join((packet[:_AT], bytes((at + 1,)), packet[_AT + 1 :]))
        return tag, packet[meta_at : meta_at + FORWARD_META_LENGTH], onward


class ClearCrypto(PlainCrypto):
    """A provider of it: a key is its own public key, and everybody shares the same secret."""

    name = "clear"

    def __init__(self) -> None:
        super().__init__()
        self.sphinx = ClearSphinx()

    def x25519(self, secret: bytes, point: bytes) -> bytes:
        return _SHARED

    def x25519_public(self, secret: bytes) -> bytes:
        return secret

    def hkdf_blake3(self, ikm: bytes, salt: bytes, length: int) -> bytes:
        return bytes(length)


def _header(node_keys: bytes, metas: bytes, secret: bytes, padding: bytes) -> bytes:
    starts = range(0, len(node_keys), POINT_LENGTH)
    keys = [node_keys[start : start + _KEY_PREFIX] for start in starts]
    return b"".join((bytes((len(keys), 0)), secret, *keys, metas)).ljust(HEADER_LENGTH, b"\0")
