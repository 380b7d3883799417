from ipaddress import IPv4Address, IPv6Address

import pytest

from mix_protocol.addressing import InvalidNodeAddress, MalformedNodeAddress, NodeAddress

V4 = NodeAddress(IPv4Address("127.0.0.1"), 17801)
V6 = NodeAddress(IPv6Address("2001:db8::1"), 1789)


def test_encoding_puts_the_family_then_the_port_then_the_octets():
    assert V4.encode() == bytes([4, 0x45, 0x89, 127, 0, 0, 1])
    assert V6.encode() == bytes([6, 0x06, 0xFD]) + bytes.fromhex("20010db8000000000000000000000001")
    assert (len(V4.encode()), len(V6.encode())) == (7, 19)


def test_padding_fills_with_zeros():
    assert V4.encode_padded(32) == V4.encode() + bytes(25)
    assert V6.encode_padded(19) == V6.encode()


def test_padding_into_too_little_space_is_refused():
    with pytest.raises(InvalidNodeAddress):
        V6.encode_padded(18)


@pytest.mark.parametrize("address", [V4, V6])
def test_decoding_ignores_what_follows(address: NodeAddress):
    assert NodeAddress.decode(address.encode()) == address
    assert NodeAddress.decode(address.encode_padded(32)) == address
    assert NodeAddress.decode(address.encode() + b"\xff" * 13) == address
    assert NodeAddress.decode_prefix(memoryview(address.encode() + b"more")) == (address, len(address.encode()))


@pytest.mark.parametrize("data", [b"", b"\4", b"\5" + bytes(31), V4.encode()[:-1], V6.encode()[:-1], b"\xff" * 32])
def test_malformed_bytes(data: bytes):
    with pytest.raises(MalformedNodeAddress):
        NodeAddress.decode(data)


def test_text():
    assert str(V4) == "127.0.0.1:17801"
    assert str(V6) == "[2001:db8::1]:1789"
    assert NodeAddress.from_text("127.0.0.1", 17801) == V4


@pytest.mark.parametrize(("ip", "port"), [("localhost", 1), ("256.1.1.1", 1), ("127.0.0.1", 65536), ("::1", -1)])
def test_invalid_addresses(ip: str, port: int):
    with pytest.raises(InvalidNodeAddress) as caught:
        NodeAddress.from_text(ip, port)
    assert ip not in str(caught.value)
