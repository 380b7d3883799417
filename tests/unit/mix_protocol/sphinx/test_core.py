"""Which core does the work, and how the compiled one's answers are taken."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from mix_protocol.crypto import compiled_sphinx
from mix_protocol.crypto.provider import CryptoProvider, InvalidPublicKey
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.sphinx.core import CARRIES_NOTHING, CompiledSphinxCore, PythonSphinxCore, sphinx_core
from mix_protocol.sphinx.errors import BadMac, UnknownPacketSize
from mix_protocol.sphinx.geometry import HEADER_LENGTH, PacketSize
from mix_protocol.sphinx.packet import draw_packet
from mix_protocol.sphinx.surb import draw_surb

LOW_ORDER = bytes(32)
ON_THE_TWIST = (2).to_bytes(32, "little")


class LeavesAllToPython:
    """A compiled core that works with no key at all."""

    BAD_LENGTH, BAD_KEY, BAD_MAC = 1, 2, 3

    def build_headers(self, requests):
        return [None] * len(requests)

    build_packets = agree = build_headers

    def seal(self, material, is_seeded, payload):
        raise AssertionError("nothing is sealed here")

    unseal = seal

    def process(self, node_secret, packets):
        return [1, 2, 3][: len(packets)]


def request(network, seed: int, **changes):
    arguments = {
        "route": network.route,
        "delays_ns": range(len(network.route)),
        "destination": bytes(32),
        "message": b"hello",
        "size": PacketSize.REGULAR,
    }
    return draw_packet(SeededRandom(seed), **(arguments | changes))


def test_a_provider_without_a_compiled_core_works_in_python():
    assert isinstance(sphinx_core(SimpleNamespace(sphinx=None)), PythonSphinxCore)


def test_the_compiled_core_is_used_where_it_is():
    assert isinstance(sphinx_core(SimpleNamespace(sphinx=LeavesAllToPython())), CompiledSphinxCore)


def test_it_can_be_left_alone(monkeypatch):
    monkeypatch.setenv("MIX_SPHINX_CORE", "python")
    monkeypatch.setitem(sys.modules, "mix_sphinx_core", LeavesAllToPython())
    assert compiled_sphinx.load_compiled_sphinx() is None


def test_it_need_not_be_installed(monkeypatch):
    monkeypatch.delenv("MIX_SPHINX_CORE", raising=False)
    monkeypatch.setitem(sys.modules, "mix_sphinx_core", None)
    assert compiled_sphinx.load_compiled_sphinx() is None


def test_it_is_loaded_with_the_provider_and_not_before():
    code = (
        "import sys; from mix_protocol.crypto.native import NativeCrypto\n"
        "assert 'mix_sphinx_core' not in sys.modules\n"
        "assert NativeCrypto().sphinx is sys.modules.get('mix_sphinx_core')\n"
    )
    if sys.platform == "emscripten":
        pytest.skip("it has no processes")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_it_leaves_out_is_done_in_python(crypto: CryptoProvider, network):
    python = PythonSphinxCore(crypto)
    core = CompiledSphinxCore(LeavesAllToPython(), crypto)
    ack = request(network, 1, size=PacketSize.ACK)
    carrier = (*request(network, 2)[:6], 0, 35)
    assert core.build_packets([ack, carrier]) == python.build_packets([ack, carrier])
    surbs = [
        draw_surb(SeededRandom(seed), route=network.route, delays_ns=[0] * 4, destination=bytes(32)).header
        for seed in range(3)
    ]
    assert core.build_headers(surbs) == python.build_headers(surbs)
    pair = (bytes(range(32)), network.route[0].sphinx_key)
    assert core.agree([pair]) == [(crypto.x25519_public(pair[0]), crypto.x25519(*pair))]


def test_its_reasons_are_the_errors_of_ours(crypto: CryptoProvider):
    core = CompiledSphinxCore(LeavesAllToPython(), crypto)
    wrong_length, bad_key, bad_mac = core.process(bytes(32), [b"x" * 5, b"", b""])
    assert isinstance(wrong_length, UnknownPacketSize)
    assert wrong_length.fields == {"length": 5}
    assert isinstance(bad_key, InvalidPublicKey)
    assert isinstance(bad_mac, BadMac)


def test_a_packet_carries_an_earlier_one(crypto: CryptoProvider, make_network):
    """Under one layer each, so that the second's can be taken off at once."""
    network = make_network(1)
    at = 16 + 19
    ack, carrier = request(network, 1, size=PacketSize.ACK), request(network, 2, message=bytes(500))
    ack_packet, plain = sphinx_core(crypto).build_packets([ack, carrier])
    again, packet = sphinx_core(crypto).build_packets([ack, (*carrier[:6], 0, at)])
    assert again == ack_packet
    assert packet[:HEADER_LENGTH] == plain[:HEADER_LENGTH]
    ((_, _, payload),) = sphinx_core(crypto).process(network.secrets[0], [packet])
    assert payload == bytes(at) + ack_packet + bytes(16 + 500 - at - len(ack_packet)) + b"\1" + bytes(1548)
    assert carrier[6] == CARRIES_NOTHING


@pytest.mark.parametrize("key", [LOW_ORDER, (1).to_bytes(32, "little")])
def test_node_keys_of_low_order(crypto: CryptoProvider, network, key: bytes):
    route = [*network.route[:1], type(network.route[0])(network.route[1].address, key), *network.route[2:]]
    spoilt = request(network, 1, route=route)
    for core in (sphinx_core(crypto), PythonSphinxCore(crypto)):
        with pytest.raises(InvalidPublicKey):
            core.build_packets([request(network, 2), spoilt])
        with pytest.raises(InvalidPublicKey):
            core.build_headers([spoilt[:4]])
        with pytest.raises(InvalidPublicKey):
            core.agree([(bytes(range(32)), key)])


def test_node_keys_on_the_twist_work_as_by_the_definition(crypto: CryptoProvider, network):
    route = [*network.route[:1], type(network.route[0])(network.route[1].address, ON_THE_TWIST), *network.route[2:]]
    requests = [request(network, 2), request(network, 1, route=route), request(network, 3)]
    assert sphinx_core(crypto).build_packets(requests) == PythonSphinxCore(crypto).build_packets(requests)
