"""The handshake and the first messages after it, against what the crate `snow` printed (see the file's note)."""

import json
import sys
from pathlib import Path

import pytest

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.noise.frames import FrameType, encode_frame
from mix_protocol.noise.handshake_state import HandshakeState, derive_psk
from mix_protocol.noise.link import NoiseLink

VECTORS = json.loads((Path(__file__).parent / "noise-xkpsk3.json").read_text())
MESSAGES = [bytes.fromhex(message) for message in VECTORS["messages"]]
DATA = [(plain.encode(), bytes.fromhex(sealed)) for plain, sealed in VECTORS["data"]]


@pytest.fixture(scope="module")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


def secret(name: str) -> bytes:
    return bytes((VECTORS[name],)) * 32


def test_the_handshake(crypto: CryptoProvider):
    public = crypto.x25519_public(secret("responder_static"))
    assert public.hex() == VECTORS["responder_public"]
    assert derive_psk(crypto, public).hex() == VECTORS["psk"]
    initiator = HandshakeState(crypto, lambda _: secret("initiator_ephemeral"), secret("initiator_static"), public)
    responder = HandshakeState(crypto, lambda _: secret("responder_ephemeral"), secret("responder_static"), None)
    for number, message in enumerate(MESSAGES):
        writer, reader = (initiator, responder) if number % 2 == 0 else (responder, initiator)
        assert writer.write_message() == message
        assert reader.read_message(message) == b""
    assert initiator.handshake_hash.hex() == responder.handshake_hash.hex() == VECTORS["handshake_hash"]
    sending, receiving = initiator.split()[0], responder.split()[1]
    for plain, sealed in DATA:
        assert sending.encrypt(plain) == sealed
        assert receiving.decrypt(sealed) == plain


def test_both_ends_of_a_link_in_frames(crypto: CryptoProvider):
    first, second, third = (encode_frame(FrameType.HANDSHAKE, message) for message in MESSAGES)
    frames = [encode_frame(FrameType.DATA, sealed) for _, sealed in DATA]
    plain = [plain for plain, _ in DATA]
    public = bytes.fromhex(VECTORS["responder_public"])
    initiator = NoiseLink.initiate(crypto, lambda _: secret("initiator_ephemeral"), secret("initiator_static"), public)
    assert initiator.data_to_send() == first
    initiator.receive(second)
    assert initiator.data_to_send() == third
    assert [initiator.seal(data) for data in plain] == frames

    responder = NoiseLink.respond(crypto, lambda _: secret("responder_ephemeral"), secret("responder_static"))
    responder.receive(first)
    assert responder.data_to_send() == second
    assert responder.receive(third + b"".join(frames)) == plain
