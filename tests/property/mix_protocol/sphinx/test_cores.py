"""The compiled core and the one in Python give the same bytes for everything."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.compiled_sphinx import PacketRequest
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx.core import PythonSphinxCore, SphinxCore, sphinx_core
from mix_protocol.sphinx.geometry import MAX_HOPS, PacketSize
from mix_protocol.sphinx.packet import draw_packet
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

SECRETS = [SeededRandom(f"node {number}")(32) for number in range(6)]
SIZES = st.sampled_from([PacketSize.ACK, PacketSize.REGULAR, PacketSize.EXTENDED_8])
FIRST_BYTE = 16
"""Where a payload's message begins."""


@pytest.fixture(scope="module")
def compiled(crypto: CryptoProvider) -> SphinxCore:
    if crypto.sphinx is None:
        pytest.skip("the compiled Sphinx core is not installed, or not wanted")
    return sphinx_core(crypto)


@pytest.fixture(scope="module")
def python(crypto: CryptoProvider) -> SphinxCore:
    return PythonSphinxCore(crypto)


@st.composite
def packet_requests(draw: st.DrawFn, crypto: CryptoProvider) -> list[PacketRequest]:
    """Some packets of any sizes, routes and versions; the ones with room for it may carry an earlier one."""
    requests: list[PacketRequest] = []
    for number in range(draw(st.integers(1, 4))):
        nodes = draw(st.lists(st.sampled_from(SECRETS), min_size=1, max_size=MAX_HOPS))
        size = draw(SIZES)
        request = draw_packet(
            SeededRandom(draw(st.integers(0, 2**32))),
            route=[
                RouteHop(NodeAddress(IPv4Address(draw(st.integers(0, 2**32 - 1))), 1), crypto.x25519_public(secret))
                for secret in nodes
            ],
            delays_ns=draw(st.lists(st.integers(0, 2**64 - 1), min_size=len(nodes), max_size=len(nodes))),
            destination=draw(st.binary(min_size=32, max_size=32)),
            message=draw(st.binary(max_size=size.plaintext_length)),
            size=size,
            version=draw(st.sampled_from(SphinxVersion)),
            identifier=draw(st.binary(min_size=16, max_size=16)),
        )
        acks = [at for at, one in enumerate(requests) if len(one[5]) == PacketSize.ACK.payload_length]
        if acks and size is not PacketSize.ACK and draw(st.booleans()):
            request = (*request[:6], draw(st.sampled_from(acks)), FIRST_BYTE + draw(st.integers(0, 400)))
        requests.append(request)
        assert len(requests) == number + 1
    return requests


@settings(max_examples=40)
@given(data=st.data())
def test_packets_and_what_nodes_find_in_them(crypto, compiled, python, data):
    requests = data.draw(packet_requests(crypto))
    packets = compiled.build_packets(requests)
    assert packets == python.build_packets(requests)
    assert compiled.build_headers([one[:4] for one in requests]) == python.build_headers([one[:4] for one in requests])
    for secret in SECRETS:
        assert outcomes(compiled, secret, packets) == outcomes(python, secret, packets)


@settings(max_examples=60)
@given(data=st.data())
def test_packets_that_were_changed_on_their_way(crypto, compiled, python, data):
    packets = compiled.build_packets(data.draw(packet_requests(crypto)))
    for number, packet in enumerate(packets):
        at = data.draw(st.integers(0, len(packet)))
        cut = data.draw(st.sampled_from([at, at + 1, len(packet)]))
        packets[number] = packet[:at] + data.draw(st.binary(max_size=2)) + packet[cut:]
    for secret in SECRETS:
        assert outcomes(compiled, secret, packets) == outcomes(python, secret, packets)


@settings(max_examples=40)
@given(data=st.data())
def test_sealing_and_unsealing(compiled, python, data):
    size, hops, seed = data.draw(SIZES), data.draw(st.integers(1, MAX_HOPS)), data.draw(st.integers(0, 2**32))
    random = SeededRandom(seed)
    payload, seeds, keys = random(size.payload_length), random(hops * 16), random(hops * 192)
    assert compiled.seal(seeds, True, payload) == python.seal(seeds, True, payload)
    assert compiled.seal(keys, False, payload) == python.seal(keys, False, payload)
    assert compiled.unseal(seeds, payload) == python.unseal(seeds, payload)


@settings(max_examples=60)
@given(data=st.data())
def test_agreeing_with_any_point(compiled, python, data):
    keys = st.binary(min_size=32, max_size=32)
    requests = data.draw(st.lists(st.tuples(keys, keys), max_size=4))
    assert outcome(compiled.agree, requests) == outcome(python.agree, requests)


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except PeerMisbehaved as error:
        return type(error), error.fields


def outcomes(core: SphinxCore, secret: bytes, packets: list[bytes]) -> list[object]:
    return [
        (type(layer), layer.fields) if isinstance(layer, PeerMisbehaved) else layer
        for layer in core.process(secret, packets)
    ]
