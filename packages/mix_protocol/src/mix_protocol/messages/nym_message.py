"""Messages as two clients exchange them, before padding and fragmentation (Nym spec: NymMessage).

A repliable message comes in two encodings. V1 carries SURBs with four full payload keys each and says nothing about
key rotation; V2 carries payload seeds, the number of hops and the rotation. The SURBs decide which one is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mix_protocol.addressing.key_rotation import KeyRotation
from mix_protocol.addressing.recipient import Recipient
from mix_protocol.codec.reader import MalformedMessage, Reader
from mix_protocol.errors import UsageError
from mix_protocol.messages.geometry import AES_KEY_LENGTH, RECIPIENT_LENGTH, SENDER_TAG_LENGTH
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.sphinx import geometry as sphinx

_PLAIN, _REPLIABLE, _REPLY = 0, 1, 2
_REPLY_DATA, _SURB_REQUEST = 0, 1
_DATA, _ADDITIONAL_SURBS, _HEARTBEAT = 0, 1, 2
_V2 = 3  # is added to a content tag

_SURB_OVERHEAD = AES_KEY_LENGTH + sphinx.HEADER_LENGTH + sphinx.NODE_ADDRESS_LENGTH
_V1_HOPS = 4
_V1_SURB_LENGTH = _SURB_OVERHEAD + _V1_HOPS * sphinx.PAYLOAD_KEY_LENGTH
MAX_SURBS = 2048
"""SURBs of one message that are read; published clients send some hundred at most, and each is a step of work."""

_MAX_U32 = 0xFFFF_FFFF
_MAX_U16 = 0xFFFF


class InvalidMessage(UsageError):
    """A message that the caller built and that has no encoding."""

    code = "messages.invalid_message"
    message = "the message has no encoding"


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """Data that asks for no reply."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RepliableData:
    """Data from an anonymous sender, with SURBs to reply with.

    sender_tag -- 16 bytes by which the recipient knows this sender again
    """

    sender_tag: bytes = field(repr=False)
    surbs: tuple[ReplySurb, ...]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AdditionalSurbs:
    """More SURBs from an anonymous sender, mostly because the recipient asked for them."""

    sender_tag: bytes = field(repr=False)
    surbs: tuple[ReplySurb, ...]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """SURBs from an anonymous sender who only wants to show that it lives."""

    sender_tag: bytes = field(repr=False)
    surbs: tuple[ReplySurb, ...]


@dataclass(frozen=True, slots=True)
class ReplyData:
    """Data that came by reply SURBs; never empty."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SurbRequest:
    """By a reply SURB: the wish for more of them.

    recipient -- who asks: the one to whom the SURBs were sent
    amount -- how many are wanted
    """

    recipient: Recipient
    amount: int


RepliableMessage = RepliableData | AdditionalSurbs | Heartbeat
NymMessage = PlainMessage | RepliableMessage | ReplyData | SurbRequest


def encode_message(message: NymMessage) -> bytes:
    """Give the bytes to pad and split; raises `InvalidMessage`."""
    match message:
        case PlainMessage(data):
            return bytes((_PLAIN,)) + data
        case ReplyData(data):
            if not data:
                raise InvalidMessage("a reply must not be empty")
            return bytes((_REPLY, _REPLY_DATA)) + data
        case SurbRequest(recipient, amount):
            if not 0 <= amount <= _MAX_U32:
                raise InvalidMessage("the amount of SURBs must be a 32-bit number", amount=amount)
            return bytes((_REPLY, _SURB_REQUEST)) + recipient.encode() + amount.to_bytes(4, "big")
        case RepliableData(sender_tag, surbs, data):
            return _encode_repliable(_DATA, sender_tag, surbs, data)
        case AdditionalSurbs(sender_tag, surbs):
            return _encode_repliable(_ADDITIONAL_SURBS, sender_tag, surbs)
        case Heartbeat(sender_tag, surbs):
            return _encode_repliable(_HEARTBEAT, sender_tag, surbs)


def decode_message(data: bytes) -> NymMessage:
    """Read a reassembled message without its padding; raises an error of the kind `PeerMisbehaved`."""
    reader = Reader(data, "message")
    kind = reader.u8()
    if kind == _PLAIN:
        return PlainMessage(reader.rest())
    if kind == _REPLIABLE:
        return _decode_repliable(reader)
    if kind == _REPLY:
        return _decode_reply(reader)
    raise MalformedMessage("message", f"there is no type {kind}")


def _decode_reply(reader: Reader) -> ReplyData | SurbRequest:
    tag = reader.u8()
    if tag == _REPLY_DATA:
        if not reader.remaining:
            raise MalformedMessage("reply", "it is empty")
        return ReplyData(reader.rest())
    if tag == _SURB_REQUEST:
        request = SurbRequest(Recipient.decode(reader.take(RECIPIENT_LENGTH)), reader.u32())
        reader.end()
        return request
    raise MalformedMessage("reply", f"there is no content tag {tag}")


def _decode_repliable(reader: Reader) -> RepliableMessage:
    sender_tag = reader.take(SENDER_TAG_LENGTH)
    tag = reader.u8()
    if tag < _V2:
        content, surbs = tag, _decode_surbs_v1(reader)
    else:
        content, surbs = tag - _V2, _decode_surbs_v2(reader)
    # Bytes after the SURBs of the two messages without data are tolerated, as published clients do.
    if content == _DATA:
        return RepliableData(sender_tag, surbs, reader.rest())
    if content == _ADDITIONAL_SURBS:
        return AdditionalSurbs(sender_tag, surbs)
    if content == _HEARTBEAT:
        return Heartbeat(sender_tag, surbs)
    raise MalformedMessage("repliable message", f"there is no content tag {tag}")


def _decode_surbs_v1(reader: Reader) -> tuple[ReplySurb, ...]:
    return _take_surbs(reader, reader.u32(), _V1_SURB_LENGTH, KeyRotation.UNKNOWN)


def _decode_surbs_v2(reader: Reader) -> tuple[ReplySurb, ...]:
    count, hops, rotation = reader.u16(), reader.u8(), KeyRotation.from_byte(reader.u8())
    if count and not 1 <= hops <= sphinx.MAX_HOPS:
        raise MalformedMessage("SURB list", f"a route cannot have {hops} hops")
    return _take_surbs(reader, count, _SURB_OVERHEAD + hops * sphinx.PAYLOAD_SEED_LENGTH, rotation)


def _take_surbs(reader: Reader, count: int, length: int, rotation: KeyRotation) -> tuple[ReplySurb, ...]:
    if count > MAX_SURBS:
        raise MalformedMessage("SURB list", f"it has more than {MAX_SURBS} SURBs")
    if count * length > reader.remaining:
        raise MalformedMessage("SURB list", f"it announces {count} SURBs and is too short for them")
    return tuple(ReplySurb.decode(reader.take(length), rotation) for _ in range(count))


def _encode_repliable(content: int, sender_tag: bytes, surbs: Sequence[ReplySurb], data: bytes = b"") -> bytes:
    if len(sender_tag) != SENDER_TAG_LENGTH:
        raise InvalidMessage("a sender tag must be 16 bytes long")
    encoded = [surb.encode() for surb in surbs]
    lengths = set(map(len, encoded))
    if len(lengths) > 1 or len({surb.key_rotation for surb in surbs}) > 1:
        raise InvalidMessage("the SURBs of one message must be alike in hops and key rotation")
    if lengths == {_V1_SURB_LENGTH}:
        tag, prefix = content, len(encoded).to_bytes(4, "big")
    else:
        tag, prefix = content + _V2, _surb_list_v2(len(encoded), lengths, surbs)
    return b"".join((bytes((_REPLIABLE,)), sender_tag, bytes((tag,)), prefix, *encoded, data))


def _surb_list_v2(count: int, lengths: set[int], surbs: Sequence[ReplySurb]) -> bytes:
    if not count:
        return bytes(4)
    hops, odd_bytes = divmod(lengths.pop() - _SURB_OVERHEAD, sphinx.PAYLOAD_SEED_LENGTH)
    if odd_bytes or not 1 <= hops <= sphinx.MAX_HOPS:
        raise InvalidMessage("SURBs with full payload keys must have four hops, others one to five")
    if count > _MAX_U16:
        raise InvalidMessage("one message cannot hold so many SURBs", count=count)
    return count.to_bytes(2, "big") + bytes((hops, surbs[0].key_rotation))
