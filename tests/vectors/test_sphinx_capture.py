"""Every Sphinx packet that the published client sent opens to what the capture's own network found inside."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx.errors import BadMac
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, process_packet

CAPTURE = Path(__file__).parent / "reference-client"
EXPECTED = json.loads((CAPTURE / "expected.json").read_text())
SECRETS = {
    name: bytes.fromhex(keys["x"]) for name, keys in json.loads((CAPTURE / "node-keys.json").read_text()).items()
}


@pytest.fixture(scope="module")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


def test_the_capture_is_complete():
    assert len(EXPECTED) == 20
    assert {entry["file"] for entry in EXPECTED} == {path.name for path in CAPTURE.glob("sphinx_*.bin")}
    assert {hop["version"] for entry in EXPECTED for hop in entry["hops"]} == {258, 259}


@pytest.mark.parametrize("entry", EXPECTED, ids=lambda entry: entry["file"])
def test_frame_opens_hop_by_hop(crypto: CryptoProvider, entry: dict):
    frame = (CAPTURE / entry["file"]).read_bytes()
    request = MixPacket.decode_v2(frame)
    assert request.encode_v2() == frame
    assert (request.packet_type, request.key_rotation) == (entry["packet_type"], KeyRotation(entry["key_rotation"]))
    assert str(request.first_hop) == entry["first_hop"]

    packet = request.packet
    for hop in entry["hops"][:-1]:
        processed = process_packet(crypto, SECRETS[hop["node"]], packet)
        assert isinstance(processed, ForwardPacket)
        assert (hop["flag"], processed.version) == (1, hop["version"])
        assert (str(processed.next_hop), processed.delay_ns) == (hop["next"], hop["delay_ns"])
        assert len(processed.packet) == PacketSize.REGULAR.packet_length
        packet = processed.packet

    last = entry["hops"][-1]
    processed = process_packet(crypto, SECRETS[last["node"]], packet)
    assert isinstance(processed, FinalPacket)
    assert (last["flag"], processed.version) == (2, last["version"])
    assert processed.destination.hex() == entry["destination"]
    assert processed.surb_identifier == bytes(16)
    assert len(processed.message) == entry["plaintext_len"]
    assert hashlib.sha256(processed.message).hexdigest() == entry["plaintext_sha256"]


@pytest.mark.parametrize("entry", EXPECTED[:2], ids=lambda entry: entry["file"])
def test_no_other_key_opens_the_first_hop(crypto: CryptoProvider, entry: dict):
    packet = MixPacket.decode_v2((CAPTURE / entry["file"]).read_bytes()).packet
    for name, secret in SECRETS.items():
        if name != entry["hops"][0]["node"]:
            with pytest.raises(BadMac):
                process_packet(crypto, secret, packet)
