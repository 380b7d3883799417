"""HandshakeState for the one pattern of nodes, XKpsk3 (Noise Protocol Framework, revision 34, sections 5.3, 7 and 9).

    <- s
    -> e, es
    <- e, ee
    -> s, se, psk

Nym spec: the prologue is empty, and so are the payloads of the three messages; the pre-shared key is made of the
responder's public key, so it keeps away only those who don't know it.
"""

from __future__ import annotations

from typing import Final

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.noise.cipher_state import TAG_LENGTH, CipherState
from mix_protocol.noise.errors import MalformedFrame
from mix_protocol.noise.symmetric_state import SymmetricState

PROTOCOL_NAME: Final = b"Noise_XKpsk3_25519_AESGCM_SHA256"
KEY_LENGTH: Final = 32

_PSK_PREFIX: Final = b"NYMTECH_NOISE_dQw4w9WgXcQ"
_PSK: Final = "psk"
_MESSAGES: Final = (("e", "es"), ("e", "ee"), ("s", "se", _PSK))
_NO_KEY: Final = b""


def derive_psk(crypto: CryptoProvider, responder_public: bytes) -> bytes:
    """The pre-shared key of version 1."""
    return crypto.sha256(_PSK_PREFIX + responder_public)


class HandshakeState:
    """One side of one handshake: three calls in turn of `write_message` and `read_message`, then `split`.

    static_secret -- ours; X25519, 32 bytes
    responder_public -- the static key of whom the initiator wants; the responder gives None
    remote_static -- the other side's static key: known from the start, or once the last message is read
    """

    def __init__(
        self, crypto: CryptoProvider, random: RandomBytes, static_secret: bytes, responder_public: bytes | None
    ) -> None:
        self._crypto = crypto
        self._random = random
        self._is_initiator = responder_public is not None
        self._static_secret = static_secret
        self._ephemeral_secret = _NO_KEY
        self.remote_static = responder_public if responder_public is not None else _NO_KEY
        self._remote_ephemeral = _NO_KEY
        static_public = crypto.x25519_public(static_secret)
        self._static_public = static_public
        known = static_public if responder_public is None else responder_public
        self._psk = derive_psk(crypto, known)
        self._symmetric = SymmetricState(crypto, PROTOCOL_NAME)
        self._symmetric.mix_hash(b"")  # the prologue
        self._symmetric.mix_hash(known)
        self._done = 0

    @property
    def is_finished(self) -> bool:
        """Whether all messages have passed."""
        return self._done == len(_MESSAGES)

    @property
    def is_our_turn(self) -> bool:
        """Whether the next message is ours to write."""
        return not self.is_finished and (self._done % 2 == 0) is self._is_initiator

    @property
    def handshake_hash(self) -> bytes:
        """What names this session; the same on both sides once it is finished."""
        return self._symmetric.handshake_hash

    def write_message(self) -> bytes:
        """The next message. Raises `InvalidPublicKey` when the other side's key is of low order."""
        assert self.is_our_turn
        message = b""
        for step in _MESSAGES[self._done]:
            if step == "e":
                self._ephemeral_secret = self._random(KEY_LENGTH)
                public = self._crypto.x25519_public(self._ephemeral_secret)
                self._take_ephemeral(public)
                message += public
            elif step == "s":
                message += self._symmetric.encrypt_and_hash(self._static_public)
            else:
                self._mix(step)
        message += self._symmetric.encrypt_and_hash(b"")
        self._done += 1
        return message

    def read_message(self, message: bytes) -> bytes:
        """Take the other side's next message; returns its payload, of which published nodes send none.

        Raises `MalformedFrame` where it is too short, `AuthenticationFailed` or `InvalidPublicKey`. The handshake has
        failed then and can't go on.
        """
        assert not self.is_finished
        assert not self.is_our_turn
        for step in _MESSAGES[self._done]:
            if step == "e":
                self._remote_ephemeral, message = _take(message, KEY_LENGTH)
                self._take_ephemeral(self._remote_ephemeral)
            elif step == "s":
                sealed, message = _take(message, KEY_LENGTH + TAG_LENGTH)
                self.remote_static = self._symmetric.decrypt_and_hash(sealed)
            else:
                self._mix(step)
        if len(message) < TAG_LENGTH:
            raise MalformedFrame("a message of an encrypted link's handshake is too short", message=self._done + 1)
        payload = self._symmetric.decrypt_and_hash(message)
        self._done += 1
        return payload

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers for sending and for receiving; the handshake's secrets are forgotten."""
        assert self.is_finished
        first, second = self._symmetric.split()
        self._static_secret = self._ephemeral_secret = self._psk = _NO_KEY
        return (first, second) if self._is_initiator else (second, first)

    def _take_ephemeral(self, public: bytes) -> None:
        # With a pre-shared key an ephemeral key is mixed into the cipher's key as well (section 9.2).
        self._symmetric.mix_hash(public)
        self._symmetric.mix_key(public)

    def _mix(self, step: str) -> None:
        if step == _PSK:
            self._symmetric.mix_key_and_hash(self._psk)
            return
        # The first letter is the initiator's key, the second the responder's.
        ours, theirs = (step[0], step[1]) if self._is_initiator else (step[1], step[0])
        secret = self._ephemeral_secret if ours == "e" else self._static_secret
        public = self._remote_ephemeral if theirs == "e" else self.remote_static
        self._symmetric.mix_key(self._crypto.x25519(secret, public))


def _take(message: bytes, length: int) -> tuple[bytes, bytes]:
    if len(message) < length:
        raise MalformedFrame("a message of an encrypted link's handshake is too short")
    return message[:length], message[length:]
