"""Packets of all shapes go through their nodes; what the sender may not ask for is refused."""

import pytest

from mix_protocol.crypto.provider import InvalidPublicKey
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx.errors import InvalidRoute, MessageTooLong
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

DESTINATION = bytes(range(32))


@pytest.fixture
def build(network):
    def build(**changes):
        arguments = {
            "route": network.route,
            "delays_ns": (1, 2, 3, 4),
            "destination": DESTINATION,
            "message": b"hello",
            "size": PacketSize.ACK,
        }
        return build_packet(network.crypto, SeededRandom("packet"), **{**arguments, **changes})

    return build


@pytest.mark.parametrize("version", SphinxVersion)
@pytest.mark.parametrize("hops", range(1, 6))
def test_a_packet_visits_every_hop_and_arrives(make_network, hops: int, version: SphinxVersion):
    network = make_network(hops)
    delays = tuple(1000 * i for i in range(1, hops + 1))
    packet = build_packet(
        network.crypto,
        SeededRandom("visits"),
        route=network.route,
        delays_ns=delays,
        destination=DESTINATION,
        message=b"hello",
        size=PacketSize.REGULAR,
        version=version,
    )
    forwarded, final = network.walk(packet)
    assert [step.next_hop for step in forwarded] == [hop.address for hop in network.route[1:]]
    assert tuple(step.delay_ns for step in forwarded) == delays[:-1]
    assert {len(step.packet) for step in forwarded} <= {PacketSize.REGULAR.packet_length}
    assert {step.version for step in (*forwarded, final)} == {version}
    assert (final.destination, final.surb_identifier, final.message) == (DESTINATION, bytes(16), b"hello")


@pytest.mark.parametrize("size", PacketSize)
def test_every_size_carries_its_full_plaintext(network, build, size: PacketSize):
    message = SeededRandom("full")(size.plaintext_length)
    packet = build(message=message, size=size)
    assert len(packet) == size.packet_length
    assert network.walk(packet)[1].message == message


def test_the_version_is_259_unless_asked_otherwise(network, build):
    assert network.walk(build())[1].version == SphinxVersion.SEEDED


def test_the_same_randomness_gives_the_same_packet(build):
    assert build() == build()


def test_the_longest_delay_fits(network, build):
    forwarded, _ = network.walk(build(delays_ns=(2**64 - 1, 0, 1, 2)))
    assert forwarded[0].delay_ns == 2**64 - 1


@pytest.mark.parametrize(
    "changes",
    [
        {"route": [], "delays_ns": ()},
        {"delays_ns": (1, 2, 3)},
        {"delays_ns": (1, 2, 3, 4, 5)},
        {"delays_ns": (-1, 0, 0, 0)},
        {"delays_ns": (2**64, 0, 0, 0)},
        {"destination": bytes(31)},
        {"destination": bytes(33)},
    ],
)
def test_what_a_header_can_not_say(build, changes):
    with pytest.raises(InvalidRoute):
        build(**changes)


def test_six_hops_do_not_fit(build, make_network):
    with pytest.raises(InvalidRoute):
        build(route=make_network(6).route, delays_ns=(0,) * 6)


def test_a_message_that_is_too_long(build):
    with pytest.raises(MessageTooLong):
        build(message=bytes(22))


@pytest.mark.parametrize("key", [bytes(32), (1).to_bytes(32, "little"), b"short", b""])
def test_a_node_key_that_is_none(build, network, key: bytes):
    route = [*network.route[:2], RouteHop(network.route[2].address, key), network.route[3]]
    with pytest.raises(InvalidPublicKey):
        build(route=route)
