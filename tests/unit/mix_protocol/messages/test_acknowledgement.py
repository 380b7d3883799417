from ipaddress import IPv4Address, IPv6Address

import pytest

from mix_protocol.addressing import MalformedNodeAddress, NodeAddress
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.acknowledgement import MalformedAck, SurbAck, decode_ack, draw_surb_ack, split_surb_ack
from mix_protocol.messages.fragment import FragmentIdentifier, MalformedFragment
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, process_packet
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

ACK_KEY = bytes(range(16))
ADDRESSES = [NodeAddress(IPv4Address("10.0.0.1"), 1789), NodeAddress(IPv6Address("2001:db8::1"), 1790)]


@pytest.mark.parametrize("version", SphinxVersion)
def test_an_ack_returns_along_its_route(crypto: CryptoProvider, random: SeededRandom, version: SphinxVersion):
    secrets = [random(32) for _ in range(4)]
    addresses = [NodeAddress(IPv4Address(f"10.0.0.{number}"), 1789) for number in range(4)]
    route = [RouteHop(at, crypto.x25519_public(secret)) for at, secret in zip(addresses, secrets, strict=True)]
    identifier = FragmentIdentifier(12345, 1)
    request = draw_surb_ack(
        crypto,
        random,
        route=route,
        delays_ns=(1, 2, 3, 4),
        destination=b"d" * 32,
        ack_key=ACK_KEY,
        identifier=identifier,
        iv=random(16),
        version=version,
    )
    ack = SurbAck(addresses[0], *sphinx_core(crypto).build_packets([request]))

    assert ack.first_hop == addresses[0]
    assert len(ack.packet) == PacketSize.ACK.packet_length
    packet = ack.packet
    for secret in secrets[:-1]:
        forward = process_packet(crypto, secret, packet)
        assert isinstance(forward, ForwardPacket)
        assert forward.version == version
        packet = forward.packet
    final = process_packet(crypto, secrets[-1], packet)
    assert isinstance(final, FinalPacket)
    assert final.destination == b"d" * 32
    assert decode_ack(crypto, ACK_KEY, final.message) == identifier


def test_the_identifier_is_encrypted_as_in_the_model(crypto: CryptoProvider):
    # tests/vectors/sphinx-model.json, ack_identifier
    content = bytes.fromhex("101112131415161718191a1b1c1d1e1f07fedf4de0")
    assert decode_ack(crypto, ACK_KEY, content) == FragmentIdentifier(12345, 1)


def test_foreign_acks_are_refused(crypto: CryptoProvider):
    for length in (0, 20, 22, 48):
        with pytest.raises(MalformedAck):
            decode_ack(crypto, ACK_KEY, bytes(length))
    negative = bytes(16) + crypto.aes128_ctr_iv(ACK_KEY, bytes(16), b"\xff\xff\xff\xff\x01")
    with pytest.raises(MalformedFragment):
        decode_ack(crypto, ACK_KEY, negative)


@pytest.mark.parametrize("first_hop", ADDRESSES, ids=["IPv4", "IPv6"])
def test_surb_acks_encode_and_split(first_hop: NodeAddress):
    ack = SurbAck(first_hop, b"p" * 386)
    encoded = ack.encode()
    assert len(encoded) == 405
    assert SurbAck.decode(encoded) == ack
    assert split_surb_ack(encoded + b"rest") == (ack, b"rest")
    assert split_surb_ack(encoded) == (ack, b"")


def test_malformed_surb_acks_are_refused():
    with pytest.raises(MalformedAck):
        split_surb_ack(bytes(404))
    with pytest.raises(MalformedAck):
        SurbAck.decode(bytes(406))
    with pytest.raises(MalformedNodeAddress):
        split_surb_ack(bytes(2048))


def test_a_surb_ack_shows_no_packet():
    assert "p" * 10 not in repr(SurbAck(ADDRESSES[0], b"p" * 386))
