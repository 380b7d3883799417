"""The address of a client of the mixnet."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.addressing.errors import InvalidRecipient, MalformedRecipient
from mix_protocol.codec import base58
from mix_protocol.errors import MixError

IDENTITY_LENGTH = 32
_KEY_LENGTHS = (IDENTITY_LENGTH,) * 3
RECIPIENT_LENGTH = sum(_KEY_LENGTHS)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A client: its Ed25519 identity, its X25519 encryption key, and the identity of its gateway (32 bytes each).

    Who talks to whom is what a mixnet hides, so the keys stay out of `repr`; `to_text` is explicit.
    """

    identity: bytes = field(repr=False)
    encryption_key: bytes = field(repr=False)
    gateway: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if tuple(map(len, (self.identity, self.encryption_key, self.gateway))) != _KEY_LENGTHS:
            raise InvalidRecipient()

    def encode(self) -> bytes:
        """Give the three keys in order: 96 bytes."""
        return self.identity + self.encryption_key + self.gateway

    @classmethod
    def decode(cls, data: bytes | memoryview) -> Recipient:
        """Read exactly 96 bytes; raises `MalformedRecipient`. The keys are not checked to be points of a curve."""
        if len(data) != RECIPIENT_LENGTH:
            raise MalformedRecipient()
        return cls(bytes(data[:32]), bytes(data[32:64]), bytes(data[64:]))

    def to_text(self) -> str:
        """Give `identity.encryption_key@gateway`, each in base58."""
        identity, encryption_key, gateway = map(base58.encode, (self.identity, self.encryption_key, self.gateway))
        return f"{identity}.{encryption_key}@{gateway}"

    @classmethod
    def from_text(cls, text: str) -> Recipient:
        """Read what `to_text` writes; raises `MalformedRecipient`."""
        client, at, gateway = text.partition("@")
        identity, dot, encryption_key = client.partition(".")
        if not (at and dot):
            raise MalformedRecipient()
        try:
            keys = [base58.decode(part, IDENTITY_LENGTH) for part in (identity, encryption_key, gateway)]
        except MixError:
            raise MalformedRecipient() from None
        return cls(*keys)
