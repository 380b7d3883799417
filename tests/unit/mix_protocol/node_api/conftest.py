import sys

import pytest

from mix_protocol.crypto.provider import CryptoProvider


@pytest.fixture(scope="session")
def crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()
