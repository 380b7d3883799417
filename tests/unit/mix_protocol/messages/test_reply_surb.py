import pytest

from mix_protocol.addressing import KeyRotation
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.reply_surb import ReplySurb


@pytest.mark.parametrize(("hops", "key_length", "length"), [(4, 16, 460), (4, 192, 1164), (1, 16, 412), (5, 192, 1356)])
def test_encodings_have_the_specified_lengths(make_surb, hops: int, key_length: int, length: int):
    surb = make_surb(KeyRotation.EVEN, hops=hops, key_length=key_length)
    encoded = surb.encode()
    assert len(encoded) == length
    assert ReplySurb.decode(encoded, KeyRotation.EVEN) == surb
    assert ReplySurb.decode(encoded).key_rotation is KeyRotation.UNKNOWN


def test_truncated_encodings_are_refused(make_surb):
    encoded = make_surb().encode()
    for length in (0, 15, 16):
        with pytest.raises(MalformedMessage):
            ReplySurb.decode(encoded[:length])
    for length in (17, 411, 459):
        with pytest.raises(PeerMisbehaved):
            ReplySurb.decode(encoded[:length])


def test_the_digest_is_plain_blake3_of_the_key(make_surb, crypto: CryptoProvider):
    surb = ReplySurb(bytes(range(16)), make_surb().surb)
    # tests/vectors/sphinx-model.json, blake3(000102..0f)
    assert surb.digest(crypto).hex() == "a6a492965517a830cb75fdb713465aa465f2f098233896fea44c1d98268bf9e3"
    assert repr(surb.encryption_key) not in repr(surb)
