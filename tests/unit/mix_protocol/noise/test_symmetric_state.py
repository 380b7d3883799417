import pytest

from mix_protocol.crypto.provider import AuthenticationFailed
from mix_protocol.noise.symmetric_state import SymmetricState


def test_shared_and_public_data_make_the_keys(crypto):
    one, other = SymmetricState(crypto, b"name"), SymmetricState(crypto, b"name")
    for state in (one, other):
        state.mix_hash(b"public")
        state.mix_key(b"secret")
        state.mix_key_and_hash(b"psk")
    assert other.decrypt_and_hash(one.encrypt_and_hash(b"part")) == b"part"
    assert one.handshake_hash == other.handshake_hash
    assert one.split()[0].encrypt(b"x") == other.split()[0].encrypt(b"x")
    assert one.split()[0].encrypt(b"x") != other.split()[1].encrypt(b"x")


@pytest.mark.parametrize("step", ["mix_hash", "mix_key", "mix_key_and_hash"])
def test_whatever_differs_shows(crypto, step):
    one, other = SymmetricState(crypto, b"name"), SymmetricState(crypto, b"name")
    one.mix_key(b"secret")
    other.mix_key(b"secret")
    getattr(one, step)(b"this")
    getattr(other, step)(b"that")
    with pytest.raises(AuthenticationFailed):
        other.decrypt_and_hash(one.encrypt_and_hash(b"part"))


def test_a_name_fits_a_hash(crypto):
    assert SymmetricState(crypto, b"n").handshake_hash == b"n" + bytes(31)
    with pytest.raises(ValueError, match="longer"):
        SymmetricState(crypto, b"n" * 33)
