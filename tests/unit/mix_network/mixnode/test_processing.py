import pytest

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.processing import Outcome, PacketProcessor
from mix_network.node_keys import SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.mixwire.frames import NodeFrame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import FinalPacket
from mix_protocol.topology.route import RouteHop

CRYPTO, RANDOM = NativeCrypto(), SeededRandom("processing")
SCHEDULE = RotationSchedule(epoch_duration_s=100, validity_epochs=10, genesis_unix_s=0.0)
ADDRESS = NodeAddress.from_text("127.0.0.1", 1789)


class Node:
    """A node just after a rotation's boundary: it holds the keys of rotations 3 and 2."""

    def __init__(self) -> None:
        self.keyring = SphinxKeyring(CRYPTO, RANDOM, SCHEDULE, 2900.0)
        self.keyring.update(3000.0)
        self.metrics = NodeMetrics("mix-1", "mix-node")
        self.processor = PacketProcessor(CRYPTO, self.keyring, self.metrics)

    def process(self, packet: bytes, key_rotation: KeyRotation) -> Outcome:
        (outcome,) = self.processor.process_frames([NodeFrame(packet, key_rotation)])
        return outcome

    def packet(self, rotation_id: int) -> bytes:
        (pair,) = (pair for pair in self.keyring.candidates(KeyRotation.UNKNOWN) if pair.rotation_id == rotation_id)
        return build_packet(
            CRYPTO,
            RANDOM,
            route=[RouteHop(ADDRESS, pair.public)],
            delays_ns=[0],
            destination=bytes(32),
            message=b"hello",
            size=PacketSize.ACK,
        )


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.mark.parametrize(
    ("made_for", "marked", "opens"),
    [
        (3, KeyRotation.ODD, True),
        (2, KeyRotation.EVEN, True),
        (3, KeyRotation.UNKNOWN, True),
        (2, KeyRotation.UNKNOWN, True),
        (3, KeyRotation.EVEN, False),
        (2, KeyRotation.ODD, False),
    ],
)
def test_the_mark_chooses_the_key(node: Node, made_for: int, marked: KeyRotation, opens: bool):
    processed = node.process(node.packet(made_for), marked)
    assert isinstance(processed, FinalPacket) is opens
    assert node.metrics.malformed == (not opens)


@pytest.mark.parametrize("marked", [KeyRotation.ODD, KeyRotation.UNKNOWN])
def test_a_packet_passes_once_however_it_is_marked(node: Node, marked: KeyRotation):
    packet = node.packet(3)
    assert node.process(packet, KeyRotation.ODD) is not None
    assert node.process(packet, marked) is None
    assert (node.metrics.replayed, node.metrics.dropped["replayed"]) == (1, 1)


def test_another_payload_under_a_seen_header_is_a_replay_too(node: Node):
    packet = node.packet(3)
    assert node.process(packet, KeyRotation.ODD) is not None
    assert node.process(packet[:-1] + bytes((packet[-1] ^ 1,)), KeyRotation.ODD) is None
    assert node.metrics.replayed == 1


def test_replays_are_remembered_as_long_as_their_key(node: Node):
    packet = node.packet(2)
    assert node.process(packet, KeyRotation.EVEN) is not None
    node.keyring.update(3100.0)
    node.processor.forget_old_rotations()
    assert node.process(packet, KeyRotation.EVEN) is None
    assert node.metrics.dropped["no_key_for_rotation"] == 1


@pytest.mark.parametrize("packet", [b"", bytes(386), b"x" * 2413, bytes(100)])
def test_garbage_is_counted(node: Node, packet: bytes):
    assert node.process(packet, KeyRotation.UNKNOWN) is None
    assert node.metrics.malformed == 1
    assert sum(node.metrics.dropped.values()) == 1


def test_many_at_once_are_judged_one_by_one(node: Node):
    """Each has its own key, a replay within one batch is one, and garbage costs only itself."""
    newer, older, garbage = node.packet(3), node.packet(2), bytes(386)
    frames = [
        NodeFrame(newer, KeyRotation.UNKNOWN),
        NodeFrame(older, KeyRotation.UNKNOWN),
        NodeFrame(garbage, KeyRotation.UNKNOWN),
        NodeFrame(newer, KeyRotation.UNKNOWN),
        NodeFrame(older, KeyRotation.EVEN),
        NodeFrame(node.packet(3), KeyRotation.ODD),
    ]
    outcomes = node.processor.process_frames(frames)
    assert [isinstance(outcome, FinalPacket) for outcome in outcomes] == [True, True, False, False, False, True]
    assert (node.metrics.malformed, node.metrics.replayed) == (1, 2)


def test_no_frames(node: Node):
    assert node.processor.process_frames([]) == []
