"""What comes through the mixnet: streams from other nodes, and payloads that a gateway pushes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from support.every_decoder import VALID

from fuzz.draws import Draws, as_chunk
from fuzz.registry import target
from fuzz.vectors import captured
from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.encryption import encrypt_to_recipient
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.geometry import fragment_length
from mix_protocol.messages.nym_message import PlainMessage, decode_message, encode_message
from mix_protocol.messages.pushed import wrap_ordinary, wrap_sealed
from mix_protocol.messages.reception import MessageReceived, MessageReceiver
from mix_protocol.mixwire.frames import FrameDecoder, encode_frame
from mix_protocol.noise.link import NoiseLink
from mix_protocol.sphinx.geometry import PacketSize

CRYPTO = NativeCrypto()
RANDOM = SeededRandom("fuzz mixnet")
SECRET, ACK_KEY = RANDOM(32), RANDOM(16)
PUBLIC = CRYPTO.x25519_public(SECRET)
ROOM = fragment_length(PacketSize.REGULAR)
HELD_BYTES = 64 << 20
"""What a receiver keeps of unfinished messages at most, twice."""


def _frames() -> Iterable[bytes]:
    packets = [packet for packet in captured("sphinx_*.bin")[:4] if len(packet) in (2413, 362)] or list(VALID["packet"])
    for version, rotation in ((8, KeyRotation.ODD), (7, KeyRotation.UNKNOWN)):
        stream = b"".join(encode_frame(packet, rotation, version) for packet in VALID["packet"])
        yield from (bytes([size]) + stream for size in (0, 3, 7))
    yield from (bytes([7]) + packet for packet in packets)


@target(_frames)
def node_stream(data: bytes) -> None:
    """A stream of frames from another node, in pieces; it gives the same whole or in pieces."""
    decoder, whole = FrameDecoder(), FrameDecoder()
    frames, failed = [], False
    draws = Draws(data)
    try:
        for piece in draws.pieces():
            frames += decoder.feed(piece)
    except PeerMisbehaved:
        failed = True
    with contextlib.suppress(PeerMisbehaved):
        at_once = whole.feed(data[1:])
        assert failed or [frame.packet for frame in frames] == [frame.packet for frame in at_once]


def _payloads() -> Iterable[bytes]:
    for message in (PlainMessage(b"hello"), PlainMessage(bytes(5000))):
        fragments = split_message(RANDOM, encode_message(message))
        yield b"".join(bytes([1]) + as_chunk(fragment.encode()) for fragment in fragments)
    yield b"".join(bytes([1]) + as_chunk(sample) for sample in VALID["fragment"])
    yield b"".join(bytes([0]) + as_chunk(sample) for sample in (*VALID["ack"], *VALID["pushed"]))
    yield bytes([2]) + as_chunk(VALID["pushed"][0]) + bytes([3]) + as_chunk(VALID["pushed"][0])
    yield from (bytes([4]) + as_chunk(sample) for sample in (*VALID["message"], *captured("nymmessage_*.bin")))


@target(_payloads)
def pushed_payloads(data: bytes) -> None:
    """Payloads for one client: raw ones, fragments that anybody may seal to its address, wrapped ones, messages."""
    receiver = MessageReceiver(CRYPTO, SECRET, ACK_KEY)
    draws, now = Draws(data), 0.0
    while draws:
        kind, content = draws.number() % 5, draws.chunk()
        now += 0.1
        if kind == 0:
            receiver.receive_pushed(content, now)
        elif kind == 1:
            fragment = content[:ROOM].ljust(ROOM, b"\0")
            receiver.receive_pushed(encrypt_to_recipient(CRYPTO, RANDOM, PUBLIC, fragment), now)
        elif kind == 2:
            receiver.receive_pushed(wrap_ordinary(content), now)
        elif kind == 3:
            receiver.receive_pushed(wrap_sealed(content[:32].ljust(32, b"\0"), content[32:]), now)
        else:
            with contextlib.suppress(PeerMisbehaved):
                decode_message(content)
        while (event := receiver.next_event()) is not None:
            assert not isinstance(event, MessageReceived) or event.message is not None
        if (due := receiver.next_timeout()) is not None and due <= now:
            receiver.handle_timeout(now)


def _links() -> Iterable[bytes]:
    yield b"\0" + as_chunk(b"plain") + as_chunk(b"\x03\x01\x00\x10" + bytes(16))
    yield b"\1" + as_chunk(VALID["noise frames"][0])
    yield b"\2" + as_chunk(VALID["noise frames"][0])


@target(_links)
def noise_link(data: bytes) -> None:
    """An encrypted link: a responder and an initiator in their handshake, and one that stands."""
    draws = Draws(data)
    which = draws.number() % 3
    random = SeededRandom("fuzz noise")
    ours = NoiseLink.respond(CRYPTO, random, SECRET)
    theirs = NoiseLink.initiate(CRYPTO, random, ACK_KEY * 2, PUBLIC)
    if which == 0:
        ours.receive(theirs.data_to_send())
        theirs.receive(ours.data_to_send())
        ours.receive(theirs.data_to_send())
        assert ours.receive(theirs.seal(b"data")) == [b"data"]
    link = theirs if which == 2 else ours
    while draws:
        link.receive(draws.chunk())
