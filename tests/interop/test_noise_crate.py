"""Our end of an encrypted link against that of the published crate `nym-noise`, over TCP, both ways round."""

import asyncio
import contextlib
import os

import pytest
from support.judge import run_judge
from support.waiting import until

from mix_network.metrics import NodeMetrics
from mix_network.mixnode.incoming import Incoming
from mix_network.mixnode.noise_links import NoiseLinks
from mix_network.mixnode.outgoing import Outgoing
from mix_network.network_view import NetworkView
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.mixwire.frames import NodeFrame, encode_frame
from mix_protocol.noise.link import NoiseLink
from mix_protocol.sphinx.geometry import PacketSize

pytestmark = pytest.mark.timeout(900)  # a first build takes minutes

CRYPTO = NativeCrypto()
OURS, THEIRS, NOBODYS = (bytes([number]) * 32 for number in (1, 2, 3))
SIZES = [1, 2413, 65519, 65520, 300_000]


async def shake_hands(link: NoiseLink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Until the link is ready; what came right behind the handshake."""
    early = []
    while True:
        writer.write(link.data_to_send())
        if link.is_ready:
            return b"".join(early)
        data = await reader.read(65536)
        if not data:
            raise ConnectionResetError
        early += link.receive(data)


async def take_back(link: NoiseLink, reader: asyncio.StreamReader, length: int) -> bytes:
    back = b""
    while len(back) < length:
        data = await reader.read(65536)
        assert data, "the connection ended early"
        back += b"".join(link.receive(data))
    return back


@pytest.mark.parametrize("size", SIZES)
async def test_our_initiator_and_their_responder(size):
    """Noise: our initiator and their responder"""
    async with run_judge("noise-respond", THEIRS.hex()) as judge:
        port = int(await judge.stdout.readline())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        link = NoiseLink.initiate(CRYPTO, os.urandom, OURS, CRYPTO.x25519_public(THEIRS))
        await shake_hands(link, reader, writer)
        data = os.urandom(size)
        writer.write(link.seal(data))
        assert await take_back(link, reader, size) == data
        writer.close()
        assert await judge.stdout.read() == f"noise {size}\n".encode()


@pytest.mark.parametrize("size", SIZES)
async def test_their_initiator_and_our_responder(size):
    """Noise: their initiator and our responder"""
    taken = bytearray()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = NoiseLink.respond(CRYPTO, os.urandom, OURS)
        pieces = [await shake_hands(link, reader, writer)]
        while True:
            for piece in filter(None, pieces):
                taken.extend(piece)
                writer.write(link.seal(piece))
            data = await reader.read(65536)
            if not data:
                break
            pieces = link.receive(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with run_judge("noise-initiate", THEIRS.hex(), CRYPTO.x25519_public(OURS).hex(), str(port)) as judge:
        data = os.urandom(size)
        back, problems = await judge.communicate(data)
        assert back == data == bytes(taken), problems
    server.close()
    await server.wait_closed()


async def test_their_responder_refuses_whoever_takes_it_for_another():
    """Refused by theirs: an initiator that takes it for another node"""
    async with run_judge("noise-respond", THEIRS.hex()) as judge:
        port = int(await judge.stdout.readline())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        link = NoiseLink.initiate(CRYPTO, os.urandom, OURS, CRYPTO.x25519_public(NOBODYS))
        with contextlib.suppress(ConnectionError):
            await shake_hands(link, reader, writer)
        assert not link.is_ready
        assert (await judge.stdout.read()).startswith(b"failed: ")
        writer.close()


async def test_our_responder_refuses_whoever_takes_it_for_another():
    """Refused by ours: an initiator that takes it for another node"""
    refused: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await shake_hands(NoiseLink.respond(CRYPTO, os.urandom, OURS), reader, writer)
        except Exception as error:
            refused.set_result(error)
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with run_judge("noise-initiate", THEIRS.hex(), CRYPTO.x25519_public(NOBODYS).hex(), str(port)) as judge:
        back, _ = await judge.communicate(b"data")
        assert back == b""
        assert judge.returncode != 0
    assert isinstance(await refused, PeerMisbehaved)
    server.close()


def frame_of(number: int) -> bytes:
    return encode_frame(bytes([number]) * PacketSize.REGULAR.packet_length, KeyRotation.ODD)


async def test_a_node_of_ours_takes_packets_of_their_sender():
    """A node of ours takes packets of their sender"""
    address = NodeAddress.from_text("127.0.0.1", 1)
    view = NetworkView([address], {address: CRYPTO.x25519_public(THEIRS)})
    frames: list[NodeFrame] = []
    incoming = Incoming(frames.extend, NodeMetrics("ours", "mix-node"), secure=NoiseLinks(CRYPTO, view, OURS).from_peer)
    port = await incoming.start("127.0.0.1", 0)
    async with run_judge("noise-initiate", THEIRS.hex(), CRYPTO.x25519_public(OURS).hex(), str(port)) as judge:
        judge.stdin.write(b"".join(map(frame_of, range(100))))
        judge.stdin.close()
        await until(lambda: len(frames) == 100)
        assert [frame.packet[0] for frame in frames] == list(range(100))
    await incoming.close()


async def test_a_node_of_ours_sends_packets_to_their_receiver():
    """A node of ours sends packets to their receiver"""
    metrics = NodeMetrics("ours", "mix-node")
    async with run_judge("noise-respond", THEIRS.hex()) as judge:
        address = NodeAddress.from_text("127.0.0.1", int(await judge.stdout.readline()))
        view = NetworkView([address], {address: CRYPTO.x25519_public(THEIRS)})
        outgoing = Outgoing(view, metrics, secure=NoiseLinks(CRYPTO, view, OURS).to_node)
        packet = bytes(PacketSize.REGULAR.packet_length)
        for _ in range(100):
            outgoing.send(address, packet, KeyRotation.ODD)
        await until(lambda: metrics.forwarded == 100)
        # What they send back nobody reads here; that they do shows that they could read it all.
        (peer,) = [connection for connection, _ in outgoing._peers.values()]
        peer._transport.write_eof()
        assert await judge.stdout.read() == f"noise {100 * len(frame_of(0))}\n".encode()
        await outgoing.close()
    assert metrics.handshakes_failed == 0
