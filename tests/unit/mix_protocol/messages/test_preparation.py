from dataclasses import replace

import pytest
from support.memory_mixnet import MemoryMixnet

from mix_protocol.addressing import KeyRotation, Recipient
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.acknowledgement import ack_iv, decode_ack, split_surb_ack
from mix_protocol.messages.cover import cover_content
from mix_protocol.messages.encryption import decrypt_from_sender
from mix_protocol.messages.fragment import COVER, Fragment, split_message
from mix_protocol.messages.geometry import DATA_SIZES
from mix_protocol.messages.preparation import InvalidFragmentLength, MessagePreparer, NoTopology, PreparedPacket
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.processing import FinalPacket, process_packet
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.errors import UnknownGateway

ACK_KEY = b"ack key 16 bytes"


class Stage:
    """A client and a recipient at two gateways, and the view of someone who holds every node's key."""

    def __init__(self) -> None:
        self.mixnet = MemoryMixnet(seed=3)
        self.own, self.own_secret = self.mixnet.new_recipient(self.mixnet.gateways[0])
        self.recipient, self.recipient_secret = self.mixnet.new_recipient(self.mixnet.gateways[1])
        self.preparer = MessagePreparer(
            self.mixnet.crypto, SeededRandom("preparer"), self.own, ACK_KEY, topology=self.mixnet.topology
        )

    def deliver(self, prepared: PreparedPacket) -> tuple[FinalPacket, float, int]:
        """Follow a packet to its end; give that, the seconds it was held, and the number of hops."""
        address, packet = prepared.packet.first_hop, prepared.packet.packet
        held_ns = hops = 0
        while True:
            hops += 1
            done = process_packet(
                self.mixnet.crypto, self.mixnet._secrets[address, self.mixnet.topology.key_rotation], packet
            )
            assert done.version == SphinxVersion.SEEDED, "each hop reads the version, so it must not tell what this is"
            if isinstance(done, FinalPacket):
                return done, held_ns / 1e9, hops
            held_ns += done.delay_ns
            address, packet = done.next_hop, done.packet


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


def fragment_for(size: PacketSize = PacketSize.REGULAR) -> Fragment:
    (fragment,) = split_message(SeededRandom("set"), b"message", size)
    return fragment


@pytest.mark.parametrize("size", DATA_SIZES)
def test_a_fragment_reaches_its_recipient_and_its_ack_comes_back(stage: Stage, size: PacketSize):
    fragment = fragment_for(size)
    prepared = stage.preparer.prepare(fragment, stage.recipient)
    assert len(prepared.packet.packet) == size.packet_length
    assert prepared.packet.key_rotation is KeyRotation.ODD
    assert prepared.fragment == fragment.identifier

    final, held_s, hops = stage.deliver(prepared)
    assert (final.destination, hops) == (stage.recipient.identity, 4)
    ack, pushed = split_surb_ack(final.message)
    content = decrypt_from_sender(stage.mixnet.crypto, stage.recipient_secret, pushed)
    assert Fragment.decode(content) == fragment

    ack_packet = replace(prepared, packet=replace(prepared.packet, first_hop=ack.first_hop, packet=ack.packet))
    returned, ack_held_s, _ = stage.deliver(ack_packet)
    assert returned.destination == stage.own.identity
    assert decode_ack(stage.mixnet.crypto, ACK_KEY, returned.message) == fragment.identifier
    assert ack_iv(returned.message) == prepared.ack_iv
    assert prepared.round_trip_s == pytest.approx(held_s + ack_held_s)


def test_cover_loops_back_and_looks_like_data_to_every_hop(stage: Stage):
    prepared = stage.preparer.prepare_cover()
    final, held_s, _ = stage.deliver(prepared)
    assert final.destination == stage.own.identity
    ack, pushed = split_surb_ack(final.message)
    assert decrypt_from_sender(stage.mixnet.crypto, stage.own_secret, pushed) == cover_content()
    ack_packet = replace(prepared, packet=replace(prepared.packet, first_hop=ack.first_hop, packet=ack.packet))
    returned, ack_held_s, _ = stage.deliver(ack_packet)
    assert decode_ack(stage.mixnet.crypto, ACK_KEY, returned.message) == COVER == prepared.fragment
    assert prepared.round_trip_s == pytest.approx(held_s + ack_held_s)


def test_a_reply_takes_the_way_that_its_surb_gives(stage: Stage):
    surb = stage.preparer.make_reply_surb()
    assert len(surb.encode()) == 460
    assert surb.key_rotation is KeyRotation.ODD
    replier = MessagePreparer(
        stage.mixnet.crypto, SeededRandom("replier"), stage.recipient, b"r" * 16, topology=stage.mixnet.topology
    )
    fragment = fragment_for()
    prepared = replier.prepare_reply(fragment, replace(surb, key_rotation=KeyRotation.EVEN))
    assert prepared.packet.key_rotation is KeyRotation.EVEN
    assert prepared.round_trip_s >= 0.045

    final, _, hops = stage.deliver(prepared)
    assert (final.destination, hops) == (stage.own.identity, 4)
    ack, pushed = split_surb_ack(final.message)
    assert pushed[:32] == surb.digest(stage.mixnet.crypto)
    assert Fragment.decode(stage.mixnet.crypto.aes128_ctr(surb.encryption_key, pushed[32:])) == fragment
    ack_packet = replace(prepared, packet=replace(prepared.packet, first_hop=ack.first_hop, packet=ack.packet))
    returned, _, _ = stage.deliver(ack_packet)
    assert returned.destination == stage.recipient.identity
    assert decode_ack(stage.mixnet.crypto, b"r" * 16, returned.message) == fragment.identifier
    assert ack_iv(returned.message) == prepared.ack_iv


def test_without_delays_the_round_trip_takes_no_time(stage: Stage):
    preparer = MessagePreparer(
        stage.mixnet.crypto,
        SeededRandom("hasty"),
        stage.own,
        ACK_KEY,
        mean_packet_delay_ms=0.0,
        mean_ack_delay_ms=0.0,
        topology=stage.mixnet.topology,
    )
    assert preparer.prepare(fragment_for(), stage.recipient).round_trip_s == 0.0
    assert preparer.prepare_reply(fragment_for(), preparer.make_reply_surb()).round_trip_s == 0.0


def test_every_packet_is_new(stage: Stage):
    packets = [stage.preparer.prepare(fragment_for(), stage.recipient).packet.packet for _ in range(2)]
    assert packets[0][:348] != packets[1][:348]
    assert packets[0][348:] != packets[1][348:]
    assert stage.preparer.make_reply_surb() != stage.preparer.make_reply_surb()


def test_what_is_missing_is_said(stage: Stage):
    preparer = MessagePreparer(stage.mixnet.crypto, SeededRandom("new"), stage.own, ACK_KEY)
    assert not preparer.is_ready
    for attempt in (
        preparer.prepare_cover,
        preparer.make_reply_surb,
        lambda: preparer.prepare(fragment_for(), stage.own),
    ):
        with pytest.raises(NoTopology):
            attempt()
    preparer.topology = stage.mixnet.topology
    assert preparer.is_ready
    with pytest.raises(UnknownGateway):
        preparer.prepare(fragment_for(), Recipient(b"i" * 32, stage.own.encryption_key, b"g" * 32))
    with pytest.raises(InvalidFragmentLength):
        preparer.prepare(Fragment(1, 1, 1, None, None, b"too short"), stage.own)


def test_secrets_are_not_shown(stage: Stage):
    assert "ack key" not in repr(stage.preparer)


def test_a_reply_on_a_surb_of_the_rotation_before_is_acknowledged_with_its_keys():
    stage = Stage()
    surb = stage.preparer.make_reply_surb()
    replier = MessagePreparer(
        stage.mixnet.crypto, SeededRandom("replier"), stage.recipient, ACK_KEY, topology=stage.mixnet.topology
    )
    former = surb.key_rotation
    stage.mixnet.rotate()
    replier.topology = stage.mixnet.topology
    prepared = replier.prepare_reply(fragment_for(), surb)
    assert prepared.packet.key_rotation is former
    crypto = stage.mixnet.crypto
    address, packet = prepared.packet.first_hop, prepared.packet.packet
    while not isinstance(done := process_packet(crypto, stage.mixnet._secrets[address, former], packet), FinalPacket):
        address, packet = done.next_hop, done.packet
    ack, _ = split_surb_ack(done.message)
    address, packet = ack.first_hop, ack.packet
    while not isinstance(done := process_packet(crypto, stage.mixnet._secrets[address, former], packet), FinalPacket):
        address, packet = done.next_hop, done.packet
    assert done.destination == stage.recipient.identity
