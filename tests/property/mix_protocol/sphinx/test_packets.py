"""Round trips of every shape, and garbage into whatever reads bytes."""

from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.payload import pad_message, unpad_message
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, process_packet
from mix_protocol.sphinx.surb import Surb, build_surb
from mix_protocol.sphinx.version import SphinxVersion

DELAYS = st.integers(0, 2**64 - 1)
ROUTES = st.lists(st.tuples(st.integers(0, 4), DELAYS), min_size=1, max_size=5)
IDENTITIES = st.binary(min_size=32, max_size=32)
SIZES = st.sampled_from(PacketSize)
VERSIONS = st.sampled_from(SphinxVersion)
SEEDS = st.integers(0, 2**64)
LENGTHS = st.sampled_from([size.packet_length for size in PacketSize])


def walk(crypto, route, packet: bytes) -> tuple[list[ForwardPacket], FinalPacket]:
    steps = []
    for secret, _ in route:
        processed = process_packet(crypto, secret, packet)
        if isinstance(processed, FinalPacket):
            return steps, processed
        steps.append(processed)
        packet = processed.packet
    raise AssertionError("the packet did not end")


@given(ROUTES, IDENTITIES, st.data(), SIZES, VERSIONS, SEEDS)
def test_packets_arrive(crypto, nodes, hops, destination, data, size, version, seed):
    route = [nodes[index] for index, _ in hops]
    message = data.draw(st.binary(max_size=min(300, size.plaintext_length)))
    packet = build_packet(
        crypto,
        SeededRandom(seed),
        route=[hop for _, hop in route],
        delays_ns=[delay for _, delay in hops],
        destination=destination,
        message=message,
        size=size,
        version=version,
    )
    assert len(packet) == size.packet_length
    steps, final = walk(crypto, route, packet)
    assert [step.delay_ns for step in steps] == [delay for _, delay in hops[:-1]]
    assert [step.next_hop for step in steps] == [hop.address for _, hop in route[1:]]
    assert {len(step.packet) for step in steps} <= {size.packet_length}
    assert final == FinalPacket(destination, bytes(16), message, version)


@given(ROUTES, IDENTITIES, st.data(), SIZES, VERSIONS, SEEDS)
def test_replies_arrive(crypto, nodes, hops, destination, data, size, version, seed):
    route = [nodes[index] for index, _ in hops]
    message = data.draw(st.binary(max_size=min(300, size.plaintext_length)))
    surb = build_surb(
        crypto,
        SeededRandom(seed),
        route=[hop for _, hop in route],
        delays_ns=[delay for _, delay in hops],
        destination=destination,
        version=version,
    )
    assert Surb.decode(surb.encode()) == surb
    first_hop, packet = surb.use(crypto, message, size)
    assert first_hop == route[0][1].address
    assert walk(crypto, route, packet)[1] == FinalPacket(destination, bytes(16), message, version)


@given(st.binary(max_size=2048))
def test_padding_comes_off(message: bytes):
    assert unpad_message(pad_message(message, PacketSize.REGULAR)) == message


@given(st.binary(max_size=80) | st.binary(max_size=60).map(bytes(16).__add__))
def test_any_payload_is_a_message_or_misbehaviour(payload: bytes):
    try:
        message = unpad_message(payload)
    except PeerMisbehaved:
        return
    assert payload.startswith(bytes(16) + message + b"\x01")


@given(st.binary(max_size=500) | LENGTHS.flatmap(lambda length: SEEDS.map(lambda s: SeededRandom(s)(length))))
def test_any_packet_is_processed_or_misbehaviour(crypto, nodes, data: bytes):
    try:
        process_packet(crypto, nodes[0][0], data)
    except PeerMisbehaved:
        return
    raise AssertionError("random bytes had a valid MAC")


@given(st.integers(0, 385), st.integers(1, 255), VERSIONS)
def test_any_change_to_a_packet_is_noticed(crypto, nodes, position: int, change: int, version):
    packet = bytearray(
        build_packet(
            crypto,
            SeededRandom("changed"),
            route=[nodes[0][1]],
            delays_ns=[0],
            destination=bytes(32),
            message=b"hello",
            size=PacketSize.ACK,
            version=version,
        )
    )
    packet[position] ^= change
    try:
        processed = process_packet(crypto, nodes[0][0], bytes(packet))
    except PeerMisbehaved:
        return
    # X25519 ignores the top bit of alpha: the same packet in other words, with the same replay tag.
    assert (position, change) == (31, 0x80)
    assert isinstance(processed, FinalPacket)
    assert processed.message == b"hello"


@given(st.binary(max_size=1500) | st.binary(max_size=200).map((bytes(348) + b"\4\6\xfd\x0a\0\0\1" + bytes(25)).__add__))
def test_any_bytes_are_a_surb_or_misbehaviour(data: bytes):
    try:
        surb = Surb.decode(data)
    except PeerMisbehaved:
        return
    assert 1 <= len(surb.key_material) <= 5
    assert len(surb.encode()) == len(data)


@given(
    st.binary(max_size=500)
    | st.tuples(st.binary(max_size=3), st.sampled_from([b"\4" + bytes(6), b"\6" + bytes(18)]), LENGTHS.map(bytes)).map(
        b"".join
    ),
    st.sampled_from([MixPacket.decode_v1, MixPacket.decode_v2]),
)
def test_any_bytes_are_a_forward_request_or_misbehaviour(data: bytes, decode):
    try:
        request = decode(data)
    except PeerMisbehaved:
        return
    encoded = request.encode_v1() if decode == MixPacket.decode_v1 else request.encode_v2()
    assert encoded == data


@given(st.sampled_from(KeyRotation), SIZES, st.data())
def test_truncated_requests_are_misbehaviour(nodes, rotation, size, data):
    encoded = MixPacket(nodes[0][1].address, bytes(size.packet_length), rotation).encode_v2()
    end = data.draw(st.integers(0, len(encoded) - 1))
    try:
        request = MixPacket.decode_v2(encoded[:end])
    except PeerMisbehaved:
        return
    # Cut at the length of a smaller size it is a request for that one.
    assert len(request.packet) < size.packet_length
