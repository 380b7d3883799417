"""The mixnet client against an in-memory mixnet, on a virtual clock."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support import memory_mixnet
from support.memory_client import QUIET, new_client
from support.memory_mixnet import MemoryMixnet, run_clock

from mix_protocol.addressing import Recipient
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.geometry import pushed_length
from mix_protocol.messages.nym_message import (
    AdditionalSurbs,
    RepliableData,
    ReplyData,
    SurbRequest,
    encode_message,
)
from mix_protocol.messages.preparation import MessagePreparer
from mix_protocol.messages.reception import MessageReceived, MessageReceiver
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.errors import UnknownGateway
from mix_tunnel.mixnet.events import Acknowledged, DataReceived, SurbsRequested
from mix_tunnel.mixnet.stock import COVER_PACKETS
from mix_tunnel.mixnet.traffic import TrafficConfig


class Service:
    """The other end: receives repliable messages and answers with the SURBs in them."""

    def __init__(self, network: MemoryMixnet) -> None:
        self.network = network
        self.recipient, secret = network.new_recipient(network.gateways[1])
        self.preparer = MessagePreparer(network.crypto, network.random, self.recipient, network.random(16))
        self.preparer.topology = network.topology
        self.receiver = MessageReceiver(network.crypto, secret, self.preparer.ack_key)
        self.messages: list[RepliableData | AdditionalSurbs] = []
        self.surbs: list[ReplySurb] = []
        network.attach(self.recipient.identity, self.receive)

    def receive(self, payload: bytes, now: float) -> None:
        self.receiver.receive_pushed(payload, now)
        while (event := self.receiver.next_event()) is not None:
            if isinstance(event, MessageReceived):
                assert isinstance(event.message, RepliableData | AdditionalSurbs)
                self.messages.append(event.message)
                self.surbs += event.message.surbs

    def reply(self, message: ReplyData | SurbRequest, now: float) -> None:
        for fragment in split_message(self.network.random, encode_message(message)):
            prepared = self.preparer.prepare_reply(fragment, self.surbs.pop(0))
            self.network.send([prepared.packet], now)


class World:
    def __init__(self, config: TrafficConfig = QUIET, *, seed: int = 1, loss: float = 0.0) -> None:
        self.network = MemoryMixnet(seed, loss=loss)
        self.client = new_client(self.network, config=config)
        self.service = Service(self.network)
        self.network.attach(self.client.own.identity, self.client.receive_pushed)
        self.sent = 0
        self.now = 0.0

    def pump(self, now: float) -> None:
        packets = self.client.packets_to_send(now)
        self.sent += len(packets)
        self.network.send(packets, now)

    def run(self, until: Callable[[], bool], limit_s: float = 600.0) -> None:
        self.now = run_clock((self.client, self.network), until=until, pump=self.pump, now=self.now, limit_s=limit_s)

    def send(self, data: bytes, surbs: int = 2) -> None:
        self.client.send_message(data, self.service.recipient, self.now, surbs=surbs)


def test_a_message_arrives_with_its_surbs_and_is_acknowledged():
    world = World()
    world.send(b"hello", surbs=3)
    world.run(lambda: world.client.counters.acks_received == 1)
    [message] = world.service.messages
    assert isinstance(message, RepliableData)
    assert (message.data, len(message.surbs)) == (b"hello", 3)
    assert world.client.counters.reply_surbs_given == 3
    assert 0.0 < (world.client.counters.round_trip_s or 0.0) < 1.0
    assert world.sent == world.client.counters.real_packets_sent == 1


def test_a_reply_by_surb_comes_back_as_data():
    world = World()
    world.send(b"question", surbs=5)
    world.run(lambda: bool(world.service.messages))
    world.service.reply(ReplyData(b"answer" * 800), world.now)  # three fragments, so three SURBs
    world.run(lambda: world.client.counters.replies_received == 1)
    events = list(iter(world.client.next_event, None))
    assert events[-1] == DataReceived(b"answer" * 800, is_reply=True)
    assert set(events[:-1]) == {Acknowledged(world.service.recipient)}
    assert len(world.service.surbs) == 2


def test_messages_to_one_recipient_bear_one_tag_and_to_another_a_different_one():
    world = World()
    other = Service(world.network)
    world.send(b"one")
    world.send(b"two")
    world.client.send_message(b"three", other.recipient, 0.0, surbs=1)
    world.run(lambda: len(world.service.messages) == 2 and len(other.messages) == 1)
    tags = {message.sender_tag for message in world.service.messages}
    assert len(tags) == 1
    assert other.messages[0].sender_tag not in tags


def test_an_idle_client_with_both_streams_off_sends_nothing():
    world = World()
    assert world.client.packets_to_send(100.0) == []
    deadline = world.client.next_timeout()
    assert deadline is not None
    world.client.handle_timeout(deadline)
    assert world.client.packets_to_send(deadline) == []


def test_lost_packets_are_sent_again_until_acknowledged():
    world = World(seed=11, loss=0.1)  # each packet crosses eight links to its acknowledgement
    data = bytes(range(256)) * 100
    world.send(data)
    world.run(lambda: world.client.counters.acks_received >= 17)
    [message] = world.service.messages
    assert isinstance(message, RepliableData)
    assert message.data == data
    assert world.client.counters.retransmitted_packets > 0
    assert world.network.packets_lost > 0
    sent = world.sent
    world.run(lambda: world.client.next_timeout() is not None and world.now > 0, limit_s=60.0)
    assert world.sent == sent  # nothing is pending any more


def test_a_fragment_without_acknowledgement_is_given_up_in_the_end():
    world = World(TrafficConfig(main_stream_mean_ms=None, cover_stream_mean_ms=None, max_transmissions=3))
    world.network.detach(world.client.own.identity)
    world.send(b"into the void")
    world.run(lambda: world.client.counters.fragments_given_up == 1)
    assert world.sent == 3
    assert world.now > 3 * 1.5


def test_a_late_acknowledgement_calls_a_queued_retransmission_off():
    world = World()
    held: list[bytes] = []
    world.network.attach(world.client.own.identity, lambda payload, now: held.append(payload))
    world.send(b"x")
    world.run(lambda: bool(held))
    deadline = world.client._outbox.next_timeout()
    assert deadline is not None
    assert deadline > world.now + 2.0
    world.client.handle_timeout(deadline)
    assert world.client._outbox.repeats_waiting == 1
    world.client.receive_pushed(held[0], deadline)
    assert world.client.packets_to_send(deadline) == []
    assert world.client._outbox.repeats_waiting == 0


def test_a_surb_request_is_answered_in_batches_up_to_the_cap():
    world = World()
    world.send(b"question")
    world.run(lambda: bool(world.service.messages))
    world.service.reply(SurbRequest(world.service.recipient, 4_000_000_000), world.now)
    world.run(lambda: sum(len(m.surbs) for m in world.service.messages if isinstance(m, AdditionalSurbs)) >= 500)
    batches = [len(m.surbs) for m in world.service.messages if isinstance(m, AdditionalSurbs)]
    assert batches == [100] * 5
    assert SurbsRequested(world.service.recipient, 4_000_000_000, 500) in iter(world.client.next_event, None)
    world.service.surbs = world.service.surbs[-1:]
    world.service.reply(ReplyData(b"by the last one"), world.now)
    world.run(lambda: world.client.counters.replies_received == 1)


def test_a_request_while_the_last_one_is_being_answered_gets_nothing_more():
    world = World()
    world.send(b"question")
    world.run(lambda: bool(world.service.messages))
    for _ in range(2):
        world.client._answer_surb_request(world.service.recipient, 50, world.now)
    granted = [event.granted for event in iter(world.client.next_event, None) if isinstance(event, SurbsRequested)]
    assert granted == [50, 0]


def test_strangers_get_no_surbs():
    world = World()
    world.send(b"question")
    world.run(lambda: bool(world.service.messages))
    stranger = Recipient(b"s" * 32, b"t" * 32, world.network.gateways[1])
    world.service.reply(SurbRequest(stranger, 10), world.now)
    world.run(lambda: any(isinstance(event, SurbsRequested) for event in world.client._events))
    assert SurbsRequested(stranger, 10, 0) in iter(world.client.next_event, None)
    assert world.client.queued == 0


@pytest.mark.parametrize("length", [0, 5, 21, 48, 1643])
def test_garbage_from_the_gateway_is_counted_and_dropped(length: int):
    world = World()
    world.client.receive_pushed(b"\xff" * length, 0.0)
    counters = world.client.counters
    assert counters.packets_dropped + counters.acks_received == 1
    assert world.client.next_event() is None


def test_forgetting_a_recipient_stops_its_packets():
    world = World()
    world.send(bytes(50_000))
    world.pump(0.0)
    before = world.sent
    world.send(b"more")
    world.client.forget_recipient(world.service.recipient)
    assert world.client.queued == 0
    world.network.detach(world.client.own.identity)
    world.run(lambda: world.client.counters.fragments_given_up == before)
    assert world.sent == before


def test_a_suspended_client_is_silent_and_goes_on_afterwards():
    world = World()
    world.send(b"before")
    world.pump(0.0)
    world.network.detach(world.client.own.identity)
    world.client.suspend(0.0)
    for second in range(1, 100):
        world.client.handle_timeout(float(second))
        world.network.handle_timeout(float(second))
        assert world.client.packets_to_send(float(second)) == []
    world.network.attach(world.client.own.identity, world.client.receive_pushed)
    world.client.resume(100.0)
    world.now = 100.0
    world.run(lambda: world.client.counters.acks_received == 1)
    assert world.client.counters.retransmitted_packets == 1


def test_an_unknown_gateway_is_a_typed_error_at_once_or_a_fragment_given_up_later():
    world = World()
    nowhere = Recipient(b"i" * 32, b"k" * 32, b"g" * 32)
    world.client.send_message(b"x", nowhere, 0.0, surbs=0)
    assert world.client.packets_to_send(0.0) == []
    assert world.client.counters.fragments_given_up == 1
    with pytest.raises(UnknownGateway):
        world.network.topology.route_to(nowhere.gateway, world.network.random)


def test_cover_traffic_has_the_configured_rates_and_comes_back():
    world = World(TrafficConfig(), seed=5)
    world.run(lambda: world.now >= 0 and world.client.counters.cover_packets_sent >= 550)
    # 50 packets a second from the main stream and 5 from the loop cover stream.
    assert 8.7 < world.now < 11.3
    assert world.client.counters.real_packets_sent == 0
    assert world.client.counters.cover_packets_received > 520
    assert world.client.counters.acks_received == 0


def test_real_packets_take_the_place_of_cover_in_the_main_stream():
    world = World(TrafficConfig(cover_stream_mean_ms=None), seed=6)
    world.send(bytes(1600 * 20))
    world.run(lambda: world.sent >= 100)
    counters = world.client.counters
    assert counters.real_packets_sent >= 21
    assert counters.real_packets_sent + counters.cover_packets_sent + counters.retransmitted_packets == 100
    assert 1.3 < world.now < 2.8  # the rate does not tell that there was something to send


def test_a_congested_connection_gets_no_more_packets_and_slows_the_stream_down():
    world = World(TrafficConfig(), seed=7)
    for tick in range(1, 4000):
        assert world.client.packets_to_send(tick / 100.0, waiting=32) == []
    assert world.client.delay_multiplier == 6
    for tick in range(4000, 6000):
        world.client.packets_to_send(tick / 100.0)
        if world.client.delay_multiplier == 1:
            break
    assert world.client.delay_multiplier == 1


def test_after_a_long_sleep_no_burst_of_cover_is_built():
    world = World(TrafficConfig(), seed=8)
    assert len(world.client.packets_to_send(3600.0)) <= 9
    assert len(world.client.packets_to_send(3600.0)) == 0


def test_a_new_topology_is_used_for_the_next_packet():
    world = World()
    (_, second), *others = world.network.topology.layers
    world.client.topology = replace(world.network.topology, layers=((second,), *others))
    world.send(bytes(1600 * 30))
    packets = world.client.packets_to_send(0.0)
    assert len(packets) > 30
    assert {packet.first_hop for packet in packets} == {second.address}


def test_payload_lengths_of_the_protocol_are_what_the_garbage_test_used():
    assert pushed_length(PacketSize.REGULAR) == 1643


# -- what is built ahead of its time

PACED = TrafficConfig(cover_stream_mean_ms=None)


def prepare_all(world: World) -> int:
    pieces = 0
    while world.client.prepare_ahead(world.now):
        pieces += 1
    return pieces


def builds(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is built from now on."""
    built: list[str] = []
    for name in ("build", "make_reply_surbs"):
        original = getattr(MessagePreparer, name)

        def note(*arguments, name=name, original=original, **options):
            built.append(name)
            return original(*arguments, **options)

        monkeypatch.setattr(MessagePreparer, name, note)
    return built


def test_at_its_moment_a_packet_is_ready_with_data_or_without(monkeypatch: pytest.MonkeyPatch):
    world = World(PACED)
    world.send(bytes(1600 * 3))
    assert prepare_all(world) > 3
    built = builds(world, monkeypatch)
    for _ in range(8):
        world.now = world.client.departs_at
        [packet] = world.client.packets_to_send(world.now)
        assert packet.packet
    assert built == []
    counters = world.client.counters
    assert (counters.real_packets_sent, counters.cover_packets_sent) == (4, 4)


def test_one_piece_of_preparing_builds_one_thing(monkeypatch: pytest.MonkeyPatch):
    world = World(PACED)
    world.send(bytes(50_000), surbs=0)
    built = builds(world, monkeypatch)
    while world.client.prepare_ahead(0.0):
        assert len(built) == 1
        built.clear()
    assert world.client.queued == 32  # nothing is lost of what is sealed and what is not


def test_data_that_came_too_late_to_be_sealed_waits_for_the_next_moment(monkeypatch: pytest.MonkeyPatch):
    world = World(PACED)
    prepare_all(world)
    world.send(b"late", surbs=2)
    built = builds(world, monkeypatch)
    world.now = world.client.departs_at
    assert len(world.client.packets_to_send(world.now)) == 1
    assert built == []
    assert world.client.counters.real_packets_sent == 0
    prepare_all(world)
    world.now = world.client.departs_at
    assert len(world.client.packets_to_send(world.now)) == 1
    assert world.client.counters.real_packets_sent == 1
    world.run(lambda: world.client.counters.acks_received == 1)


def test_reply_surbs_are_made_ahead_too(monkeypatch: pytest.MonkeyPatch):
    world = World(PACED)
    prepare_all(world)
    built = builds(world, monkeypatch)
    world.send(b"question", surbs=8)
    assert built == []
    world.run(lambda: bool(world.service.messages))
    assert len(world.service.messages[0].surbs) == 8
    world.service.reply(ReplyData(b"answer"), world.now)
    world.run(lambda: world.client.counters.replies_received == 1)


def test_what_was_built_for_another_network_or_gateway_never_leaves():
    world = World(PACED)
    world.send(bytes(1600 * 3), surbs=1)
    prepare_all(world)
    (_, second), *others = world.network.topology.layers
    world.client.topology = replace(world.network.topology, layers=((second,), *others))
    prepare_all(world)
    hops = set()
    for _ in range(16):
        world.now = world.client.departs_at
        packets = world.client.packets_to_send(world.now)
        hops |= {packet.first_hop for packet in packets}
        world.network.send(packets, world.now)
    assert hops == {second.address}
    world.run(lambda: world.client.counters.acks_received == 4)
    assert [message.data for message in world.service.messages] == [bytes(1600 * 3)]

    world.send(b"from the new place", surbs=1)
    prepare_all(world)
    world.network.detach(world.client.own.identity)
    world.client.move_to(world.network.gateways[1])
    world.network.attach(world.client.own.identity, world.client.receive_pushed)
    world.run(lambda: world.client.counters.acks_received == 5)


def test_nothing_that_is_sealed_goes_to_a_forgotten_recipient():
    world = World(PACED)
    world.send(bytes(1600 * 10))
    prepare_all(world)
    world.client.forget_recipient(world.service.recipient)
    assert world.client.queued == 0
    world.run(lambda: world.client.counters.cover_packets_sent >= 10)
    assert world.client.counters.real_packets_sent == 0


def test_an_acknowledgement_calls_a_sealed_retransmission_off():
    world = World(PACED)
    held: list[bytes] = []
    world.network.attach(world.client.own.identity, lambda payload, now: held.append(payload))
    send = world.pump

    def pump(now: float) -> None:
        send(now)
        world.now = now
        prepare_all(world)

    world.pump = pump  # type: ignore[method-assign]
    world.send(b"x", surbs=0)
    world.run(lambda: world.client.counters.real_packets_sent == 1 and world.client._stock.sealed == 1)
    for payload in held:
        world.client.receive_pushed(payload, world.now)
    world.run(lambda: world.client.queued == 0)
    assert (world.client.counters.acks_received, world.client.counters.retransmitted_packets) == (1, 0)


def test_paced_surbs_that_were_asked_for_leave_a_packet_at_a_time():
    world = World(PACED)
    world.send(b"question")
    world.run(lambda: bool(world.service.messages))
    world.service.reply(SurbRequest(world.service.recipient, 50), world.now)
    world.run(lambda: sum(len(m.surbs) for m in world.service.messages if isinstance(m, AdditionalSurbs)) >= 50)
    batches = [len(m.surbs) for m in world.service.messages if isinstance(m, AdditionalSurbs)]
    assert max(batches) == 3
    assert sum(batches) == 50


def test_nothing_is_built_ahead_where_packets_leave_at_once_or_not_at_all():
    assert prepare_all(World(QUIET)) == 0
    world = World(PACED)
    world.client.suspend(0.0)
    assert world.client.departs_at is None
    assert prepare_all(world) == 0


def test_packets_that_leave_first_do_not_hide_that_the_process_did_not_run(monkeypatch: pytest.MonkeyPatch):
    world = World(PACED)
    lateness: list[float] = []
    handle = world.client._outbox.handle_timeout

    def note(now: float, late_s: float) -> None:
        lateness.append(late_s)
        handle(now, late_s)

    monkeypatch.setattr(world.client._outbox, "handle_timeout", note)
    due = world.client.next_timeout()
    assert due is not None
    world.client.packets_to_send(due + 3.0)
    assert world.client.next_timeout() == due  # something is to be handled, at once
    world.client.handle_timeout(due + 3.0)
    world.client.packets_to_send(due + 3.0)
    assert lateness == [3.0]
    assert (world.client.next_timeout() or 0.0) > due + 3.0


# -- replies that nobody else can follow


def sealing_world(config: TrafficConfig = QUIET, **options: Any) -> World:
    world = World(config, **options)
    world.client.seals_replies = True
    return world


def test_a_sealed_reply_comes_back_and_its_surb_gives_the_last_seed_alone():
    world = sealing_world()
    world.send(b"question", surbs=5)
    world.run(lambda: bool(world.service.messages))
    assert [len(surb.surb.key_material) for surb in world.service.surbs] == [1] * 5
    assert all(len(surb.encode()) == 412 for surb in world.service.surbs)
    world.service.reply(ReplyData(b"answer" * 800), world.now)
    world.run(lambda: world.client.counters.replies_received == 1)
    events = list(iter(world.client.next_event, None))
    assert [event for event in events if isinstance(event, DataReceived)] == [
        DataReceived(b"answer" * 800, is_reply=True)
    ]
    assert world.client.surbs_unused == 2


def test_a_surb_serves_one_sealed_reply_and_made_up_ones_do_not_use_it_up():
    world = sealing_world()
    sealed: list[bytes] = []
    world.network.attach(world.client.own.identity, lambda payload, now: sealed.append(payload))
    world.send(b"question", surbs=1)
    world.run(lambda: bool(world.service.messages))
    world.service.reply(ReplyData(b"answer"), world.now)
    world.run(lambda: any(len(payload) > 1643 for payload in sealed))
    [reply] = [payload for payload in sealed if len(payload) > 1643]
    for forged in (reply[:-1] + bytes((reply[-1] ^ 1,)), b"?" * 16 + reply[16:], reply[:16] + bytes(len(reply) - 16)):
        world.client.receive_pushed(forged, world.now)
    assert world.client.counters.packets_dropped == 3
    for _ in range(2):
        world.client.receive_pushed(reply, world.now)
    assert world.client.counters.packets_dropped == 4
    assert world.client.counters.replies_received == 1


def test_an_answer_that_must_arrive_comes_on_a_surb_that_is_acknowledged():
    world = sealing_world()
    world.client.send_message(b"connect", world.service.recipient, 0.0, surbs=2, needs_acks=True)
    world.run(lambda: bool(world.service.messages))
    assert [len(surb.surb.key_material) for surb in world.service.surbs] == [4, 4]
    world.service.reply(SurbRequest(world.service.recipient, 7), world.now)
    world.run(lambda: sum(len(m.surbs) for m in world.service.messages if isinstance(m, AdditionalSurbs)) >= 7)


@pytest.mark.parametrize("config", [QUIET, PACED])
def test_asked_for_surbs_seal_but_for_the_last_ones(config: TrafficConfig):
    world = sealing_world(config)
    world.send(b"question", surbs=2)
    world.run(lambda: bool(world.service.messages))
    world.service.reply(SurbRequest(world.service.recipient, 120), world.now)
    world.run(lambda: sum(len(m.surbs) for m in world.service.messages if isinstance(m, AdditionalSurbs)) >= 120)
    asked_for = [s.surb for m in world.service.messages if isinstance(m, AdditionalSurbs) for s in m.surbs]
    assert len(asked_for) == 120
    assert 0 < sum(not surb.is_sealing for surb in asked_for) <= 20


def test_while_replies_are_sealed_every_hop_sees_one_version(monkeypatch: pytest.MonkeyPatch):
    versions: list[int] = []
    original = memory_mixnet.process_packet

    def note(*arguments: Any) -> Any:
        done = original(*arguments)
        versions.append(done.version)
        return done

    monkeypatch.setattr(memory_mixnet, "process_packet", note)
    world = World(TrafficConfig())
    world.service.preparer.version = SphinxVersion.LAST_SEED
    prepare_all(world)
    world.client.seals_replies = True  # what was built before bears another number, and never leaves
    world.send(bytes(5000), surbs=3)
    world.client.send_message(b"connect", world.service.recipient, 0.0, surbs=1, needs_acks=True)
    world.run(lambda: len(world.service.messages) == 2)
    for _ in range(4):
        world.service.reply(ReplyData(b"answer"), world.now)
    world.run(lambda: world.client.counters.replies_received == 4 and world.client.counters.cover_packets_received > 5)
    assert set(versions) == {260}


# -- a SURB in each packet


def pulling_world(seed: int = 1) -> World:
    world = World(TrafficConfig(), seed=seed)
    world.send(b"hello", surbs=1)
    world.run(lambda: bool(world.service.messages))
    world.client.pull_from(world.service.recipient, b"pull")
    return world


def test_each_packet_of_the_main_stream_brings_a_surb_where_that_is_wanted():
    world = pulling_world()
    loops = world.client.counters.cover_packets_received
    world.run(lambda: len(world.service.messages) >= 101)
    pulls = world.service.messages[1:]
    assert {type(pull) for pull in pulls} == {RepliableData}
    assert {pull.data for pull in pulls if isinstance(pull, RepliableData)} == {b"pull"}
    assert all(len(pull.surbs) == 1 for pull in pulls)
    assert len(world.service.surbs) == len(set(world.service.surbs)) == len(world.service.messages)
    # Loop cover, about a tenth of the packets, goes on beside.
    assert 1 <= world.client.counters.cover_packets_received - loops <= 40
    assert world.client.counters.retransmitted_packets == 0


def test_data_takes_the_place_of_pulls():
    world = pulling_world()
    for number in range(20):
        world.send(b"data %d" % number, surbs=1)
    world.run(lambda: sum(message.data != b"pull" for message in world.service.messages) == 21)
    assert world.client.counters.real_packets_sent == 21


def test_a_surb_that_comes_home_is_no_message():
    world = pulling_world()
    world.run(lambda: len(world.service.surbs) >= 5)
    received = world.client.counters.cover_packets_received
    packets = [world.service.preparer.prepare_empty_reply(surb).packet for surb in world.service.surbs[:5]]
    world.network.send(packets, world.now)
    world.run(lambda: world.client.counters.cover_packets_received >= received + 5)
    assert not any(isinstance(event, DataReceived) for event in iter(world.client.next_event, None))
    assert world.client.counters.packets_dropped == 0


@pytest.mark.parametrize("how", ["stop", "forget", "lost gateway"])
def test_cover_returns_when_pulling_ends(how: str):
    world = pulling_world()
    world.run(lambda: len(world.service.messages) >= 5)
    if how == "stop":
        world.client.stop_pulling()
    elif how == "forget":
        world.client.forget_recipient(world.service.recipient)
    else:
        topology = world.network.topology
        gateways = {name: node for name, node in topology.gateways.items() if name != world.service.recipient.gateway}
        world.client.topology = replace(topology, gateways=gateways)
    sent = world.sent
    world.run(lambda: world.sent >= sent + 60)  # what was on its way has arrived
    pulls, loops = len(world.service.messages), world.client.counters.cover_packets_received
    world.run(lambda: world.client.counters.cover_packets_received >= loops + 50)
    assert len(world.service.messages) == pulls


def test_pulls_are_built_ahead():
    world = pulling_world()
    while world.client.prepare_ahead(world.now):
        pass
    built = world.client.counters.reply_surbs_given
    assert built >= COVER_PACKETS
    departs_at = world.client.departs_at
    assert departs_at is not None
    [_] = world.client.packets_to_send(departs_at)
    assert world.client.counters.reply_surbs_given == built
