import os

import pytest

from mix_protocol.crypto.provider import AuthenticationFailed, InvalidPublicKey
from mix_protocol.noise.errors import MalformedFrame
from mix_protocol.noise.handshake_state import HandshakeState

OURS, THEIRS = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
def sides(crypto):
    initiator = HandshakeState(crypto, os.urandom, OURS, crypto.x25519_public(THEIRS))
    return initiator, HandshakeState(crypto, os.urandom, THEIRS, None)


def pass_message(writer, reader):
    assert writer.is_our_turn
    assert not reader.is_our_turn
    return reader.read_message(writer.write_message())


def test_three_messages_make_two_ciphers(crypto, sides):
    initiator, responder = sides
    for writer, reader in ((initiator, responder), (responder, initiator), (initiator, responder)):
        assert not writer.is_finished
        assert pass_message(writer, reader) == b""
    for side in sides:
        assert side.is_finished
        assert not side.is_our_turn
    assert initiator.handshake_hash == responder.handshake_hash
    assert responder.remote_static == crypto.x25519_public(OURS)
    (sends, takes), (their_sends, their_takes) = initiator.split(), responder.split()
    assert their_takes.decrypt(sends.encrypt(b"there")) == b"there"
    assert takes.decrypt(their_sends.encrypt(b"back")) == b"back"


def test_who_does_not_know_the_responders_key_gets_nowhere(crypto, sides):
    _, responder = sides
    stranger = HandshakeState(crypto, os.urandom, OURS, crypto.x25519_public(b"\x03" * 32))
    with pytest.raises(AuthenticationFailed):
        pass_message(stranger, responder)


def test_who_is_not_the_responder_is_noticed(crypto, sides):
    initiator, responder = sides
    impostor = HandshakeState(crypto, os.urandom, b"\x04" * 32, None)
    pass_message(initiator, responder)
    with pytest.raises(AuthenticationFailed):
        impostor.read_message(initiator._symmetric.handshake_hash + bytes(16))
    genuine = bytearray(responder.write_message())
    genuine[40] ^= 1
    with pytest.raises(AuthenticationFailed):
        initiator.read_message(bytes(genuine))


@pytest.mark.parametrize("length", [0, 31, 32, 47])
def test_a_short_message_is_malformed(sides, length):
    initiator, responder = sides
    with pytest.raises(MalformedFrame):
        responder.read_message(initiator.write_message()[:length])


def test_a_key_of_low_order_agrees_on_nothing(crypto, sides):
    _, responder = sides
    with pytest.raises(InvalidPublicKey):
        responder.read_message(bytes(48))
    with pytest.raises(InvalidPublicKey):
        HandshakeState(crypto, os.urandom, OURS, bytes(32)).write_message()


def test_secrets_are_forgotten(sides):
    initiator, responder = sides
    for writer, reader in ((initiator, responder), (responder, initiator), (initiator, responder)):
        pass_message(writer, reader)
    for side in sides:
        side.split()
        assert (side._static_secret, side._ephemeral_secret, side._psk) == (b"", b"", b"")
