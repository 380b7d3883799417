"""The derived lengths are those that the specification states."""

import pytest

from mix_protocol.sphinx import geometry
from mix_protocol.sphinx.errors import UnknownPacketSize
from mix_protocol.sphinx.geometry import PacketSize


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("PAYLOAD_KEY_LENGTH", 192),
        ("EXPANDED_SECRET_LENGTH", 288),
        ("FORWARD_META_LENGTH", 44),
        ("FINAL_META_LENGTH", 52),
        ("ROUTING_STEP_LENGTH", 60),
        ("ROUTING_LENGTH", 300),
        ("ROUTING_STREAM_LENGTH", 360),
        ("HEADER_LENGTH", 348),
        ("PAYLOAD_OVERHEAD", 17),
        ("PACKET_OVERHEAD", 365),
        ("MAX_PACKET_LENGTH", 33133),
    ],
)
def test_lengths(name: str, length: int):
    assert getattr(geometry, name) == length


@pytest.mark.parametrize(
    ("size", "tag", "packet", "payload", "plaintext"),
    [
        (PacketSize.REGULAR, 1, 2413, 2065, 2048),
        (PacketSize.ACK, 2, 386, 38, 21),
        (PacketSize.EXTENDED_32, 3, 33133, 32785, 32768),
        (PacketSize.EXTENDED_8, 4, 8557, 8209, 8192),
        (PacketSize.EXTENDED_16, 5, 16749, 16401, 16384),
    ],
)
def test_sizes(size: PacketSize, tag: int, packet: int, payload: int, plaintext: int):
    assert (size.tag, size.packet_length, size.payload_length, size.plaintext_length) == (
        tag,
        packet,
        payload,
        plaintext,
    )
    assert PacketSize.from_packet_length(packet) is size
    assert PacketSize.from_tag(tag) is size


def test_other_lengths_and_tags_do_not_exist():
    for length in (0, 365, 385, 387, 2371, 2377, 2412, 2414, 10**9):
        with pytest.raises(UnknownPacketSize):
            PacketSize.from_packet_length(length)
    for tag in (0, 6, 7, 255):
        with pytest.raises(UnknownPacketSize):
            PacketSize.from_tag(tag)
