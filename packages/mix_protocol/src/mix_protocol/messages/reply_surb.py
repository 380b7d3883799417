"""Reply SURBs: a single-use way back to an anonymous sender, with the key for what travels on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.addressing.key_rotation import KeyRotation
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.messages.geometry import AES_KEY_LENGTH
from mix_protocol.sphinx.surb import Surb, SurbRecovery


@dataclass(frozen=True, slots=True)
class ReplySurb:
    """A SURB and the 16-byte key that its user encrypts the reply with.

    key_rotation -- of the nodes' keys when it was made; told once per list, hence not part of `encode()`
    recovery -- what its maker keeps to open a sealed reply; never part of `encode()`
    """

    encryption_key: bytes = field(repr=False)
    surb: Surb = field(repr=False)
    key_rotation: KeyRotation = KeyRotation.UNKNOWN
    recovery: SurbRecovery | None = field(default=None, repr=False, compare=False)

    def encode(self) -> bytes:
        """Give the key and the SURB: 460 bytes with four payload seeds, 412 with one, 1164 with four whole keys."""
        return self.encryption_key + self.surb.encode()

    @classmethod
    def decode(cls, data: bytes, key_rotation: KeyRotation = KeyRotation.UNKNOWN) -> ReplySurb:
        """Read a key and all that follows it as a SURB; raises an error of the kind `PeerMisbehaved`."""
        if len(data) <= AES_KEY_LENGTH:
            raise MalformedMessage("reply SURB", "it is not longer than its key")
        return cls(bytes(data[:AES_KEY_LENGTH]), Surb.decode(data[AES_KEY_LENGTH:]), key_rotation)

    def digest(self, crypto: CryptoProvider) -> bytes:
        """Give the 32 bytes by which the maker finds the key again: plain BLAKE3 of it."""
        return crypto.blake3(self.encryption_key)
