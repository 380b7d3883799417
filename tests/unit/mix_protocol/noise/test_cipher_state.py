import pytest

from mix_protocol.crypto.provider import AuthenticationFailed
from mix_protocol.noise.cipher_state import CipherState
from mix_protocol.noise.errors import LinkSpent

KEY = bytes(range(32))
LAST = (1 << 64) - 2


def test_each_message_has_a_number_of_its_own(crypto):
    sender, receiver = CipherState(crypto, KEY), CipherState(crypto, KEY)
    first, second = sender.encrypt(b"same", b"also"), sender.encrypt(b"same", b"also")
    assert first != second
    assert first == crypto.aes256_gcm_seal(KEY, bytes(12), b"same", b"also")
    assert second == crypto.aes256_gcm_seal(KEY, bytes(11) + b"\x01", b"same", b"also")
    assert receiver.decrypt(first, b"also") == receiver.decrypt(second, b"also") == b"same"


def test_what_is_repeated_skipped_or_told_otherwise_does_not_open(crypto):
    sender, receiver = CipherState(crypto, KEY), CipherState(crypto, KEY)
    messages = [sender.encrypt(b"message") for _ in range(3)]
    for wrong in (messages[1], messages[0][:-1], messages[0][:15], b""):
        with pytest.raises(AuthenticationFailed):
            receiver.decrypt(wrong)
    with pytest.raises(AuthenticationFailed):
        receiver.decrypt(messages[0], b"other")
    assert receiver.decrypt(messages[0]) == b"message"
    with pytest.raises(AuthenticationFailed):
        receiver.decrypt(messages[0])


def test_the_counter_never_wraps(crypto):
    sender, receiver = CipherState(crypto, KEY, LAST), CipherState(crypto, KEY, LAST)
    last = sender.encrypt(b"last")
    assert last == crypto.aes256_gcm_seal(KEY, bytes(4) + b"\xff" * 7 + b"\xfe", b"last", b"")
    assert receiver.decrypt(last) == b"last"
    for _ in range(2):
        with pytest.raises(LinkSpent):
            sender.encrypt(b"one more")
        with pytest.raises(LinkSpent):
            receiver.decrypt(last)
