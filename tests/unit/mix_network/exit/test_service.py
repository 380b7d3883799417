"""The exit's IP packet router as a service, on a virtual clock: its clients are strangers who may send anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.memory_exit import EchoInternet
from support.memory_mixnet import FIRST_ROTATION, MemoryMixnet
from support.virtual_time import stand_still, virtual_time

from mix_network.exit import service as exit_service
from mix_network.exit.service import IpPacketRouterService
from mix_network.node_keys import ServiceKeys
from mix_protocol.ipr.client import IprClient
from mix_protocol.ipr.events import ExitConnected, IprEvent, PacketReceived
from mix_protocol.ipr.lp import LpFrame, LpFrameType
from mix_protocol.ipr.requests import PingRequest, encode_request
from mix_protocol.ipr.router import RouterConfig
from mix_protocol.ipr.timestamp import Timestamp
from mix_protocol.messages.encryption import encrypt_to_recipient
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.geometry import PUSHED_LENGTHS, fragment_length
from mix_protocol.messages.nym_message import AdditionalSurbs, RepliableData, ReplyData, SurbRequest, encode_message
from mix_protocol.messages.preparation import MessagePreparer
from mix_protocol.messages.reception import MessageReceived, MessageReceiver
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.netstack.wire.ip import UDP, IpPacket
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket

ROOM = fragment_length(PacketSize.REGULAR)


class Nat:
    """Notes whose flows are to end."""

    def __init__(self) -> None:
        self.dropped: list[bytes] = []

    def drop_client(self, address: bytes) -> None:
        self.dropped.append(address)


class Exit:
    """The service behind its gateway, and the network that its answers travel through."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.faults: list[dict] = []
        self.expected_crashes = 0
        self.loop.set_exception_handler(lambda _, fault: self.faults.append(fault))
        self.network = MemoryMixnet()
        self.keys = ServiceKeys.generate(self.network.crypto, self.network.random)
        self.internet = EchoInternet()
        self.nat = Nat()
        self.sent: list[MixPacket] = []
        self.service = IpPacketRouterService(
            self.network.crypto,
            self.network.random,
            self.keys,
            self.network.gateways[1],
            send=self.sent.append,
            router_config=RouterConfig(),
        )
        self.service.set_topology(self.network.topology, RotationPeriod(FIRST_ROTATION, self.loop.time(), 3600.0, 24))
        self.service.start(self.internet, self.nat)

    def push_content(self, content: bytes) -> bool:
        """What a stranger makes who knows the exit's address."""
        crypto, random = self.network.crypto, self.network.random
        return self.service.receive_pushed(encrypt_to_recipient(crypto, random, self.keys.encryption_public, content))

    def push_message(self, message: bytes) -> None:
        for fragment in split_message(self.network.random, message):
            self.push_content(fragment.encode())

    async def settle(self) -> None:
        """Let the service do what it has to, and its answers travel."""
        await asyncio.sleep(0.1)
        now = self.loop.time()
        self.network.send(self.sent, now)
        self.sent.clear()
        while (at := self.network.next_timeout()) is not None:
            self.network.handle_timeout(at)


class Client:
    """An honest one."""

    def __init__(self, exit_: Exit) -> None:
        self._exit = exit_
        network = exit_.network
        own, secret = network.new_recipient(network.gateways[0])
        self.tag = network.random(16)
        self.preparer = MessagePreparer(network.crypto, network.random, own, bytes(16), topology=network.topology)
        self._receiver = MessageReceiver(network.crypto, secret, bytes(16))
        self._ipr = IprClient(network.random, ipr_version=10, unix_time_offset_s=0.0)
        self.events: list[IprEvent] = []
        network.attach(own.identity, self._receiver.receive_pushed)

    def make_surbs(self, count: int) -> tuple:
        surbs = tuple(self.preparer.make_reply_surb() for _ in range(count))
        for surb in surbs:
            digest = surb.digest(self._exit.network.crypto)
            self._receiver.remember_surb_key(digest, surb.encryption_key, self._exit.loop.time())
        return surbs

    async def connect(self) -> ExitConnected:
        self._ipr.connect(self._exit.loop.time())
        await self.exchange()
        (granted,) = self.events
        assert isinstance(granted, ExitConnected)
        return granted

    async def echo(self, granted: ExitConnected, data: bytes) -> None:
        """Send a packet to the Internet, and see it come back."""
        packet = IpPacket(granted.ipv4.packed, ip_address("192.0.2.1").packed, UDP, data).encode()
        self._ipr.send_packet(packet, self._exit.loop.time())
        await self.exchange()
        back = self.events[-1]
        assert isinstance(back, PacketReceived)
        assert back.packet.endswith(data)

    async def exchange(self) -> None:
        for _ in range(3):
            now = self._exit.loop.time()
            if (due := self._ipr.next_timeout()) is not None and due <= now:
                self._ipr.handle_timeout(now)
            for message in self._ipr.messages_to_send(now):
                surbs = self.make_surbs(message.reply_surbs)
                self._exit.push_message(encode_message(RepliableData(self.tag, surbs, message.payload)))
            await self._exit.settle()
            while (event := self._receiver.next_event()) is not None:
                if isinstance(event, MessageReceived):
                    self._take(event.message)
            while (event := self._ipr.next_event()) is not None:
                self.events.append(event)

    def _take(self, message: object) -> None:
        if isinstance(message, ReplyData):
            self._ipr.receive_message(message.data, self._exit.loop.time())
        elif isinstance(message, SurbRequest):
            surbs = self.make_surbs(message.amount)
            self._exit.push_message(encode_message(AdditionalSurbs(self.tag, surbs)))


@asynccontextmanager
async def running_exit() -> AsyncIterator[Exit]:
    """An exit; at the end nothing of what it did may have raised, and an honest client must still be served."""
    exit_ = Exit()
    try:
        yield exit_
        client = Client(exit_)
        await client.echo(await client.connect(), b"still here")
        assert exit_.faults == []
        assert exit_.service._crashes.count == exit_.expected_crashes
    finally:
        exit_.service.close()


@virtual_time
async def test_packets_travel_both_ways_and_are_counted():
    async with running_exit() as exit_:
        client = Client(exit_)
        granted = await client.connect()
        await client.echo(granted, b"a datagram")
        counted = exit_.service.snapshot()
        assert counted["clients"] == 1
        assert (counted["packets_from_clients"], counted["packets_to_clients"]) == (1, 1)
        assert (counted["payloads_dropped"], counted["replies_dropped"]) == (0, 0)


@virtual_time
async def test_a_client_that_falls_silent_loses_its_addresses_and_its_flows():
    async with running_exit() as exit_:
        granted = await Client(exit_).connect()
        await asyncio.sleep(RouterConfig().client_idle_s + RouterConfig().sweep_s)
        assert exit_.service.snapshot()["clients"] == 0
        assert set(exit_.nat.dropped) == {granted.ipv4.packed, granted.ipv6.packed}
        exit_.service.report_refused(granted.ipv4, "192.0.2.1:25")  # of whom nobody knows any more
        await exit_.settle()


def payloads_of(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=100) | st.sampled_from(sorted(PUSHED_LENGTHS)[:2]).flatmap(payloads_of), max_size=4))
@virtual_time
async def test_any_payload(payloads):
    async with running_exit() as exit_:
        for payload in payloads:
            exit_.service.receive_pushed(payload)
        await exit_.settle()
        assert exit_.service.counters.payloads_dropped <= len(payloads)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255))
@virtual_time
async def test_any_fragment(start, total, position):
    async with running_exit() as exit_:
        exit_.push_content((bytes((0x80, 0, 0, 1, total, position)) + start).ljust(ROOM, b"\x01"))
        await exit_.settle()


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=300) | st.binary(min_size=1, max_size=300).map(lambda data: b"\x04" + data))
@virtual_time
async def test_any_message(message):
    async with running_exit() as exit_:
        exit_.push_message(message)
        await exit_.settle()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=4))
@virtual_time
async def test_an_opening_message_with_any_bit_wrong(flips):
    """Above all its SURBs, on which the exit answers."""
    async with running_exit() as exit_:
        client = Client(exit_)
        ipr = IprClient(exit_.network.random, ipr_version=10, unix_time_offset_s=0.0)
        ipr.connect(exit_.loop.time())
        for opening in ipr.messages_to_send(exit_.loop.time()):
            surbs = client.make_surbs(opening.reply_surbs)
            encoded = bytearray(encode_message(RepliableData(client.tag, surbs, opening.payload)))
            for at, flip in flips:
                encoded[at % len(encoded)] ^= flip
            exit_.push_message(bytes(encoded))
        await exit_.settle()


@virtual_time
async def test_a_flood_is_dropped_and_counted_and_is_over_when_it_is_over():
    async with running_exit() as exit_:
        most = exit_service._MAX_WAITING_PUSHES
        taken = [exit_.service.receive_pushed(bytes(100)) for _ in range(most + 50)]
        assert taken == [True] * most + [False] * 50
        await exit_.settle()
        assert exit_.service.counters.payloads_dropped == most + 50
        assert exit_.service.receive_pushed(bytes(100))


@virtual_time
async def test_a_flood_leaves_others_their_turn():
    """A turn of the service takes so much and no more of what waits."""
    async with running_exit() as exit_:
        for _ in range(10 * exit_service._PUSHED_AT_ONCE):
            exit_.service.receive_pushed(bytes(100))
        turns = 0
        while exit_.service.counters.payloads_dropped < 10 * exit_service._PUSHED_AT_ONCE:
            before = exit_.service.counters.payloads_dropped
            await asyncio.sleep(0)
            assert exit_.service.counters.payloads_dropped - before <= exit_service._PUSHED_AT_ONCE
            turns += 1
        assert turns >= 10


@virtual_time
async def test_a_closed_service_does_nothing_more():
    exit_ = Exit()
    exit_.service.close()
    exit_.service.receive_pushed(bytes(100))
    await exit_.settle()
    assert exit_.service.counters.payloads_dropped == 0
    assert exit_.faults == []


@pytest.mark.expects_crashes
@virtual_time
@pytest.mark.parametrize("machine", ["_receiver.receive_pushed", "_router.receive_message", "_replies.queue_reply"])
async def test_what_fails_for_one_client_costs_others_nothing(
    machine: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async with running_exit() as exit_:
        honest = Client(exit_)
        granted = await honest.connect()
        name, method = machine.split(".")
        original = getattr(getattr(exit_.service, name), method)
        exit_.expected_crashes = 20
        left = iter(range(exit_.expected_crashes))

        def broken(*arguments: Any, **options: Any) -> Any:
            if next(left, None) is not None:
                raise ZeroDivisionError
            return original(*arguments, **options)

        monkeypatch.setattr(getattr(exit_.service, name), method, broken)
        bad = Client(exit_)
        for _ in range(exit_.expected_crashes):
            surbs = bad.make_surbs(1)
            request = encode_request(PingRequest(10, 1, Timestamp(2026, 1, 0, 0, 0, 0)))
            frame = LpFrame(1, LpFrameType.DATA, 0, request)
            exit_.push_message(encode_message(RepliableData(bad.tag, surbs, frame.encode())))
        await exit_.settle()
        await honest.echo(granted, b"a datagram")
        assert len([record for record in caplog.records if "please report it" in record.getMessage()]) == 1


@pytest.mark.expects_crashes
@virtual_time
async def test_a_clock_that_always_fails_does_not_make_the_service_spin(monkeypatch: pytest.MonkeyPatch):
    exit_ = Exit()
    turns = 0

    def broken(now: float) -> None:
        nonlocal turns
        turns += 1
        raise ZeroDivisionError

    monkeypatch.setattr(exit_.service._router, "next_timeout", lambda: 0.0)
    monkeypatch.setattr(exit_.service._router, "handle_timeout", broken)
    exit_.service.wake()
    await asyncio.sleep(1.0)
    exit_.service.close()
    assert 10 <= turns <= 25


@virtual_time
async def test_a_service_that_stood_still_forgets_nobody_for_it():
    exit_ = Exit()
    client = Client(exit_)
    granted = await client.connect()
    for lasts_s in (30.0, 90.0, 600.0):
        stand_still(lasts_s)
        await client.echo(granted, b"still here")
        await asyncio.sleep(20.0)
        await client.echo(granted, b"and now")
    assert exit_.service.snapshot()["clients"] == 1
    await asyncio.sleep(80.0)
    assert exit_.service.snapshot()["clients"] == 0  # silence in which it was there does count
    exit_.service.close()


@virtual_time
async def test_a_service_that_runs_a_twentieth_of_the_time_forgets_nobody_who_sends():
    exit_ = Exit()
    client = Client(exit_)
    granted = await client.connect()
    for number in range(20):
        stand_still(50.0)
        await client.echo(granted, b"%d" % number)
    assert exit_.service.snapshot()["clients"] == 1
    exit_.service.close()
