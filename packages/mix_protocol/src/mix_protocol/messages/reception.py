"""Reads what a gateway pushes to its client: acknowledgements, cover, and fragments of messages."""

from __future__ import annotations

import hmac
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.acknowledgement import ACK_LENGTH, ack_iv, decode_ack
from mix_protocol.messages.cover import is_cover
from mix_protocol.messages.encryption import decrypt_from_sender
from mix_protocol.messages.fragment import Fragment, FragmentIdentifier
from mix_protocol.messages.geometry import (
    AES_KEY_LENGTH,
    BLAKE3_DIGEST_LENGTH,
    PUSHED_LENGTHS,
    SURB_ACK_LENGTH,
)
from mix_protocol.messages.nym_message import NymMessage, ReplyData, SurbRequest, decode_message
from mix_protocol.messages.pushed import is_wrapped, unwrap
from mix_protocol.messages.reassembly import Reassembler, ReassemblyLimits
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.messages.surb_keys import SurbKeys
from mix_protocol.sphinx.geometry import SURB_IDENTIFIER_LENGTH
from mix_protocol.sphinx.surb import SurbRecovery

MAX_COVERS = 4096
"""Cover packets under way that are known again; at the default rate more than a minute's."""


class UnexpectedPayloadLength(PeerMisbehaved):
    """A pushed payload that no packet size gives."""

    code = "messages.unexpected_payload_length"
    message = "a pushed payload is neither an acknowledgement nor what a data packet carries"


class UnsolicitedReply(PeerMisbehaved):
    """A reply that came without one of our SURBs, or something else that came with one."""

    code = "messages.unsolicited_reply"
    message = "a message came on a way that is not meant for its type"


class UnknownSurb(PeerMisbehaved):
    """A sealed reply on none of our SURBs, or on one that was used before."""

    code = "messages.unknown_surb"
    message = "a sealed reply came on no reply block that waits for one"


@dataclass(frozen=True, slots=True)
class AckReceived:
    """One of our packets reached its last gateway; `identifier.is_cover` if it was a cover packet.

    ack_iv -- the `PreparedPacket.ack_iv` of the packet
    """

    identifier: FragmentIdentifier
    ack_iv: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CoverReceived:
    """One of our cover packets came back."""


@dataclass(frozen=True, slots=True)
class EmptyReplyReceived:
    """One of our reply SURBs came home with nothing."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """All fragments of a message are there."""

    message: NymMessage


@dataclass(frozen=True, slots=True)
class PayloadDropped:
    """A payload could not be used; `reason` is the stable code of the error."""

    reason: str


ReceptionEvent = AckReceived | CoverReceived | EmptyReplyReceived | MessageReceived | PayloadDropped


class MessageReceiver:
    """One client's receiving side. Whatever a peer sends, nothing is raised and memory stays bounded.

    encryption_secret -- the X25519 secret behind the client's address
    ack_key -- the 16-byte key that the client's acknowledgements were made with

    Replies and other messages are reassembled apart. Only those who hold our SURBs can send replies, so strangers,
    who can reach everyone whose address they know, can neither forge a reply nor push its fragments out.
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        encryption_secret: bytes,
        ack_key: bytes,
        *,
        limits: ReassemblyLimits | None = None,
        surb_keys: SurbKeys | None = None,
    ) -> None:
        self._crypto = crypto
        self._encryption_secret = encryption_secret
        self._ack_key = ack_key
        self._surb_keys = surb_keys if surb_keys is not None else SurbKeys()
        self._covers: OrderedDict[bytes, None] = OrderedDict()
        self._direct = Reassembler(limits)
        self._replies = Reassembler(limits)
        self._events: deque[ReceptionEvent] = deque()

    @property
    def duplicates(self) -> int:
        """How many fragments came more than once."""
        return self._direct.duplicates + self._replies.duplicates

    @property
    def surbs_unused(self) -> int:
        """How many reply SURBs have been sent away, not long ago, on which nothing has come back."""
        return len(self._surb_keys)

    def expect_cover(self, key_prefix: bytes) -> None:
        """Know a cover packet of ours by its first bytes when it comes back, so that it need not be decrypted."""
        self._covers[key_prefix] = None
        if len(self._covers) > MAX_COVERS:
            self._covers.popitem(last=False)

    def remember_surb_key(self, digest: bytes, key: bytes, now: float) -> None:
        """Keep the key of a reply SURB that has been sent, so that a reply on it can be read."""
        self._surb_keys.remember(digest, key, now)

    def remember_surb(self, surb: ReplySurb, now: float) -> None:
        """Keep what opens the reply on a SURB of ours that has been sent."""
        if surb.recovery is None:
            self._surb_keys.remember(surb.digest(self._crypto), surb.encryption_key, now)
        else:
            identifier, seeds = surb.recovery.identifier, surb.recovery.encode()[SURB_IDENTIFIER_LENGTH:]
            self._surb_keys.remember(identifier, surb.encryption_key + seeds, now)

    def receive_pushed(self, payload: bytes, now: float) -> None:
        """Take one payload that the gateway pushed."""
        try:
            if is_wrapped(payload):
                surb_identifier, payload = unwrap(payload)
                if surb_identifier is not None:
                    self._receive_sealed(surb_identifier, payload, now)
                    return
            if len(payload) == ACK_LENGTH:
                identifier = decode_ack(self._crypto, self._ack_key, payload)
                self._events.append(AckReceived(identifier, ack_iv(payload)))
            elif len(payload) in PUSHED_LENGTHS:
                self._receive_data(payload, now)
            else:
                raise UnexpectedPayloadLength(length=len(payload))
        except PeerMisbehaved as error:
            self._events.append(PayloadDropped(error.code))

    def next_event(self) -> ReceptionEvent | None:
        """Give the oldest event that was not given yet."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """Tell when something held will have become too old."""
        earliest = self._surb_keys.next_timeout()
        for reassembler in (self._direct, self._replies):
            timeout = reassembler.next_timeout()
            if timeout is not None and (earliest is None or timeout < earliest):
                earliest = timeout
        return earliest

    def handle_timeout(self, now: float) -> None:
        """Forget what has become too old."""
        self._direct.handle_timeout(now)
        self._replies.handle_timeout(now)
        self._surb_keys.handle_timeout(now)

    def _receive_sealed(self, identifier: bytes, payload: bytes, now: float) -> None:
        kept = self._surb_keys.get(identifier)
        if kept is None:
            raise UnknownSurb()
        surb_key, seeds = kept[:AES_KEY_LENGTH], kept[AES_KEY_LENGTH:]
        message = SurbRecovery.decode(identifier + seeds).open(self._crypto, payload)
        # Used up by a reply only: a gateway that makes something up must not end the wait for one.
        self._surb_keys.take(identifier)
        reply = message[SURB_ACK_LENGTH:]  # there is nobody who could send an acknowledgement on
        digest, sealed = reply[:BLAKE3_DIGEST_LENGTH], reply[BLAKE3_DIGEST_LENGTH:]
        if not hmac.compare_digest(digest, self._crypto.blake3(surb_key)):
            raise UnsolicitedReply()
        self._receive_fragment(self._crypto.aes128_ctr(surb_key, sealed), now, is_reply=True)

    def _receive_data(self, payload: bytes, now: float) -> None:
        prefix = payload[:BLAKE3_DIGEST_LENGTH]  # as long as a key
        if prefix in self._covers:
            del self._covers[prefix]
            self._events.append(CoverReceived())
            return
        surb_key = self._surb_keys.take(prefix)
        if surb_key is not None:
            content = self._crypto.aes128_ctr(surb_key, payload[BLAKE3_DIGEST_LENGTH:])
        else:
            content = decrypt_from_sender(self._crypto, self._encryption_secret, payload)
            if is_cover(content):
                self._events.append(CoverReceived())
                return
        self._receive_fragment(content, now, is_reply=surb_key is not None)

    def _receive_fragment(self, content: bytes, now: float, *, is_reply: bool) -> None:
        if is_reply and is_cover(content):
            self._events.append(EmptyReplyReceived())
            return
        encoded = (self._replies if is_reply else self._direct).receive(Fragment.decode(content), now)
        if encoded is None:
            return
        message = decode_message(encoded)
        if isinstance(message, ReplyData | SurbRequest) != is_reply:
            raise UnsolicitedReply()
        self._events.append(MessageReceived(message))
