"""The mixer by itself: no event loop, and a clock that is an argument."""

from __future__ import annotations

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.mixer import Mixer
from mix_network.mixnode.processing import PacketProcessor
from mix_network.node_keys import HeldKeys, SphinxKeyPair
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.mixwire.frames import NodeFrame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket
from mix_protocol.topology.route import RouteHop

CRYPTO, RANDOM = NativeCrypto(), SeededRandom("mixer")
SECRET = RANDOM(32)
OWN = RouteHop(NodeAddress.from_text("127.0.0.1", 1789), CRYPTO.x25519_public(SECRET))
NEXT = RouteHop(NodeAddress.from_text("127.0.0.1", 1790), CRYPTO.x25519_public(RANDOM(32)))
EVEN = KeyRotation.from_rotation_id(2)


def frame(delay_s: float = 0.0, *, ends_here: bool = False) -> NodeFrame:
    route = [OWN] if ends_here else [OWN, NEXT]
    delays_ns = [round(delay_s * 1e9)] + [0] * (len(route) - 1)
    size = PacketSize.REGULAR
    packet = build_packet(
        CRYPTO, RANDOM, route=route, delays_ns=delays_ns, destination=bytes(32), message=b"hi", size=size
    )
    return NodeFrame(packet, EVEN)


def mixer(metrics: NodeMetrics) -> Mixer:
    keys = HeldKeys([SphinxKeyPair(2, SECRET, OWN.sphinx_key)])
    return Mixer(PacketProcessor(CRYPTO, keys, metrics), metrics, mixes=True)


def test_what_goes_on_is_held_and_what_ends_here_is_given():
    metrics = NodeMetrics("mix", "mix-node")
    subject = mixer(metrics)
    onward, final = subject.receive([frame(0.5), frame(ends_here=True)], 100.0)
    assert isinstance(onward, ForwardPacket)
    assert isinstance(final, FinalPacket)
    assert final.message == b"hi"
    assert (subject.next_timeout(), metrics.waiting) == (100.5, 1)
    assert subject.release(100.49) == []
    assert subject.release(100.5) == [(NEXT.address, onward.packet, EVEN)]
    assert (subject.next_timeout(), metrics.waiting) == (None, 0)


def test_a_packet_is_taken_once():
    metrics = NodeMetrics("mix", "mix-node")
    subject, again = mixer(metrics), frame(0.1)
    assert [outcome is None for outcome in subject.receive([again, again], 0.0)] == [False, True]
    assert (metrics.waiting, metrics.dropped) == (1, {"replayed": 1})
