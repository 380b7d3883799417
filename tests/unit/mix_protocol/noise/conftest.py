import sys

import pytest

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.noise.link import NoiseLink


@pytest.fixture(scope="session")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


@pytest.fixture
def ends(crypto: CryptoProvider) -> tuple[NoiseLink, NoiseLink]:
    """Initiator and responder, before the first message."""
    import os

    secret = b"\x02" * 32
    initiator = NoiseLink.initiate(crypto, os.urandom, b"\x01" * 32, crypto.x25519_public(secret))
    return initiator, NoiseLink.respond(crypto, os.urandom, secret)


@pytest.fixture
def ready_ends(ends: tuple[NoiseLink, NoiseLink]) -> tuple[NoiseLink, NoiseLink]:
    """The same after the handshake."""
    initiator, responder = ends
    responder.receive(initiator.data_to_send())
    initiator.receive(responder.data_to_send())
    responder.receive(initiator.data_to_send())
    assert initiator.is_ready
    assert responder.is_ready
    return initiator, responder
