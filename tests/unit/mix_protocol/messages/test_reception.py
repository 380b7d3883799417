import pytest

from mix_protocol.addressing import Recipient
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.messages import reception
from mix_protocol.messages.cover import cover_content
from mix_protocol.messages.encryption import encrypt_to_recipient
from mix_protocol.messages.fragment import COVER, Fragment, FragmentIdentifier, split_message
from mix_protocol.messages.nym_message import NymMessage, PlainMessage, ReplyData, SurbRequest, encode_message
from mix_protocol.messages.reassembly import ReassemblyLimits
from mix_protocol.messages.reception import (
    MAX_COVERS,
    AckReceived,
    CoverReceived,
    MessageReceived,
    MessageReceiver,
    PayloadDropped,
    ReceptionEvent,
)

ACK_KEY = b"ack key 16 bytes"
SECRET = bytes(range(32))
SURB_KEY = b"surb key16 bytes"
RECIPIENT = Recipient(b"i" * 32, b"e" * 32, b"g" * 32)


class Client:
    """A receiver, and the other side of everything that a gateway may push to it."""

    def __init__(self, crypto: CryptoProvider, limits: ReassemblyLimits | None = None) -> None:
        self.crypto = crypto
        self.random = SeededRandom("sender")
        self.receiver = MessageReceiver(crypto, SECRET, ACK_KEY, limits=limits)
        self.surb_digest = crypto.blake3(SURB_KEY)

    def push(self, *payloads: bytes, now: float = 0.0) -> list[ReceptionEvent]:
        events = []
        for payload in payloads:
            self.receiver.receive_pushed(payload, now)
            while (event := self.receiver.next_event()) is not None:
                events.append(event)
        return events

    def direct(self, content: bytes) -> bytes:
        return encrypt_to_recipient(self.crypto, self.random, self.crypto.x25519_public(SECRET), content)

    def by_surb(self, content: bytes, key: bytes = SURB_KEY) -> bytes:
        return self.crypto.blake3(key) + self.crypto.aes128_ctr(key, content)

    def fragments(self, message: NymMessage) -> list[bytes]:
        return [fragment.encode() for fragment in split_message(self.random, encode_message(message))]

    def ack(self, identifier: bytes, key: bytes = ACK_KEY) -> bytes:
        iv = self.random(16)
        return iv + self.crypto.aes128_ctr_iv(key, iv, identifier)


@pytest.fixture
def client(crypto: CryptoProvider) -> Client:
    return Client(crypto)


def test_acknowledgements(client: Client):
    ack, cover_ack = client.ack(FragmentIdentifier(7, 3).encode()), client.ack(COVER.encode())
    assert client.push(ack) == [AckReceived(FragmentIdentifier(7, 3), ack[:16])]
    assert client.push(cover_ack) == [AckReceived(COVER, cover_ack[:16])]
    assert client.push(client.ack(b"\xff" * 5)) == [PayloadDropped("messages.malformed_fragment")]


def test_cover(client: Client):
    assert client.push(client.direct(cover_content())) == [CoverReceived()]


def test_cover_that_is_expected_is_not_decrypted_and_counts_once(client: Client, monkeypatch: pytest.MonkeyPatch):
    expected, other = client.direct(cover_content()), client.direct(cover_content())
    client.receiver.expect_cover(expected[:32])
    decrypted = []
    decrypt = reception.decrypt_from_sender

    def note(crypto: CryptoProvider, secret: bytes, payload: bytes) -> bytes:
        decrypted.append(payload)
        return decrypt(crypto, secret, payload)

    monkeypatch.setattr(reception, "decrypt_from_sender", note)
    assert client.push(other, expected) == [CoverReceived(), CoverReceived()]
    assert decrypted == [other]
    # Another payload behind the same key is none of ours.
    altered = expected[:-1] + bytes((expected[-1] ^ 1,))
    assert client.push(altered) == [CoverReceived()]
    assert decrypted == [other, altered]


def test_cover_that_never_comes_back_is_forgotten(client: Client):
    for number in range(MAX_COVERS + 50):
        client.receiver.expect_cover(number.to_bytes(32, "big"))
    assert len(client.receiver._covers) == MAX_COVERS
    assert client.push(bytes(32) + bytes(1611)) == [PayloadDropped("crypto.invalid_public_key")]


def test_messages_of_one_and_of_many_fragments(client: Client):
    short, long = PlainMessage(b"short"), PlainMessage(SeededRandom("long")(700_000))
    assert client.push(*map(client.direct, client.fragments(short))) == [MessageReceived(short)]
    assert client.push(*map(client.direct, reversed(client.fragments(long)))) == [MessageReceived(long)]


def test_a_message_is_given_once(client: Client):
    (content,) = client.fragments(PlainMessage(b"again"))
    assert len(client.push(client.direct(content), client.direct(content))) == 1
    assert client.receiver.duplicates == 1


@pytest.mark.parametrize("message", [ReplyData(b"pong"), SurbRequest(RECIPIENT, 50)])
def test_replies_need_the_key_of_a_surb_that_was_given_away(client: Client, message: NymMessage):
    (content,) = client.fragments(message)
    # Without the key it is taken for a direct message, and gives noise.
    assert client.push(client.by_surb(content)) == [PayloadDropped("messages.malformed_fragment")]
    client.receiver.remember_surb_key(client.surb_digest, SURB_KEY, 0.0)
    assert client.push(client.by_surb(content)) == [MessageReceived(message)]
    # The key has been used up.
    assert client.push(client.by_surb(content)) == [PayloadDropped("messages.malformed_fragment")]


def test_nobody_can_forge_a_reply_without_a_surb(client: Client):
    (content,) = client.fragments(ReplyData(b"forged"))
    assert client.push(client.direct(content)) == [PayloadDropped("messages.unsolicited_reply")]


def test_nobody_can_complete_a_reply_without_a_surb(client: Client):
    first, second = client.fragments(ReplyData(b"x" * 2000))
    client.receiver.remember_surb_key(client.surb_digest, SURB_KEY, 0.0)
    assert client.push(client.by_surb(first)) == []
    forged = Fragment.decode(second)
    content = Fragment(forged.set_id, 2, 2, None, None, b"\x01".rjust(1604, b"!")).encode()
    assert client.push(client.direct(content)) == []
    other = b"other key 16 byt"
    client.receiver.remember_surb_key(client.crypto.blake3(other), other, 0.0)
    assert client.push(client.by_surb(second, other)) == [MessageReceived(ReplyData(b"x" * 2000))]


def test_a_surb_carries_replies_alone(client: Client):
    (content,) = client.fragments(PlainMessage(b"plain"))
    client.receiver.remember_surb_key(client.surb_digest, SURB_KEY, 0.0)
    assert client.push(client.by_surb(content)) == [PayloadDropped("messages.unsolicited_reply")]


def test_garbage_is_dropped_with_a_reason(client: Client):
    noise = SeededRandom("noise")
    first = Fragment(9, 3, 1, None, None, bytes(1604)).encode()
    contradiction = Fragment(9, 4, 2, None, None, bytes(1604)).encode()
    no_end = Fragment(10, 1, 1, None, None, bytes(1604)).encode()
    no_message = Fragment(11, 1, 1, None, None, b"\x09\x01".ljust(1604, b"\0")).encode()
    cases = [
        (b"", ["messages.unexpected_payload_length"]),
        (noise(48), ["messages.unexpected_payload_length"]),
        (noise(1642), ["messages.unexpected_payload_length"]),
        (bytes(1643), ["crypto.invalid_public_key"]),
        (client.direct(bytes(1611)), ["messages.malformed_fragment"]),
        (client.direct(first), []),
        (client.direct(contradiction), ["messages.inconsistent_fragment"]),
        (client.direct(no_end), ["messages.malformed_padding"]),
        (client.direct(no_message), ["codec.malformed"]),
    ]
    for payload, reasons in cases:
        assert client.push(payload) == [PayloadDropped(reason) for reason in reasons]
    assert client.push(*map(client.direct, client.fragments(PlainMessage(b"fine"))))


def test_what_is_held_ages_out(client: Client):
    assert client.receiver.next_timeout() is None
    (first, _, _) = client.fragments(PlainMessage(bytes(4000)))
    client.push(client.direct(first), now=10.0)
    client.receiver.remember_surb_key(client.surb_digest, SURB_KEY, 20.0)
    assert client.receiver.next_timeout() == 1810.0
    client.receiver.handle_timeout(1810.0)
    assert client.receiver.next_timeout() == 20.0 + 25 * 3600
    client.receiver.handle_timeout(20.0 + 25 * 3600)
    assert client.receiver.next_timeout() is None


def test_strangers_cannot_push_out_the_fragments_of_replies(crypto: CryptoProvider):
    client = Client(crypto, ReassemblyLimits(sets=4))
    first, second = client.fragments(ReplyData(b"x" * 2000))
    keys = [client.random(16) for _ in range(2)]
    for key in keys:
        client.receiver.remember_surb_key(crypto.blake3(key), key, 0.0)
    client.push(client.by_surb(first, keys[0]))
    for _ in range(10):
        client.push(client.direct(client.fragments(PlainMessage(bytes(2000)))[0]))
    assert client.push(client.by_surb(second, keys[1])) == [MessageReceived(ReplyData(b"x" * 2000))]
