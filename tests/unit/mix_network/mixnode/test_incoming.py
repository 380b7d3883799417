"""The listening side of a node, with peers in memory: what they may cost, and that others go on."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_network.errors import PortUnavailable
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.incoming import READ_BYTES, Incoming, _IncomingConnection
from mix_protocol.addressing import KeyRotation
from mix_protocol.mixwire.frames import NodeFrame, encode_frame
from mix_protocol.sphinx.geometry import PacketSize


class Transport(asyncio.Transport):
    def __init__(self, address: str | None = None) -> None:
        super().__init__({"peername": (address, 1) if address else None})
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


class Peer:
    """A connection, and the node's end of it."""

    def __init__(self, incoming: Incoming, address: str | None = None) -> None:
        self.transport = Transport(address)
        self._protocol = _IncomingConnection(incoming)
        self._protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        if not self.transport.aborted:  # nothing is read of a connection that was aborted
            for start in range(0, len(data), READ_BYTES):
                piece = data[start : start + READ_BYTES]
                self._protocol.get_buffer(-1)[: len(piece)] = piece
                self._protocol.buffer_updated(len(piece))
        self._note_abort()

    def leave(self) -> None:
        self._protocol.connection_lost(None)

    def _note_abort(self) -> None:
        if self.transport.aborted:
            self.leave()


class Node:
    def __init__(self, max_connections: int = 1024) -> None:
        self.frames: list[NodeFrame] = []
        self.metrics = NodeMetrics("mix", "mix-node")
        self.incoming = Incoming(self.frames.extend, self.metrics, max_connections)

    def peer(self, address: str | None = None) -> Peer:
        return Peer(self.incoming, address)


def frame_of(number: int, version: int = 8) -> bytes:
    packet = number.to_bytes(2, "big") + bytes(PacketSize.ACK.packet_length - 2)
    return encode_frame(packet, KeyRotation.ODD, version)


def numbers(node: Node) -> list[int]:
    return [int.from_bytes(frame.packet[:2], "big") for frame in node.frames]


@given(st.lists(st.sampled_from([7, 8]), max_size=5), st.lists(st.integers(1, 700), max_size=12))
def test_frames_arrive_whole_and_in_order_however_they_are_cut(versions: list[int], cuts: list[int]):
    node = Node()
    peer = node.peer()
    stream = b"".join(frame_of(number, version) for number, version in enumerate(versions))
    for cut in cuts:
        peer.send(stream[:cut])
        stream = stream[cut:]
    peer.send(stream)
    assert numbers(node) == list(range(len(versions)))
    assert (node.metrics.received, node.metrics.malformed) == (len(versions), 0)


@given(st.binary(min_size=1, max_size=600))
def test_garbage_raises_nothing_and_costs_at_most_the_connection(garbage: bytes):
    node = Node()
    stranger, honest = node.peer(), node.peer()
    honest.send(frame_of(1)[:100])
    stranger.send(garbage)
    stranger.send(garbage)
    assert node.metrics.malformed == int(stranger.transport.aborted)
    assert node.metrics.connections == 2 - int(stranger.transport.aborted)
    honest.send(frame_of(1)[100:])
    assert not honest.transport.aborted
    assert numbers(node)[-1] == 1


def test_what_came_before_the_garbage_is_taken_and_nothing_after_it():
    node = Node()
    peer = node.peer()
    peer.send(frame_of(1))
    peer.send(b"GET / HTTP/1.1\r\n\r\n")
    peer.send(frame_of(2))
    assert numbers(node) == [1]
    assert peer.transport.aborted


def test_a_frame_that_never_ends_is_held_once():
    """A peer costs one unfinished frame, however slowly it sends."""
    node = Node()
    peer = node.peer()
    largest = encode_frame(bytes(PacketSize.EXTENDED_32.packet_length), KeyRotation.ODD)
    for _ in range(3):
        for start in range(0, len(largest), 1000):
            peer.send(largest[start : start + 1000])
            assert len(peer._protocol._decoder._buffer) < len(largest)
    assert len(node.frames) == 3


def test_the_number_of_peers_is_bounded_and_who_says_nothing_makes_room():
    node = Node(max_connections=3)
    speaker, *strangers = [node.peer() for _ in range(3)]
    strangers[0].send(frame_of(1)[:-1])  # not whole: this is not to speak
    speaker.send(frame_of(2))
    newcomers = [node.peer() for _ in range(2)]
    assert [peer.transport.aborted for peer in (speaker, *strangers, *newcomers)] == [False, True, True, False, False]
    assert node.metrics.dropped == {"too_many_connections": 2}
    assert node.metrics.connections == 3
    for stranger in strangers:
        stranger.leave()  # is counted no more
    assert node.metrics.connections == 3
    for number, peer in enumerate((speaker, *newcomers), 3):
        peer.send(frame_of(number))
    assert numbers(node) == [2, 3, 4, 5]
    speaker.leave()
    assert node.metrics.connections == 2


def test_one_address_has_half_of_the_places_whatever_it_sends():
    node = Node(max_connections=4)
    honest = [node.peer(f"192.0.2.{number}") for number in range(2)]
    greedy = []
    for number in range(5):
        greedy.append(node.peer("198.51.100.9"))
        greedy[-1].send(frame_of(number))
    assert [peer.transport.aborted for peer in honest] == [False, False]
    assert [peer.transport.aborted for peer in greedy] == [True, True, True, False, False]
    assert node.metrics.connections == 4
    whole_network = [node.peer(f"2001:db8::{number}") for number in range(3)]
    assert [peer.transport.aborted for peer in whole_network] == [True, False, False]


async def test_closing_cuts_every_peer():
    node = Node()
    peers = [node.peer() for _ in range(3)]
    await node.incoming.close()
    assert all(peer.transport.aborted for peer in peers)


async def test_a_port_that_is_taken_is_told():
    node, other = Node(), Node()
    port = await node.incoming.start("127.0.0.1", 0)
    with pytest.raises(PortUnavailable) as caught:
        await other.incoming.start("127.0.0.1", port)
    assert caught.value.fields == {"port": port}
    await node.incoming.close()


@pytest.mark.expects_crashes
def test_a_read_that_cannot_be_handled_costs_what_it_brought(caplog: pytest.LogCaptureFixture):
    node = Node()

    def handle(frames: list[NodeFrame]) -> None:
        if frames[0].packet[1] == 1:
            raise ZeroDivisionError
        node.frames += frames

    node.incoming = Incoming(handle, node.metrics)
    peer = node.peer()
    for number in (0, 1, 1, 2):
        peer.send(frame_of(number))
    assert numbers(node) == [0, 2]
    assert not peer.transport.aborted
    assert len(caplog.records) == 1


def test_what_one_read_brings_is_handed_over_together():
    node, reads = Node(), []
    node.incoming = Incoming(lambda frames: reads.append(len(frames)), node.metrics)
    peer = node.peer()
    peer.send(b"".join(frame_of(number) for number in range(5)) + frame_of(5)[:7])
    peer.send(frame_of(5)[7:] + frame_of(6))
    assert reads == [5, 2]


@pytest.mark.expects_crashes
def test_a_stream_that_cannot_be_handled_costs_that_connection(monkeypatch: pytest.MonkeyPatch):
    node = Node()
    bad, good = node.peer(), node.peer()

    def broken(data: bytes) -> list[NodeFrame]:
        raise ZeroDivisionError

    monkeypatch.setattr(bad._protocol._decoder, "feed", broken)
    bad.send(frame_of(1))
    good.send(frame_of(2))
    assert bad.transport.aborted
    assert numbers(node) == [2]
