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
    ROUTING_STREAM_LENGTH,
)
from mix_protocol.sphinx.routing import (
    FinalRouting,
    ForwardRouting,
    decode_routing,
    encode_final_meta,
    encode_forward_meta,
    routing_mac,
)


@pytest.mark.parametrize("ip", ["192.0.2.1", "2001:db8::1"])
def test_a_forward_block(ip: str):
    address, mac, routing = NodeAddress.from_text(ip, 1789), b"m" * MAC_LENGTH, b"r" * ROUTING_LENGTH
    meta = encode_forward_meta(259, address, (1 << 64) - 1)
    assert len(meta) == FORWARD_META_LENGTH
    assert meta[:4].hex() == "01000103"
    assert decode_routing(meta + mac + routing) == ForwardRouting(259, address, (1 << 64) - 1, mac, routing)


def test_a_final_block():
    meta = encode_final_meta(258, b"d" * 32, b"i" * 16)
    assert len(meta) == FINAL_META_LENGTH
    assert meta[:4].hex() == "02000102"
    assert decode_routing(meta.ljust(ROUTING_STREAM_LENGTH, b"?")) == FinalRouting(258, b"d" * 32, b"i" * 16)


@pytest.mark.parametrize("flag", [0, 3, 255])
def test_any_other_flag(flag: int):
    with pytest.raises(UnknownRoutingFlag):
        decode_routing(bytes((flag,)).ljust(ROUTING_STREAM_LENGTH, b"\0"))


@pytest.mark.parametrize("family", [0, 5, 255])
def test_a_next_hop_of_no_family(family: int):
    with pytest.raises(MalformedNodeAddress):
        decode_routing(bytes((1, 0, 1, 3, family)).ljust(ROUTING_STREAM_LENGTH, b"\0"))


@pytest.mark.parametrize("length", [0, 1, ROUTING_STREAM_LENGTH - 1, ROUTING_STREAM_LENGTH + 1])
def test_a_block_of_another_length(length: int):
    with pytest.raises(MalformedMessage):
        decode_routing(b"\2" * length)


def test_the_mac_covers_all_of_the_routing_information(crypto: CryptoProvider):
    routing = bytearray(ROUTING_LENGTH)
    mac = routing_mac(crypto, b"k" * 16, bytes(routing))
    assert len(mac) == MAC_LENGTH
    routing[-1] ^= 1
    assert routing_mac(crypto, b"k" * 16, bytes(routing)) != mac
