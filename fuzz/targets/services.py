"""Whole machines: a tunnel's engine with its exit, an exit's packet router with its clients, a gateway's delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache

from support.connected_engine import ROOM, ConnectedEngine
from support.every_decoder import VALID
from support.memory_mixnet import FIRST_ROTATION, MemoryMixnet

from fuzz.draws import Draws, as_chunk
from fuzz.registry import target
from fuzz.targets.loops import run_to_end
from mix_network.exit.nat.nat import UserspaceNat
from mix_network.exit.policy import ExitPolicy
from mix_network.exit.service import IpPacketRouterService
from mix_network.gateway.delivery import Delivery
from mix_network.gateway.inbox import Inbox, InboxLimits
from mix_network.metrics import NodeMetrics
from mix_network.node_keys import ServiceKeys
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.ipr.lp import LpFrame, LpFrameType
from mix_protocol.ipr.requests import ConnectRequest, PingRequest, encode_request
from mix_protocol.ipr.router import RouterConfig
from mix_protocol.ipr.timestamp import Timestamp
from mix_protocol.messages.encryption import encrypt_to_recipient
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.nym_message import AdditionalSurbs, RepliableData, ReplyData, encode_message
from mix_protocol.messages.preparation import MessagePreparer
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.processing import FinalPacket, SealedPacket

FRAGMENT, MESSAGE, RAW, TIME = range(4)
NOW = Timestamp.from_unix(1.8e9)


@cache
def _subject() -> ConnectedEngine:
    return ConnectedEngine()


def _to_engine() -> Iterable[bytes]:
    for response in VALID["response"]:
        message = encode_message(ReplyData(LpFrame(1, LpFrameType.DATA, 0, response).encode()))
        yield bytes([MESSAGE]) + as_chunk(message)
    yield b"".join(bytes([FRAGMENT]) + as_chunk(sample) for sample in VALID["fragment"])
    yield b"".join(bytes([RAW]) + as_chunk(sample) for sample in (*VALID["pushed"], *VALID["ack"])) + bytes([TIME, 3])


@target(_to_engine)
def tunnel_engine(data: bytes) -> None:
    """What a gateway pushes to a tunnel, and what its exit replies; it stays usable, or says that the exit is lost."""
    subject, draws = _subject(), Draws(data)
    engine = subject.engine
    while draws:
        kind, content = draws.number() % 4, draws.chunk()
        if kind == FRAGMENT:
            subject.reply(content)
        elif kind == MESSAGE:
            for fragment in split_message(subject.network.random, content)[:8]:
                subject.reply(fragment.encode())
        elif kind == RAW:
            engine.receive_pushed(content, subject.now)
        elif (due := engine.next_timeout()) is not None:
            subject.now = max(subject.now, due)
            engine.handle_timeout(subject.now)
        engine.packets_to_send(subject.now)
        while engine.next_event() is not None:
            pass
    if not engine.is_connected:
        _subject.cache_clear()


@cache
def _world() -> tuple[MemoryMixnet, MessagePreparer]:
    network = MemoryMixnet()
    own, _ = network.new_recipient(network.gateways[0])
    preparer = MessagePreparer(network.crypto, network.random, own, bytes(16), topology=network.topology)
    return network, preparer


def _to_service() -> Iterable[bytes]:
    _, preparer = _world()
    surbs = tuple(preparer.make_reply_surb() for _ in range(3))
    for request in (ConnectRequest(10, 1, NOW, None), PingRequest(9, 2, NOW)):
        framed = LpFrame(1, LpFrameType.DATA, 0, encode_request(request)).encode()
        message = encode_message(RepliableData(b"t" * 16, surbs, framed))
        yield bytes([MESSAGE]) + as_chunk(message) + bytes([MESSAGE]) + as_chunk(message)
    more = encode_message(AdditionalSurbs(b"t" * 16, surbs))
    yield bytes([MESSAGE]) + as_chunk(more) + bytes([FRAGMENT]) + as_chunk(VALID["fragment"][0])
    yield bytes([RAW]) + as_chunk(VALID["pushed"][0]) + bytes([TIME]) + as_chunk(b"")


@target(_to_service)
def exit_service(data: bytes) -> None:
    """Payloads that strangers send to an exit: messages with reply SURBs, fragments, nonsense."""

    async def talk() -> None:
        network, _ = _world()
        loop = asyncio.get_running_loop()
        keys = ServiceKeys.generate(network.crypto, network.random)
        sent: list[MixPacket] = []
        config = RouterConfig(max_clients=4, max_waiting_replies=64)
        service = IpPacketRouterService(
            network.crypto, network.random, keys, network.gateways[1], send=sent.append, router_config=config
        )
        nat = UserspaceNat(
            network.random, policy=ExitPolicy(()), resolver=None, clock=service.now, on_output=service.wake
        )
        service.set_topology(network.topology, RotationPeriod(FIRST_ROTATION, loop.time(), 3600.0, 24))
        service.start(nat, nat)
        draws = Draws(data)
        while draws:
            kind, content = draws.number() % 4, draws.chunk()
            if kind == MESSAGE:
                payloads = [fragment.encode() for fragment in split_message(network.random, content)[:8]]
            else:
                payloads = [content[:ROOM].ljust(ROOM, b"\0")]
            for payload in payloads:
                sealed = encrypt_to_recipient(network.crypto, network.random, keys.encryption_public, payload)
                service.receive_pushed(content if kind == RAW else sealed)
            await asyncio.sleep(30.0 if kind == TIME else 0.1)
        service.close()
        await nat.close()

    run_to_end(talk())


def _final() -> Iterable[bytes]:
    yield from (bytes([0, 0]) + ack + b"payload" for ack in VALID["surb ack"])
    yield bytes([1, 1]) + bytes(range(99))


@target(_final)
def gateway_delivery(data: bytes) -> None:
    """What is in a packet that ends at a gateway: an acknowledgement to be sent on, and a payload for somebody."""
    acks: list[tuple[NodeAddress, bytes, KeyRotation]] = []
    delivery = Delivery(
        NodeMetrics("entry", "entry-gateway"),
        Inbox(InboxLimits(max_client_payloads=3)),
        send=lambda *packet: acks.append(packet),
        is_known=lambda identity: identity == b"c" * 32,
        clock=lambda: 0.0,
        own_identity=b"o" * 32,
    )
    draws = Draws(data)
    sealed, size = draws.number() % 2, draws.choice(list(PacketSize))
    content = draws.rest()
    for destination in (b"c" * 32, b"s" * 32, b"o" * 32):
        final = FinalPacket(destination, bytes(16), content, 259)
        packet = SealedPacket(destination, content[:32].ljust(32, b"\0"), content, 260) if sealed else final
        delivery.receive_final(packet, size, KeyRotation.EVEN)
    assert len(acks) <= 3
