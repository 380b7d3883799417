"""The work of Sphinx, many packets a call: in Python, or by the compiled core where a provider has one.

Both give the same bytes for the same arguments, and neither draws randomness.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from mix_protocol.crypto.compiled_sphinx import CompiledSphinx, HeaderRequest, LayerTaken, PacketRequest
from mix_protocol.crypto.provider import CryptoProvider, InvalidPublicKey
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx import lioness
from mix_protocol.sphinx.errors import BadMac, UnknownPacketSize
from mix_protocol.sphinx.geometry import PAYLOAD_KEY_LENGTH, PAYLOAD_SEED_LENGTH
from mix_protocol.sphinx.header import wrap_header
from mix_protocol.sphinx.keys import payload_key_from_seed
from mix_protocol.sphinx.opening import open_header

CARRIES_NOTHING: Final = -1


class SphinxCore(Protocol):
    """Sphinx's computations in batches. Public keys that no secret can be agreed with raise `InvalidPublicKey`.

    batch -- how many packets or SURBs are worth building at a time
    """

    batch: int

    def build_headers(self, requests: Sequence[HeaderRequest]) -> list[tuple[bytes, bytes]]:
        """Compute headers (348 bytes), each with the seeds of its hops' payload keys (16 bytes each)."""
        ...

    def build_packets(self, requests: Sequence[PacketRequest]) -> list[bytes]:
        """Compute whole packets, in their order; later ones can carry earlier ones."""
        ...

    def seal(self, material: bytes, is_seeded: bool, payload: bytes) -> bytes:
        """Encrypt a padded payload for all hops, whose seeds (or else whole keys of 192 bytes) are given."""
        ...

    def unseal(self, material: bytes, payload: bytes) -> bytes:
        """Decrypt a reply that came sealed with the seeds of all hops; the payload stays padded."""
        ...

    def process(self, node_secret: bytes, packets: Sequence[bytes]) -> list[LayerTaken | PeerMisbehaved]:
        """Take a node's layer off each packet; `UnknownPacketSize`, `InvalidPublicKey` or `BadMac` where that fails."""
        ...

    def agree(self, requests: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """For each secret and point: give the secret's X25519 public key, and X25519 of the two."""
        ...


class PythonSphinxCore:
    """The core out of a provider's primitives: what works everywhere, and what the compiled one is tested against."""

    __slots__ = ("_crypto",)

    batch = 1

    def __init__(self, crypto: CryptoProvider) -> None:
        self._crypto = crypto

    def build_headers(self, requests: Sequence[HeaderRequest]) -> list[tuple[bytes, bytes]]:
        return [self.build_header(request) for request in requests]

    def build_packets(self, requests: Sequence[PacketRequest]) -> list[bytes]:
        packets: list[bytes] = []
        for request in requests:
            packets.append(self.build_packet(request, packets))
        return packets

    def build_header(self, request: HeaderRequest) -> tuple[bytes, bytes]:
        built = wrap_header(self._crypto, request)
        return built.header, b"".join([keys.payload_seed for keys in built.hop_keys])

    def build_packet(self, request: PacketRequest, earlier: Sequence[bytes]) -> bytes:
        """Compute one packet, which can carry one of the `earlier` ones."""
        node_keys, metas, secret, padding, is_seeded, payload, carries, at = request
        built = wrap_header(self._crypto, (node_keys, metas, secret, padding))
        if carries != CARRIES_NOTHING:
            carried = earlier[carries]
            payload = payload[:at] + carried + payload[at + len(carried) :]
        keys = [
            payload_key_from_seed(self._crypto, hop.payload_seed) if is_seeded else hop.full_payload_key
            for hop in built.hop_keys
        ]
        return built.header + lioness.encrypt(self._crypto, reversed(keys), payload)

    def seal(self, material: bytes, is_seeded: bool, payload: bytes) -> bytes:
        keys = self._keys_of_seeds(material) if is_seeded else _cut(material, PAYLOAD_KEY_LENGTH)
        return lioness.encrypt(self._crypto, reversed(keys), payload)

    def unseal(self, material: bytes, payload: bytes) -> bytes:
        # The hops have taken off layers that nobody had put on; the last one's is the only one that was there.
        keys = self._keys_of_seeds(material)
        return lioness.decrypt(self._crypto, keys[-1], lioness.encrypt(self._crypto, reversed(keys), payload))

    def process(self, node_secret: bytes, packets: Sequence[bytes]) -> list[LayerTaken | PeerMisbehaved]:
        return [self._take_layer(node_secret, packet) for packet in packets]

    def agree(self, requests: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        return [self.agree_with(secret, point) for secret, point in requests]

    def agree_with(self, secret: bytes, point: bytes) -> tuple[bytes, bytes]:
        shared = self._crypto.x25519(secret, point)
        return self._crypto.x25519_public(secret), shared

    def _take_layer(self, node_secret: bytes, packet: bytes) -> LayerTaken | PeerMisbehaved:
        try:
            return open_header(self._crypto, node_secret, packet).take_layer()
        except PeerMisbehaved as error:
            return error

    def _keys_of_seeds(self, seeds: bytes) -> list[bytes]:
        return [payload_key_from_seed(self._crypto, seed) for seed in _cut(seeds, PAYLOAD_SEED_LENGTH)]


class CompiledSphinxCore:
    """The compiled core; what it leaves out, for a public key that it does not work with, is done in Python."""

    __slots__ = ("_compiled", "_python", "seal", "unseal")

    batch = 4  # the inversions of all are one, and four take no longer than one in Python

    def __init__(self, compiled: CompiledSphinx, crypto: CryptoProvider) -> None:
        self._compiled = compiled
        self._python = PythonSphinxCore(crypto)
        self.seal = compiled.seal
        self.unseal = compiled.unseal

    def build_headers(self, requests: Sequence[HeaderRequest]) -> list[tuple[bytes, bytes]]:
        build_header = self._python.build_header
        built = self._compiled.build_headers(requests)
        return [one if one is not None else build_header(request) for one, request in zip(built, requests, strict=True)]

    def build_packets(self, requests: Sequence[PacketRequest]) -> list[bytes]:
        packets: list[bytes] = []
        for packet, request in zip(self._compiled.build_packets(requests), requests, strict=True):
            packets.append(packet if packet is not None else self._python.build_packet(request, packets))
        return packets

    def process(self, node_secret: bytes, packets: Sequence[bytes]) -> list[LayerTaken | PeerMisbehaved]:
        layers = self._compiled.process(node_secret, packets)
        return [
            self._failure(layer, packet) if isinstance(layer, int) else layer
            for layer, packet in zip(layers, packets, strict=True)
        ]

    def agree(self, requests: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        agree_with = self._python.agree_with
        agreed = self._compiled.agree(requests)
        return [one if one is not None else agree_with(*request) for one, request in zip(agreed, requests, strict=True)]

    def _failure(self, reason: int, packet: bytes) -> PeerMisbehaved:
        if reason == self._compiled.BAD_LENGTH:
            return UnknownPacketSize(length=len(packet))
        return BadMac() if reason == self._compiled.BAD_MAC else InvalidPublicKey()


def sphinx_core(crypto: CryptoProvider) -> SphinxCore:
    """Give the core that a provider has: the compiled one where it is there, else Python's."""
    return PythonSphinxCore(crypto) if crypto.sphinx is None else CompiledSphinxCore(crypto.sphinx, crypto)


def _cut(data: bytes, length: int) -> list[bytes]:
    return [data[at : at + length] for at in range(0, len(data), length)]
