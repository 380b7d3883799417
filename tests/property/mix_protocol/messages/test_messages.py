"""Messages: what is encoded decodes to itself, and nothing that a peer sends gives another error than its own."""

from __future__ import annotations

import contextlib
import sys
from functools import cache
from ipaddress import IPv4Address, IPv6Address

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mix_protocol.addressing import KeyRotation, NodeAddress, Recipient
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.acknowledgement import SurbAck, decode_ack, split_surb_ack
from mix_protocol.messages.encryption import decrypt_from_sender, encrypt_to_recipient
from mix_protocol.messages.fragment import Fragment, FragmentIdentifier, remove_padding, split_message
from mix_protocol.messages.geometry import DATA_SIZES, PUSHED_LENGTHS, SURB_ACK_LENGTH, fragment_length
from mix_protocol.messages.nym_message import (
    AdditionalSurbs,
    Heartbeat,
    NymMessage,
    PlainMessage,
    RepliableData,
    ReplyData,
    SurbRequest,
    decode_message,
    encode_message,
)
from mix_protocol.messages.reassembly import Reassembler, ReassemblyLimits
from mix_protocol.messages.reception import MessageReceived, MessageReceiver, PayloadDropped
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.sphinx.geometry import HEADER_LENGTH, PacketSize
from mix_protocol.sphinx.surb import Surb

SECRET = bytes(range(32))
ACK_KEY = bytes(range(16))


@cache
def provider() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


def fixed(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


ADDRESSES = st.builds(
    NodeAddress,
    st.one_of(
        st.integers(0, 2**32 - 1).map(IPv4Address),
        st.integers(0, 2**128 - 1).map(IPv6Address),
    ),
    st.integers(0, 0xFFFF),
)


@st.composite
def surb_lists(draw: st.DrawFn) -> tuple[ReplySurb, ...]:
    """SURBs of one message: alike in form, and in rotation where the form tells it."""
    full_keys = draw(st.booleans())
    hops = 4 if full_keys else draw(st.integers(1, 5))
    rotation = KeyRotation.UNKNOWN if full_keys else draw(st.sampled_from(KeyRotation))
    random = SeededRandom(draw(st.integers(0, 1000)))
    return tuple(
        ReplySurb(
            random(16),
            Surb(random(HEADER_LENGTH), draw(ADDRESSES), tuple(random(192 if full_keys else 16) for _ in range(hops))),
            rotation,
        )
        for _ in range(draw(st.integers(0, 4)))
    )


TAGS = fixed(16)
RECIPIENTS = st.builds(Recipient, fixed(32), fixed(32), fixed(32))
MESSAGES: st.SearchStrategy[NymMessage] = st.one_of(
    st.builds(PlainMessage, st.binary()),
    st.builds(ReplyData, st.binary(min_size=1)),
    st.builds(SurbRequest, RECIPIENTS, st.integers(0, 2**32 - 1)),
    st.builds(RepliableData, TAGS, surb_lists(), st.binary()),
    st.builds(AdditionalSurbs, TAGS, surb_lists()),
    st.builds(Heartbeat, TAGS, surb_lists()),
)


@given(MESSAGES)
def test_messages_round_trip(message: NymMessage) -> None:
    assert decode_message(encode_message(message)) == message


@given(st.binary(max_size=600))
@example(b"\x01" + bytes(16) + b"\x00\xff\xff\xff\xff")
@example(b"\x01" + bytes(16) + b"\x03\xff\xff\x05\x02" + bytes(500))
def test_any_bytes_are_a_message_or_misbehaviour(data: bytes) -> None:
    try:
        message = decode_message(data)
    except PeerMisbehaved:
        return
    if not isinstance(message, AdditionalSurbs | Heartbeat):  # which tolerate surplus bytes
        again = decode_message(encode_message(message))
        assert again == message


@given(MESSAGES, st.data())
def test_damaged_messages_are_a_message_or_misbehaviour(message: NymMessage, data: st.DataObject) -> None:
    encoded = bytearray(encode_message(message))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, min(len(encoded) - 1, 60)))] = data.draw(st.integers(0, 255))
    cut = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    for damaged in (bytes(encoded), cut):
        with contextlib.suppress(PeerMisbehaved):
            decode_message(damaged)


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_reply_surb_or_misbehaviour(data: bytes) -> None:
    try:
        surb = ReplySurb.decode(data)
    except PeerMisbehaved:
        return
    assert len(surb.encode()) == len(data)


@given(fixed(16), fixed(HEADER_LENGTH), st.binary(max_size=1000))
def test_reply_surbs_with_a_valid_first_hop(key: bytes, header: bytes, material: bytes) -> None:
    data = key + header + NodeAddress(IPv4Address("10.0.0.1"), 1).encode_padded(32) + material
    try:
        surb = ReplySurb.decode(data)
    except PeerMisbehaved:
        assert len(material) % 16 or len(material) == 0 or len(material) > 80
        return
    assert surb.encode() == data


SET_IDS = st.integers(1, 2**31 - 1)


@st.composite
def fragments(draw: st.DrawFn) -> Fragment:
    set_id, total = draw(SET_IDS), draw(st.integers(1, 255))
    position = draw(st.integers(1, total))
    link = draw(st.none() | SET_IDS.filter(lambda other: other != set_id))
    return Fragment(
        set_id,
        total,
        position,
        link if position == 1 else None,
        link if position == 255 else None,
        draw(st.binary(max_size=50)),
    )


@given(fragments())
def test_fragments_round_trip(fragment: Fragment) -> None:
    assert Fragment.decode(fragment.encode()) == fragment


@given(
    st.binary(max_size=40) | st.builds(lambda head, rest: bytes([head[0] | 0x80]) + head[1:] + rest, fixed(6), fixed(9))
)
def test_any_bytes_are_a_fragment_or_misbehaviour(data: bytes) -> None:
    try:
        fragment = Fragment.decode(data)
    except PeerMisbehaved:
        return
    assert fragment.encode() == data


@given(st.binary(max_size=20))
def test_any_bytes_are_an_identifier_or_misbehaviour(data: bytes) -> None:
    try:
        identifier = FragmentIdentifier.decode(data)
    except PeerMisbehaved:
        return
    assert identifier.encode() == data


@given(st.binary(max_size=40) | fixed(21))
def test_any_bytes_are_an_acknowledgement_or_misbehaviour(data: bytes) -> None:
    try:
        identifier = decode_ack(provider(), ACK_KEY, data)
    except PeerMisbehaved:
        return
    assert identifier.set_id >= 0


@given(ADDRESSES, fixed(386), st.binary(max_size=100))
def test_surb_acks_round_trip(address: NodeAddress, packet: bytes, rest: bytes) -> None:
    ack = SurbAck(address, packet)
    assert split_surb_ack(ack.encode() + rest) == (ack, rest)


@given(st.binary(max_size=2 * SURB_ACK_LENGTH))
def test_any_bytes_split_or_misbehave(data: bytes) -> None:
    try:
        ack, rest = split_surb_ack(data)
    except PeerMisbehaved:
        return
    assert len(ack.packet) == PacketSize.ACK.packet_length
    assert len(rest) == len(data) - SURB_ACK_LENGTH


@given(fixed(32), st.binary(max_size=200))
def test_encryption_round_trips(secret: bytes, plaintext: bytes) -> None:
    crypto = provider()
    sealed = encrypt_to_recipient(crypto, SeededRandom("e2e"), crypto.x25519_public(secret), plaintext)
    assert decrypt_from_sender(crypto, secret, sealed) == plaintext


@settings(max_examples=60)
@given(
    st.integers(0, 255 * 1604 * 3).map(lambda length: b"m" * length) | st.binary(max_size=5000),
    st.sampled_from(DATA_SIZES),
    st.integers(0, 2**32),
)
@example(b"m" * (255 * 1604 * 4), PacketSize.REGULAR, 0)
def test_any_message_is_reassembled_from_any_order_with_repetitions(
    message: bytes, size: PacketSize, seed: int
) -> None:
    pieces = split_message(SeededRandom(seed), message, size)
    assert {len(piece.encode()) for piece in pieces} == {fragment_length(size)}
    order = sorted(pieces + pieces[::3], key=lambda piece: hash((seed, piece.identifier)))
    reassembler = Reassembler()
    results = [result for piece in order if (result := reassembler.receive(piece, 0.0)) is not None]
    assert results == [message]
    assert reassembler.payload_bytes == reassembler.incomplete_sets == 0


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 3, 255]), st.integers(1, 255), st.integers(1, 4))))
def test_hostile_fragments_keep_within_the_limits(plan: list[tuple[int, int, int, int]]) -> None:
    limits = ReassemblyLimits(sets=3, payload_bytes=100, completed_sets=2)
    reassembler = Reassembler(limits)
    for now, (set_id, total, position, link) in enumerate(plan):
        if position > total:
            continue
        previous_set = link if position == 1 and link != set_id else None
        next_set = link if position == total == 255 and link != set_id else None
        with contextlib.suppress(PeerMisbehaved):
            reassembler.receive(Fragment(set_id, total, position, previous_set, next_set, bytes(20)), float(now))
        assert reassembler.incomplete_sets <= limits.sets
        assert reassembler.payload_bytes <= limits.payload_bytes
    reassembler.handle_timeout(1e6)
    assert reassembler.payload_bytes == reassembler.incomplete_sets == 0


@given(st.binary(max_size=100))
def test_padding_is_what_follows_the_last_mark(data: bytes) -> None:
    try:
        message = remove_padding(data)
    except PeerMisbehaved:
        assert 1 not in data
        return
    assert data.startswith(message + b"\x01")
    assert 1 not in data[len(message) + 1 :]


def drain(receiver: MessageReceiver) -> list[object]:
    events = []
    while (event := receiver.next_event()) is not None:
        events.append(event)
    return events


@given(st.lists(st.binary(max_size=60) | st.sampled_from(sorted(PUSHED_LENGTHS)).map(lambda size: b"\x09" * size)))
def test_a_receiver_survives_any_payload(payloads: list[bytes]) -> None:
    receiver = MessageReceiver(provider(), SECRET, ACK_KEY)
    for payload in payloads:
        receiver.receive_pushed(payload, 0.0)
    assert len(drain(receiver)) == len(payloads)


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=1611), max_size=5))
def test_a_receiver_survives_any_content(contents: list[bytes]) -> None:
    crypto = provider()
    receiver = MessageReceiver(crypto, SECRET, ACK_KEY)
    random = SeededRandom("contents")
    for content in contents:
        header = Fragment(1 + len(content), 1, 1, None, None, content).encode() if len(content) < 1600 else content
        padded = header.ljust(1611, b"\0")
        receiver.receive_pushed(encrypt_to_recipient(crypto, random, crypto.x25519_public(SECRET), padded), 0.0)
    assert all(isinstance(event, MessageReceived | PayloadDropped) for event in drain(receiver))
