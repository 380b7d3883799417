import pytest

from mix_protocol.addressing import MalformedNodeAddress
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx.errors import BadPayload, InvalidRoute, MalformedSurb, MessageTooLong
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.payload import unpad_message
from mix_protocol.sphinx.processing import SealedPacket
from mix_protocol.sphinx.surb import Surb, SurbRecovery, build_sealing_surb, build_surb, surb_length
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
    assert len(surb.key_material) == hops
    assert surb.is_seeded is (version is not SphinxVersion.FULL_KEYS)
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


def make_sealing(network, seed="sealing"):
    return build_sealing_surb(
        network.crypto,
        SeededRandom(seed),
        route=network.route,
        delays_ns=(5,) * len(network.route),
        destination=MAKER,
    )


@pytest.mark.parametrize("hops", range(2, 6))
def test_only_the_maker_opens_a_sealed_reply(make_network, hops: int):
    network = make_network(hops)
    made, recovery = make_sealing(network)
    surb = Surb.decode(made.encode())
    assert len(made.encode()) == 396 == surb_length(SphinxVersion.LAST_SEED, 1)
    assert surb.is_sealing
    _, packet = surb.use(network.crypto, b"an answer", PacketSize.REGULAR)
    forwarded, final = network.walk(packet)
    assert len(forwarded) == hops - 1
    assert isinstance(final, SealedPacket)
    assert (final.destination, final.surb_identifier, final.version) == (MAKER, recovery.identifier, 260)
    assert len(final.payload) == PacketSize.REGULAR.payload_length
    with pytest.raises(BadPayload):
        unpad_message(final.payload)
    kept = SurbRecovery.decode(recovery.encode())
    assert kept == recovery
    assert kept.open(network.crypto, final.payload) == b"an answer"
    _, other = make_sealing(network, "other")
    with pytest.raises(BadPayload):
        other.open(network.crypto, final.payload)
    for at in (0, 40, len(final.payload) - 1):
        altered = bytearray(final.payload)
        altered[at] ^= 1
        with pytest.raises(BadPayload):
            kept.open(network.crypto, bytes(altered))


def test_an_identifier_is_never_zero(network):
    with pytest.raises(InvalidRoute):
        build_sealing_surb(
            network.crypto, lambda count: bytes(count), route=network.route, delays_ns=(5,) * 4, destination=MAKER
        )


@pytest.mark.parametrize("length", [0, 16, 31, 33, 112])
def test_a_recovery_record_has_one_to_five_seeds(length: int):
    with pytest.raises(MalformedSurb):
        SurbRecovery.decode(bytes(length))


def test_the_seeds_stay_out_of_repr(network):
    _, recovery = make_sealing(network)
    assert repr(recovery) == "SurbRecovery()"
