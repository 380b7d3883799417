"""One end of an encrypted link between nodes, without I/O: the connection's bytes on one side, plain ones on the other.

Nobody is authenticated but the responder: nodes let everybody connect whose address is a node's, and don't compare the
initiator's static key with the directory (Nym spec). The time limit of the handshake is the caller's to keep.
"""

from __future__ import annotations

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.noise.cipher_state import TAG_LENGTH, CipherState
from mix_protocol.noise.errors import LinkNotReady, LinkSpent
from mix_protocol.noise.frames import MAX_MESSAGE_LENGTH, FrameDecoder, FrameType, encode_frame
from mix_protocol.noise.handshake_state import HandshakeState

HANDSHAKE_TIMEOUT_S = 1.5
"""How long the whole handshake may take (Nym spec: a node's connection time-out)."""
MAX_PLAINTEXT_LENGTH = MAX_MESSAGE_LENGTH - TAG_LENGTH


class NoiseLink:
    """Either end: made by `initiate` or `respond`.

    `data_to_send` must be looked at once it is made and after each `receive`. It is used up by the first error: the
    connection must be closed then.
    """

    def __init__(self, handshake: HandshakeState) -> None:
        self._handshake: HandshakeState | None = handshake
        self._frames = FrameDecoder()
        self._to_send = bytearray()
        self._sending: CipherState | None = None
        self._receiving: CipherState | None = None
        self._is_spent = False
        self._go_on(handshake)

    @classmethod
    def initiate(
        cls, crypto: CryptoProvider, random: RandomBytes, static_secret: bytes, responder_public: bytes
    ) -> NoiseLink:
        """The end that has connected. Raises `InvalidPublicKey` for a responder's key of low order."""
        return cls(HandshakeState(crypto, random, static_secret, responder_public))

    @classmethod
    def respond(cls, crypto: CryptoProvider, random: RandomBytes, static_secret: bytes) -> NoiseLink:
        """The end that was connected to."""
        return cls(HandshakeState(crypto, random, static_secret, None))

    @property
    def is_ready(self) -> bool:
        """Whether the handshake is over, so that data can be sealed."""
        return self._sending is not None and not self._is_spent

    def receive(self, data: bytes | memoryview) -> list[bytes]:
        """Take bytes from the connection; give the plaintext that they complete, of which the cuts mean nothing.

        Raises kinds of `PeerMisbehaved`, and `LinkSpent` ever after; what came with it in the same call is lost.
        """
        if self._is_spent:
            raise LinkSpent()
        try:
            return self._receive(data)
        except BaseException:
            self._is_spent = True
            self._frames = FrameDecoder()
            raise

    def data_to_send(self) -> bytes:
        """What the handshake wants to be sent now."""
        data = bytes(self._to_send)
        self._to_send.clear()
        return data

    def seal(self, plaintext: bytes) -> bytes:
        """The frames that carry these bytes. Raises `LinkNotReady` or `LinkSpent`."""
        if self._is_spent:
            raise LinkSpent()
        if self._sending is None:
            raise LinkNotReady()
        encrypt = self._sending.encrypt
        pieces = range(0, len(plaintext), MAX_PLAINTEXT_LENGTH)
        return b"".join(
            encode_frame(FrameType.DATA, encrypt(plaintext[start : start + MAX_PLAINTEXT_LENGTH])) for start in pieces
        )

    def _receive(self, data: bytes | memoryview) -> list[bytes]:
        frames = self._frames
        frames.feed(data)
        plaintext = []
        while (frame := frames.next_frame()) is not None:
            if self._handshake is not None:
                self._handshake.read_message(frame.message)
                self._go_on(self._handshake)
            else:
                assert self._receiving is not None
                plaintext.append(self._receiving.decrypt(frame.message))
        return plaintext

    def _go_on(self, handshake: HandshakeState) -> None:
        if handshake.is_our_turn:
            self._to_send += encode_frame(FrameType.HANDSHAKE, handshake.write_message())
        if handshake.is_finished:
            self._sending, self._receiving = handshake.split()
            self._handshake = None
            self._frames.expected = FrameType.DATA
