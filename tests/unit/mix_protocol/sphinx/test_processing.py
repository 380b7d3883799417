"""What a node makes of packets that are not as they should be."""

import pytest

from mix_protocol.addressing import MalformedNodeAddress
from mix_protocol.crypto.provider import InvalidPublicKey
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx import header
from mix_protocol.sphinx.errors import BadMac, BadPayload, UnknownPacketSize, UnknownRoutingFlag
from mix_protocol.sphinx.geometry import HEADER_LENGTH, PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, open_header, process_packet


@pytest.fixture
def build(network):
    def build():
        return build_packet(
            network.crypto,
            SeededRandom("processing"),
            route=network.route,
            delays_ns=(1, 2, 3, 4),
            destination=bytes(32),
            message=b"hello",
            size=PacketSize.ACK,
        )

    return build


@pytest.fixture
def packet(build) -> bytes:
    return build()


def test_opening_and_processing_in_two_steps(network, packet):
    opened = open_header(network.crypto, network.secrets[0], packet)
    assert len(opened.replay_tag) == 32
    assert opened.process() == process_packet(network.crypto, network.secrets[0], packet)


def test_the_replay_tag_belongs_to_the_header_alone(network, packet):
    same_header = packet[:HEADER_LENGTH] + bytes(len(packet) - HEADER_LENGTH)
    tags = {open_header(network.crypto, network.secrets[0], data).replay_tag for data in (packet, same_header)}
    assert len(tags) == 1


def test_each_hop_sees_another_replay_tag(network, packet):
    tags = []
    for secret in network.secrets:
        opened = open_header(network.crypto, secret, packet)
        tags.append(opened.replay_tag)
        processed = opened.process()
        if isinstance(processed, ForwardPacket):
            packet = processed.packet
    assert len(set(tags)) == 4


def test_another_nodes_key(network, packet):
    with pytest.raises(BadMac):
        open_header(network.crypto, network.secrets[1], packet)


@pytest.mark.parametrize("position", [0, 31, 32, 47, 48, 347])
def test_a_changed_header(network, packet, position):
    altered = bytearray(packet)
    altered[position] ^= 1
    with pytest.raises(BadMac):
        open_header(network.crypto, network.secrets[0], bytes(altered))


def test_the_top_bit_of_alpha_is_ignored(network, packet):
    altered = bytearray(packet)
    altered[31] ^= 0x80
    assert process_packet(network.crypto, network.secrets[0], bytes(altered)) == process_packet(
        network.crypto, network.secrets[0], packet
    )


def test_a_changed_payload_is_noticed_at_the_last_hop(network, packet):
    altered = packet[:-1] + bytes((packet[-1] ^ 1,))
    for secret in network.secrets[:-1]:
        processed = process_packet(network.crypto, secret, altered)
        assert isinstance(processed, ForwardPacket)
        altered = processed.packet
    with pytest.raises(BadPayload):
        process_packet(network.crypto, network.secrets[-1], altered)


@pytest.mark.parametrize("u", [0, 1])
def test_alpha_of_low_order(network, packet, u):
    with pytest.raises(InvalidPublicKey):
        open_header(network.crypto, network.secrets[0], u.to_bytes(32, "little") + packet[32:])


@pytest.mark.parametrize("length", [0, 31, 347, 348, 365, 385, 387, 2412])
def test_lengths_that_no_packet_has(network, length):
    with pytest.raises(UnknownPacketSize):
        open_header(network.crypto, network.secrets[0], bytes(length))


@pytest.mark.parametrize("flag", [0, 3, 255])
def test_an_authentic_block_with_an_unknown_flag(network, build, monkeypatch, flag):
    encode = header.encode_forward_meta
    monkeypatch.setattr(header, "encode_forward_meta", lambda *parts: bytes((flag,)) + encode(*parts)[1:])
    with pytest.raises(UnknownRoutingFlag) as caught:
        process_packet(network.crypto, network.secrets[0], build())
    assert caught.value.fields == {"flag": flag}


def test_an_authentic_block_without_a_next_hop(network, build, monkeypatch):
    encode = header.encode_forward_meta
    monkeypatch.setattr(header, "encode_forward_meta", lambda version, _, delay_ns: encode(version, b"", delay_ns))
    with pytest.raises(MalformedNodeAddress):
        process_packet(network.crypto, network.secrets[0], build())


def test_a_version_from_the_future_is_processed_as_seeded(network, monkeypatch, build):
    encode_forward, encode_final = header.encode_forward_meta, header.encode_final_meta
    monkeypatch.setattr(header, "encode_forward_meta", lambda _version, *rest: encode_forward(300, *rest))
    monkeypatch.setattr(header, "encode_final_meta", lambda _version, *rest: encode_final(300, *rest))
    forwarded, final = network.walk(build())
    assert {step.version for step in (*forwarded, final)} == {300}
    assert final.message == b"hello"


def test_contents_stay_out_of_repr(network, packet):
    opened = open_header(network.crypto, network.secrets[0], packet)
    assert repr(opened) == "OpenedHeader()"
    assert "packet" not in repr(opened.process()).lower().replace("forwardpacket", "")
    final = FinalPacket(b"d" * 32, bytes(16), b"secret", 259)
    assert "secret" not in repr(final)
    assert "dddd" not in repr(final)
