"""SURBs of version 260 against vectors that the crate `sphinx-packet` 0.8.0 printed (see the file's note)."""

import json
import sys
from pathlib import Path

import pytest

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx import lioness
from mix_protocol.sphinx.errors import BadPayload, MalformedSurb
from mix_protocol.sphinx.geometry import HEADER_LENGTH, PacketSize
from mix_protocol.sphinx.keys import payload_key_from_seed
from mix_protocol.sphinx.payload import unpad_message
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, SealedPacket, process_packet
from mix_protocol.sphinx.surb import Surb, SurbRecovery, build_sealing_surb, build_surb
from mix_protocol.topology.route import RouteHop

VECTORS = json.loads((Path(__file__).parent / "sphinx-260.json").read_text())
SECRETS = [bytes((number,)) * 32 for number in range(1, 5)]
DELAYS_NS = [1_000_000, 2_000_000, 3_000_000, 4_000_000]
DESTINATION, IDENTIFIER, INITIAL_SECRET = b"\xd5" * 32, b"\xab" * 16, b"\x2a" * 32


def vector(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name])


@pytest.fixture(scope="module")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto as Crypto
    else:
        from mix_protocol.crypto.native import NativeCrypto as Crypto

    provider: CryptoProvider = Crypto()
    provider.sphinx = None  # the compiled core takes the network's packet lengths alone
    return provider


@pytest.fixture(autouse=True)
def any_packet_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vectors' packets are shorter than the network's."""
    monkeypatch.setattr(PacketSize, "from_packet_length", lambda length: PacketSize.REGULAR)


def route(crypto: CryptoProvider) -> list[RouteHop]:
    return [
        RouteHop(NodeAddress.from_text(f"127.0.0.{number}", 1789), crypto.x25519_public(secret))
        for number, secret in enumerate(SECRETS, 1)
    ]


def draws(*first: bytes):
    pieces = iter(first)
    return lambda count: next(pieces, bytes(count))


def test_what_we_make_has_their_keys(crypto: CryptoProvider):
    way = {"route": route(crypto), "delays_ns": DELAYS_NS, "destination": DESTINATION}
    surb, recovery = build_sealing_surb(crypto, draws(IDENTIFIER, INITIAL_SECRET), **way)
    encoded, theirs = surb.encode(), vector("surb260")
    assert len(encoded) == len(theirs) == VECTORS["surb260_len"]
    assert encoded[:32] == theirs[:32]
    assert encoded[HEADER_LENGTH:] == theirs[HEADER_LENGTH:]
    assert encoded[HEADER_LENGTH : HEADER_LENGTH + 32] == vector("first_hop")
    assert recovery.encode() == vector("recovery")

    older = build_surb(crypto, draws(INITIAL_SECRET), **way).encode()
    assert older[HEADER_LENGTH:] == vector("surb259")[HEADER_LENGTH:]
    assert older[380:] == vector("recovery")[16:]


def test_their_surb_is_used_as_they_use_it(crypto: CryptoProvider):
    surb = Surb.decode(vector("surb260"))
    assert surb.is_sealing
    padded = vector("unsealed")
    sealed = lioness.encrypt(crypto, [payload_key_from_seed(crypto, surb.key_material[0])], padded)
    assert surb.header + sealed == vector("packet")


def test_every_hop_and_the_maker_read_their_packet(crypto: CryptoProvider):
    packet = vector("packet")
    for number, secret in enumerate(SECRETS[:-1]):
        forward = process_packet(crypto, secret, packet)
        assert isinstance(forward, ForwardPacket)
        assert (forward.version, forward.delay_ns) == (260, VECTORS[f"hop{number}_delay"])
        assert forward.packet == vector(f"hop{number}_packet")
        packet = forward.packet
    final = process_packet(crypto, SECRETS[-1], packet)
    assert isinstance(final, SealedPacket)
    assert (final.destination, final.surb_identifier) == (vector("final_destination"), vector("final_identifier"))
    assert final.payload == vector("sealed_payload")
    with pytest.raises(BadPayload):
        unpad_message(final.payload)
    assert SurbRecovery.decode(vector("recovery")).open(crypto, final.payload) == vector("message")


@pytest.mark.parametrize("version", [258, 259, 260])
def test_forward_packets_of_every_version_open(crypto: CryptoProvider, version: int):
    packet = vector(f"forward_packet_v{version}")
    for secret in SECRETS[:-1]:
        forward = process_packet(crypto, secret, packet)
        assert isinstance(forward, ForwardPacket)
        packet = forward.packet
    final = process_packet(crypto, SECRETS[-1], packet)
    assert isinstance(final, FinalPacket)
    assert (final.version, final.message) == (version, b"hi")


@pytest.mark.parametrize(("seeds", "is_read"), [(0, False), (1, True), (5, True), (6, False)])
def test_one_to_five_seeds_are_read(seeds: int, is_read: bool):
    data = vector("surb260")[:380] + bytes(16 * seeds)
    if is_read:
        assert len(Surb.decode(data).key_material) == seeds
    else:
        with pytest.raises(MalformedSurb):
            Surb.decode(data)
    with pytest.raises(MalformedSurb):
        Surb.decode(data + b"\0")
