"""Packets built from known secrets are byte for byte those of an independent model of the specification."""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.mixwire.frames import encode_frame
from mix_protocol.sphinx import lioness
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.keys import expand_shared_secret, payload_key_from_seed
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, open_header
from mix_protocol.sphinx.surb import Surb, build_surb
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

MODEL = json.loads((Path(__file__).parent / "sphinx-model.json").read_text())
PRIMITIVES = MODEL["primitives"]
ROUTE = [
    RouteHop(NodeAddress.decode(bytes.fromhex(hop["address"])), bytes.fromhex(hop["pk"])) for hop in MODEL["route"]
]
SECRETS = [bytes.fromhex(hop["sk"]) for hop in MODEL["route"]]
DELAYS_NS = MODEL["delays_ns"]
PACKETS = pytest.mark.parametrize("vector", MODEL["packets"], ids=lambda vector: str(vector["version"]))


class Draws:
    """Randomness that is known in advance: each draw must ask for just what is next."""

    def __init__(self, *pieces: str) -> None:
        self._pieces: Iterator[bytes] = map(bytes.fromhex, pieces)

    def __call__(self, count: int) -> bytes:
        piece = next(self._pieces)
        assert len(piece) == count
        return piece


@pytest.fixture(scope="module")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


def test_lioness(crypto: CryptoProvider):
    vector = {name: bytes.fromhex(value) for name, value in PRIMITIVES["lioness_enc"].items()}
    assert lioness.encrypt(crypto, [vector["key"]], vector["block"]) == vector["out"]
    assert lioness.decrypt(crypto, vector["key"], vector["out"]) == vector["block"]


def test_expansion(crypto: CryptoProvider):
    vector = PRIMITIVES["expand_shared_secret"]
    keys = expand_shared_secret(crypto, bytes.fromhex(vector["ss"]))
    joined = (
        keys.stream_key,
        keys.mac_key,
        keys.full_payload_key,
        keys.blinding_factor,
        keys.replay_tag,
    )
    assert b"".join(joined).hex() == vector["out"]


def test_payload_key_from_seed(crypto: CryptoProvider):
    vector = PRIMITIVES["payload_key_from_seed"]
    assert payload_key_from_seed(crypto, bytes.fromhex(vector["seed"])).hex() == vector["out"]


@PACKETS
def test_packet_is_built_byte_for_byte(crypto: CryptoProvider, vector: dict):
    packet = build_packet(
        crypto,
        Draws(vector["initial_secret"], vector["final_random_padding"]),
        route=ROUTE,
        delays_ns=DELAYS_NS,
        destination=bytes.fromhex(vector["destination"]),
        message=bytes.fromhex(vector["plaintext"]),
        size=PacketSize.ACK,
        version=SphinxVersion(vector["version"]),
    )
    assert packet.hex() == vector["packet"]


@PACKETS
def test_packet_is_processed_hop_by_hop(crypto: CryptoProvider, vector: dict):
    packet = bytes.fromhex(vector["packet"])
    for secret, hop in zip(SECRETS, vector["hops"], strict=True):
        assert packet[:32].hex() == hop["alpha"]
        opened = open_header(crypto, secret, packet)
        assert opened.replay_tag.hex() == hop["replay_tag"]
        processed = opened.process()
        assert processed.version == vector["version"]
        if isinstance(processed, ForwardPacket):
            assert hop["kind"] == "fwd"
            assert processed.next_hop.encode_padded(32).hex() == hop["next"]
            assert processed.delay_ns == hop["delay_ns"]
            packet = processed.packet
            assert hashlib.sha256(packet).hexdigest() == hop["packet_sha256"]
        else:
            assert hop["kind"] == "fin"
            assert processed.destination.hex() == hop["destination"]
            assert processed.surb_identifier.hex() == hop["identifier"]
            assert processed.message.hex() == vector["plaintext"]
    assert isinstance(processed, FinalPacket)


@PACKETS
def test_surb_is_built_and_used_byte_for_byte(crypto: CryptoProvider, vector: dict):
    surb = build_surb(
        crypto,
        Draws(vector["initial_secret"], vector["final_random_padding"]),
        route=ROUTE,
        delays_ns=DELAYS_NS,
        destination=bytes.fromhex(vector["destination"]),
        version=SphinxVersion(vector["version"]),
    )
    assert surb.encode().hex() == vector["surb"]
    assert Surb.decode(bytes.fromhex(vector["surb"])) == surb
    first_hop, packet = surb.use(crypto, bytes.fromhex(vector["plaintext"]), PacketSize.ACK)
    assert first_hop == ROUTE[0].address
    assert packet.hex() == vector["packet"]


def test_framing(crypto: CryptoProvider):
    vector = MODEL["plain_message_packet"]
    packet = bytes.fromhex(vector["packet"])
    assert hashlib.sha256(packet).hexdigest() == vector["packet_sha256"]
    assert encode_frame(packet, KeyRotation.EVEN)[:8].hex() == vector["framed_v8_even_first8"]
    assert encode_frame(packet, KeyRotation.EVEN, version=7)[:8].hex() == vector["framed_v7_first8"]
    request = MixPacket(ROUTE[0].address, packet, KeyRotation.EVEN)
    assert request.encode_v2()[:16].hex() == vector["mixpacket_v2_even_first16"]


def test_regular_packet_arrives(crypto: CryptoProvider):
    vector = MODEL["plain_message_packet"]
    packet = bytes.fromhex(vector["packet"])
    for secret in SECRETS[:-1]:
        processed = open_header(crypto, secret, packet).process()
        assert isinstance(processed, ForwardPacket)
        packet = processed.packet
    processed = open_header(crypto, SECRETS[-1], packet).process()
    assert isinstance(processed, FinalPacket)
    assert hashlib.sha256(processed.message).hexdigest() == vector["sphinx_plaintext_sha256"]
