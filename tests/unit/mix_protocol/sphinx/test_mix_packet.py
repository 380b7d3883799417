from ipaddress import IPv4Address, IPv6Address

import pytest

from mix_protocol.addressing import KeyRotation, MalformedNodeAddress, NodeAddress, UnknownKeyRotation
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx.errors import MalformedMixPacket, UnknownPacketSize
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket

PACKET = bytes(range(250)) + bytes(PacketSize.ACK.packet_length - 250)
V4 = MixPacket(NodeAddress(IPv4Address("10.0.0.1"), 1789), PACKET, KeyRotation.EVEN)
V6 = MixPacket(NodeAddress(IPv6Address("::1"), 1789), PACKET, KeyRotation.ODD)


def test_encodings():
    assert V4.encode_v1() == bytes([0, 4, 6, 0xFD, 10, 0, 0, 1]) + PACKET
    assert V4.encode_v2() == bytes([0, 2, 4, 6, 0xFD, 10, 0, 0, 1]) + PACKET


@pytest.mark.parametrize("request_", [V4, V6], ids=["v4", "v6"])
def test_round_trips(request_: MixPacket):
    assert MixPacket.decode_v2(request_.encode_v2()) == request_
    assert MixPacket.decode_v2(memoryview(request_.encode_v2())) == request_
    without_rotation = MixPacket(request_.first_hop, request_.packet, KeyRotation.UNKNOWN)
    assert MixPacket.decode_v1(request_.encode_v1()) == without_rotation


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", MalformedMixPacket),
        (b"\0", MalformedMixPacket),
        (b"\2" + V4.encode_v2()[1:], MalformedMixPacket),
        (b"\0\3" + V4.encode_v2()[2:], UnknownKeyRotation),
        (b"\0\1", MalformedNodeAddress),
        (b"\0\1\5" + V4.encode_v2()[3:], MalformedNodeAddress),
        (V4.encode_v2()[:-1], UnknownPacketSize),
        (V4.encode_v2() + b"\0", UnknownPacketSize),
        (V4.encode_v1(), PeerMisbehaved),
    ],
)
def test_malformed_v2(data: bytes, error: type[Exception]):
    with pytest.raises(error):
        MixPacket.decode_v2(data)


@pytest.mark.parametrize("data", [b"", b"\0", b"\1" + V4.encode_v1()[1:], V4.encode_v1()[:-1], V4.encode_v2()])
def test_malformed_v1(data: bytes):
    with pytest.raises(PeerMisbehaved):
        MixPacket.decode_v1(data)
