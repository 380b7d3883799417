"""What is peculiar to the native provider; that it computes the right things is in `test_provider`."""

import subprocess
import sys

import pytest

native_only = pytest.mark.skipif(sys.platform == "emscripten", reason="these libraries are CPython's")


@native_only
def test_importing_it_loads_no_library():
    program = (
        "import sys, mix_protocol.crypto.native; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'cryptography', 'nacl', 'blake3'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@native_only
def test_keys_of_a_wrong_length_are_the_callers_fault():
    from mix_protocol.crypto.native import NativeCrypto

    crypto = NativeCrypto()
    with pytest.raises(ValueError, match="key"):
        crypto.aes128_ctr(bytes(15), b"data")
    with pytest.raises(ValueError, match="key"):
        crypto.chacha20(bytes(31), b"data")
    with pytest.raises(ValueError, match="nothing to seal"):
        crypto.aes256_gcm_siv_seal(bytes(32), bytes(12), b"")
