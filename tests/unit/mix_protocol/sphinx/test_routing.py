import pytest

from mix_protocol.addressing import MalformedNodeAddress, NodeAddress
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.sphinx.errors import UnknownRoutingFlag
from mix_protocol.sphinx.geometry import (
    FINAL_META_LENGTH,
    FORWARD_META_LENGTH,
    MAC_LENGTH,
    ROUTING_LENGTH,
)
from mix_protocol.sphinx.routing import (
    FinalMeta,
    ForwardMeta,
    decode_meta,
    encode_final_meta,
    encode_forward_meta,
    routing_mac,
)


@pytest.mark.parametrize("ip", ["192.0.2.1", "2001:db8::1"])
def test_a_forward_block(ip: str):
    address = NodeAddress.from_text(ip, 1789)
    meta = encode_forward_meta(259, address.encode_padded(32), (1 << 64) - 1)
    assert len(meta) == FORWARD_META_LENGTH
    assert meta[:4].hex() == "01000103"
    assert decode_meta(meta) == ForwardMeta(259, address, (1 << 64) - 1)


def test_a_final_block():
    meta = encode_final_meta(258, b"d" * 32, b"i" * 16)
    assert len(meta) == FINAL_META_LENGTH
    assert meta[:4].hex() == "02000102"
    assert decode_meta(meta) == FinalMeta(258, b"d" * 32, b"i" * 16)


@pytest.mark.parametrize("flag", [0, 3, 255])
def test_any_other_flag(flag: int):
    with pytest.raises(UnknownRoutingFlag):
        decode_meta(bytes((flag,)).ljust(FINAL_META_LENGTH, b"\0"))


@pytest.mark.parametrize("family", [0, 5, 255])
def test_a_next_hop_of_no_family(family: int):
    with pytest.raises(MalformedNodeAddress):
        decode_meta(bytes((1, 0, 1, 3, family)).ljust(FORWARD_META_LENGTH, b"\0"))


@pytest.mark.parametrize("block", [b"", b"\1" * FINAL_META_LENGTH, b"\2", b"\2" * FORWARD_META_LENGTH])
def test_a_block_of_another_length(block: bytes):
    with pytest.raises(MalformedMessage):
        decode_meta(block)


def test_the_mac_covers_all_of_the_routing_information(crypto: CryptoProvider):
    routing = bytearray(ROUTING_LENGTH)
    mac = routing_mac(crypto, b"k" * 16, bytes(routing))
    assert len(mac) == MAC_LENGTH
    routing[-1] ^= 1
    assert routing_mac(crypto, b"k" * 16, bytes(routing)) != mac
