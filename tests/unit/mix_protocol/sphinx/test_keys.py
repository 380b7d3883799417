from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx.keys import expand_shared_secret, payload_key_from_seed
from mix_protocol.sphinx.version import SphinxVersion


def test_the_pieces_have_their_lengths(crypto: CryptoProvider):
    keys = expand_shared_secret(crypto, bytes(range(32)))
    pieces = (keys.stream_key, keys.mac_key, keys.full_payload_key, keys.blinding_factor, keys.replay_tag)
    assert [len(piece) for piece in pieces] == [16, 16, 192, 32, 32]
    assert keys.payload_seed == keys.full_payload_key[:16]


def test_the_version_decides_the_payload_key(crypto: CryptoProvider):
    keys = expand_shared_secret(crypto, bytes(range(32)))
    seeded = payload_key_from_seed(crypto, keys.payload_seed)
    assert keys.payload_key(crypto, SphinxVersion.SEEDED) == seeded
    for version in (1, 257, SphinxVersion.FULL_KEYS):
        assert keys.payload_key(crypto, version) == keys.full_payload_key
    # A version that nobody has defined yet is taken to be like the newest that we know.
    assert keys.payload_key(crypto, 260) == keys.payload_key(crypto, 0) == seeded


def test_keys_stay_out_of_repr(crypto: CryptoProvider):
    assert repr(expand_shared_secret(crypto, bytes(32))) == "HopKeys()"
