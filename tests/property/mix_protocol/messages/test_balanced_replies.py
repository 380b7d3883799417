"""Whatever comes in whatever order: each SURB of a balanced sender comes home exactly once, and nothing beside them."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.memory_mixnet import MemoryMixnet

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages.preparation import MessagePreparer, PreparedPacket
from mix_protocol.messages.reply_queue import ReplyQueue
from mix_protocol.messages.reply_surb import ReplySurb

TAGS = (b"alice's tag 16 b", b"bob's tag, 16 by")
UNKNOWN_IV = bytes(16)


class BalancedReplies(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        network = MemoryMixnet(seed=5)
        self.network = network
        own, _ = network.new_recipient(network.gateways[1])
        client, _ = network.new_recipient(network.gateways[0])
        self.client = MessagePreparer(network.crypto, network.random, client, bytes(16), topology=network.topology)
        self.service = MessagePreparer(network.crypto, network.random, own, bytes(16), topology=network.topology)
        self.queue = ReplyQueue(self.service, SeededRandom("ids"))
        self.now = 0.0
        self.given: list[ReplySurb] = []
        self.sent: list[PreparedPacket] = []
        for tag in TAGS:
            self.give(tag, 1)
            self.queue.balance(tag, self.now)

    @rule(tag=st.sampled_from(TAGS), count=st.integers(0, 5))
    def give(self, tag: bytes, count: int) -> None:
        surbs = tuple(self.client.make_reply_surb() for _ in range(count))
        self.given += surbs
        self.queue.receive_surbs(tag, surbs, self.now)

    @rule(
        tag=st.sampled_from(TAGS),
        size=st.integers(1, 4000),
        again=st.sampled_from((0, 0, 3)),
    )
    def answer(self, tag: bytes, size: int, again: int) -> None:
        self.queue.queue_reply(tag, bytes(size), self.now, max_retransmissions=again)

    @rule(seconds=st.sampled_from((0.001, 0.01, 0.1, 3.0)), limit=st.sampled_from((None, 1, 3)))
    def wait(self, seconds: float, limit: int | None) -> None:
        self.now += seconds
        self.queue.handle_timeout(self.now)
        self.sent += self.queue.packets_to_send(self.now, limit)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        packet = data.draw(st.sampled_from(self.sent))
        self.queue.acknowledge(packet.fragment, packet.ack_iv, self.now)

    @invariant()
    def nothing_goes_without_a_surb(self) -> None:
        assert len(self.sent) <= len(self.given)

    def teardown(self) -> None:
        self.now += 5.0  # mean times of 15 ms have passed for all
        self.sent += self.queue.packets_to_send(self.now)
        headers = [packet.packet.packet[: len(self.given[0].surb.header)] for packet in self.sent]
        assert sorted(headers) == sorted(surb.surb.header for surb in self.given)


TestBalancedReplies = BalancedReplies.TestCase
TestBalancedReplies.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
