"""Encrypted links with other nodes: who speaks how, and what a link that does not get ready costs."""

from __future__ import annotations

import asyncio
import os
from ipaddress import ip_address

import pytest
from support.waiting import until

from mix_network.metrics import NodeMetrics
from mix_network.mixnode import incoming as incoming_module
from mix_network.mixnode import outgoing as outgoing_module
from mix_network.mixnode.incoming import Incoming
from mix_network.mixnode.noise_links import NoiseLinks
from mix_network.mixnode.outgoing import Outgoing, OutgoingLimits
from mix_network.network_view import NetworkView
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.mixwire.frames import NodeFrame, encode_frame
from mix_protocol.noise.link import NoiseLink
from mix_protocol.sphinx.geometry import PacketSize

CRYPTO = NativeCrypto()
SENDER, RECEIVER, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
LIMITS = OutgoingLimits(backoff_initial_s=0.01, backoff_max_s=0.01)
ROTATION = KeyRotation.ODD
HOST = "127.0.0.1"
CUT = (ConnectionResetError, asyncio.IncompleteReadError)


def packet(number: int) -> bytes:
    return number.to_bytes(2, "big") + bytes(PacketSize.REGULAR.packet_length - 2)


class Receiver:
    """A node's incoming side on a real socket."""

    def __init__(self, view: NetworkView, secret: bytes | None) -> None:
        self.frames: list[NodeFrame] = []
        self.metrics = NodeMetrics("receiver", "mix-node")
        links = NoiseLinks(CRYPTO, view, secret)
        self.incoming = Incoming(self.frames.extend, self.metrics, secure=links.from_peer)

    async def start(self) -> NodeAddress:
        return NodeAddress.from_text(HOST, await self.incoming.start(HOST, 0))

    @property
    def numbers(self) -> list[int]:
        return [int.from_bytes(frame.packet[:2], "big") for frame in self.frames]


@pytest.fixture
async def pair():
    """A receiver that announces a key, and the outgoing side of a sender; both see the network alike."""
    view = NetworkView()
    receiver = Receiver(view, RECEIVER)
    address = await receiver.start()
    view.update([address], {address: CRYPTO.x25519_public(RECEIVER)})
    metrics = NodeMetrics("sender", "mix-node")
    outgoing = Outgoing(view, metrics, LIMITS, secure=NoiseLinks(CRYPTO, view, SENDER).to_node)
    yield receiver, outgoing, view, address, metrics
    await outgoing.close()
    await receiver.incoming.close()


async def test_packets_arrive_over_an_encrypted_link(pair):
    receiver, outgoing, _, address, metrics = pair
    for number in range(100):
        outgoing.send(address, packet(number), ROTATION)
    await until(lambda: len(receiver.frames) == 100)
    assert receiver.numbers == list(range(100))
    assert (receiver.metrics.connections, receiver.metrics.malformed, receiver.metrics.handshakes_failed) == (1, 0, 0)
    assert metrics.forwarded == 100
    for number in range(100, 105):
        outgoing.send(address, packet(number), ROTATION)
    await until(lambda: len(receiver.frames) == 105)


async def test_nothing_of_a_packet_is_seen_on_the_way(pair, monkeypatch):
    _, outgoing, view, address, _ = pair
    seen = bytearray()

    async def relay(reader, writer):
        to_reader, to_writer = await asyncio.open_connection(HOST, address.port)

        async def pass_on(source, target, note):
            while data := await source.read(65536):
                note(data)
                target.write(data)
            target.close()

        await asyncio.gather(pass_on(reader, to_writer, seen.extend), pass_on(to_reader, writer, seen.extend))

    server = await asyncio.start_server(relay, HOST, 0)
    way = NodeAddress.from_text(HOST, server.sockets[0].getsockname()[1])
    view.update([way], {way: CRYPTO.x25519_public(RECEIVER)})
    secret = os.urandom(PacketSize.REGULAR.packet_length)
    receiver = pair[0]
    outgoing.send(way, secret, ROTATION)
    await until(lambda: receiver.frames)
    assert receiver.frames[0].packet == secret
    assert len(seen) == 3 * 8 + 48 + 48 + 64 + 8 + 4 + len(secret) + 16
    assert secret[:16] not in seen
    server.close()
    await outgoing.close()


@pytest.mark.parametrize(
    ("announced", "own", "is_encrypted"),
    [(True, SENDER, True), (True, None, False), (False, SENDER, False), (False, None, False)],
)
def test_each_side_decides_by_what_is_announced_and_by_having_a_key(announced, own, is_encrypted):
    address = NodeAddress.from_text("192.0.2.1", 1789)
    view = NetworkView([address], {address: CRYPTO.x25519_public(RECEIVER)} if announced else {})
    links = NoiseLinks(CRYPTO, view, own)
    assert (links.to_node(address) is not None) is is_encrypted
    assert (links.from_peer("192.0.2.1") is not None) is is_encrypted
    assert (links.from_peer("::ffff:192.0.2.1") is not None) is is_encrypted
    assert links.from_peer("192.0.2.2") is None
    assert (links.from_peer(None) is not None) is (own is not None)


async def test_who_speaks_in_the_clear_where_encryption_is_announced_loses_the_connection_and_nobody_else_does(pair):
    receiver, outgoing, _, address, _ = pair
    outgoing.send(address, packet(1), ROTATION)
    await until(lambda: receiver.frames)
    reader, writer = await asyncio.open_connection(HOST, address.port)
    writer.write(encode_frame(packet(2), ROTATION))
    with pytest.raises(CUT):
        await reader.readexactly(1)
    assert (receiver.metrics.handshakes_failed, receiver.metrics.malformed) == (1, 0)
    outgoing.send(address, packet(3), ROTATION)
    await until(lambda: len(receiver.frames) == 2)
    assert receiver.numbers == [1, 3]
    writer.close()


async def test_who_says_nothing_is_cut_off_in_time(pair, monkeypatch):
    monkeypatch.setattr(incoming_module, "HANDSHAKE_TIMEOUT_S", 0.05)
    receiver, _, _, address, _ = pair
    reader, writer = await asyncio.open_connection(HOST, address.port)
    with pytest.raises(CUT):
        await reader.readexactly(1)
    assert receiver.metrics.handshakes_failed == 1
    await until(lambda: receiver.metrics.connections == 0)
    writer.close()


async def test_garbage_after_the_handshake_is_malformed(pair):
    receiver, _, _, address, _ = pair
    reader, writer = await asyncio.open_connection(HOST, address.port)
    link = NoiseLink.initiate(CRYPTO, os.urandom, SENDER, CRYPTO.x25519_public(RECEIVER))
    writer.write(link.data_to_send())
    link.receive(await reader.read(1000))
    writer.write(link.data_to_send() + link.seal(b"\x09" * 10))
    with pytest.raises(CUT):
        await reader.readexactly(1)
    assert (receiver.metrics.malformed, receiver.metrics.handshakes_failed) == (1, 0)
    writer.close()


async def test_a_node_that_has_another_key_than_announced_gets_nothing_until_it_announces_its_own(pair):
    receiver, outgoing, view, address, metrics = pair
    view.update([address], {address: CRYPTO.x25519_public(OTHER)})
    outgoing.send(address, packet(1), ROTATION)
    await until(lambda: metrics.handshakes_failed >= 2)
    assert not receiver.frames
    view.update([address], {address: CRYPTO.x25519_public(RECEIVER)})
    await until(lambda: receiver.frames)
    assert receiver.numbers == [1]


async def test_a_node_that_never_answers_is_tried_again(pair, monkeypatch):
    monkeypatch.setattr(outgoing_module, "HANDSHAKE_TIMEOUT_S", 0.05)
    receiver, outgoing, view, address, metrics = pair
    accepted = []
    server = await asyncio.start_server(lambda reader, writer: accepted.append(writer), HOST, 0)
    silent = NodeAddress.from_text(HOST, server.sockets[0].getsockname()[1])
    view.update([address, silent], {silent: CRYPTO.x25519_public(RECEIVER), address: CRYPTO.x25519_public(RECEIVER)})
    outgoing.send(silent, packet(1), ROTATION)
    outgoing.send(address, packet(2), ROTATION)
    await until(lambda: len(accepted) >= 2 and metrics.handshakes_failed >= 1)
    await until(lambda: receiver.numbers == [2])
    server.close()
    for writer in accepted:
        writer.close()


@pytest.mark.parametrize(
    ("from_ip", "seen"), [("127.0.0.7", "127.0.0.7"), ("0.0.0.0", HOST), ("::1", HOST), (None, HOST)]
)
async def test_a_node_connects_from_the_address_that_it_announces(from_ip, seen):
    """Others decide by it whether the link is encrypted."""
    peers = asyncio.Queue()
    server = await asyncio.start_server(
        lambda reader, writer: peers.put_nowait(writer.get_extra_info("peername")[0]), HOST, 0
    )
    address = NodeAddress.from_text(HOST, server.sockets[0].getsockname()[1])
    outgoing = Outgoing(
        NetworkView([address]), NodeMetrics("sender", "mix-node"), from_ip=ip_address(from_ip) if from_ip else None
    )
    outgoing.send(address, packet(1), ROTATION)
    assert await peers.get() == seen
    await outgoing.close()
    server.close()


async def test_a_key_of_low_order_is_not_dialled(pair):
    _, outgoing, view, address, metrics = pair
    view.update([address], {address: bytes(32)})
    outgoing.send(address, packet(1), ROTATION)
    await asyncio.sleep(0)
    view.update([address], {address: CRYPTO.x25519_public(RECEIVER)})
    await until(lambda: metrics.forwarded == 1)
