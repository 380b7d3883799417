import pytest

from mix_protocol.addressing import MalformedNodeAddress
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx.errors import InvalidRoute, MalformedSurb, MessageTooLong
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.surb import Surb, build_surb, surb_length
from mix_protocol.sphinx.version import SphinxVersion

MAKER = b"\x42" * 32


def make_surb(network, version: SphinxVersion = SphinxVersion.SEEDED) -> Surb:
    hops = len(network.route)
    return build_surb(
        network.crypto,
        SeededRandom("surb"),
        route=network.route,
        delays_ns=(5,) * hops,
        destination=MAKER,
        version=version,
    )


@pytest.mark.parametrize("version", SphinxVersion)
@pytest.mark.parametrize("hops", range(1, 6))
def test_a_reply_reaches_the_maker(make_network, hops: int, version: SphinxVersion):
    network = make_network(hops)
    surb = Surb.decode(make_surb(network, version).encode())
    assert (surb.hops, surb.version) == (hops, version)
    first_hop, packet = surb.use(network.crypto, b"an answer", PacketSize.REGULAR)
    assert first_hop == network.route[0].address
    forwarded, final = network.walk(packet)
    assert [step.next_hop for step in forwarded] == [hop.address for hop in network.route[1:]]
    assert (final.destination, final.message, final.version) == (MAKER, b"an answer", version)


@pytest.mark.parametrize(
    ("version", "length"), [(SphinxVersion.SEEDED, 348 + 32 + 64), (SphinxVersion.FULL_KEYS, 348 + 32 + 768)]
)
def test_encoding(network, version: SphinxVersion, length: int):
    surb = make_surb(network, version)
    encoded = surb.encode()
    assert len(encoded) == length == surb_length(version, 4)
    assert encoded[348:380] == network.route[0].address.encode_padded(32)
    assert Surb.decode(encoded) == Surb.decode(memoryview(encoded)) == surb


@pytest.mark.parametrize("material", [0, 1, 15, 17, 96, 176, 191, 193, 960 + 192, 16 * 400])
def test_lengths_that_no_number_of_hops_gives(network, material: int):
    encoded = make_surb(network).encode()[:380] + bytes(material)
    with pytest.raises(MalformedSurb):
        Surb.decode(encoded)


@pytest.mark.parametrize("length", [0, 100, 348, 379])
def test_truncated(network, length: int):
    with pytest.raises(MalformedSurb):
        Surb.decode(make_surb(network).encode()[:length])


def test_a_first_hop_that_is_no_address(network):
    encoded = make_surb(network).encode()
    with pytest.raises(MalformedNodeAddress):
        Surb.decode(encoded[:348] + bytes(32) + encoded[380:])


def test_a_message_that_is_too_long(network):
    with pytest.raises(MessageTooLong):
        make_surb(network).use(network.crypto, bytes(22), PacketSize.ACK)


def test_a_route_of_no_hops(crypto):
    with pytest.raises(InvalidRoute):
        build_surb(crypto, SeededRandom(1), route=[], delays_ns=[], destination=MAKER)


def test_the_material_stays_out_of_repr(network):
    surb = make_surb(network)
    assert repr(surb) == f"Surb(first_hop={surb.first_hop!r})"
