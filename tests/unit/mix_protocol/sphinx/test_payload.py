import pytest

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx import lioness
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.errors import BadPayload, MessageTooLong
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.payload import pad_message, unpad_message


def test_padding_is_zeros_message_marker_zeros():
    padded = pad_message(b"hello", PacketSize.ACK)
    assert padded == bytes(16) + b"hello" + b"\x01" + bytes(16)
    assert len(padded) == PacketSize.ACK.payload_length


@pytest.mark.parametrize("message", [b"", b"\x01", b"\0" * 21, b"\x01" * 21, b"ends with zeros\0\0"])
def test_unpadding_gives_the_message_back(message: bytes):
    assert unpad_message(pad_message(message, PacketSize.ACK)) == message


def test_what_follows_the_marker_is_not_looked_at():
    assert unpad_message(bytes(16) + b"hello\x01\x02\x03") == b"hello"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes(16),
        bytes(38),
        b"\x01" + bytes(20),
        bytes(15) + b"\x01",
        bytes(15) + b"\x02" + b"hello\x01",
    ],
)
def test_bad_payloads(payload: bytes):
    with pytest.raises(BadPayload):
        unpad_message(payload)


@pytest.mark.parametrize("size", PacketSize)
def test_the_limit_is_the_plaintext_length(size: PacketSize):
    assert len(pad_message(bytes(size.plaintext_length), size)) == size.payload_length
    with pytest.raises(MessageTooLong) as caught:
        pad_message(bytes(size.plaintext_length + 1), size)
    assert caught.value.fields == {"length": size.plaintext_length + 1, "limit": size.plaintext_length}


def test_the_first_hops_layer_is_outermost(crypto: CryptoProvider):
    random = SeededRandom("layers")
    keys = [random(192) for _ in range(3)]
    padded = pad_message(b"message", PacketSize.ACK)
    payload = sphinx_core(crypto).seal(b"".join(keys), False, padded)
    for key in keys:
        payload = lioness.decrypt(crypto, key, payload)
    assert unpad_message(payload) == b"message"


@pytest.mark.parametrize("position", [0, 31, 32, 2064])
def test_one_changed_bit_scrambles_the_whole_block(crypto: CryptoProvider, position: int):
    random = SeededRandom("avalanche")
    key, block = random(192), pad_message(b"message", PacketSize.REGULAR)
    sealed = bytearray(lioness.encrypt(crypto, [key], block))
    sealed[position] ^= 0x80
    opened = lioness.decrypt(crypto, key, bytes(sealed))
    same = sum(a == b for a, b in zip(opened, block, strict=True))
    # 2,065 independent random bytes agree with the block in about 8 places.
    assert same < 40
