"""The keys of a client, and what its gateways agreed on with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.addressing import Recipient
from mix_protocol.codec.reader import Reader
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes

_KEY_LENGTH = 32
_ACK_KEY_LENGTH = 16
_TIME_LENGTH = 8
MAX_GATEWAYS = 64
"""Keys of so many gateways are kept, those that were made last."""
_OWN_LENGTH = 2 * _KEY_LENGTH + _ACK_KEY_LENGTH + _TIME_LENGTH


@dataclass(slots=True)
class ClientKeys:
    """The secrets of one client.

    identity_seed -- of its Ed25519 key, 32 bytes
    encryption_secret -- its X25519 secret, 32 bytes
    ack_key -- of its acknowledgements, 16 bytes
    gateway_keys -- the key shared with each gateway where it is registered, by the gateway's identity
    authenticated_at -- Unix time in the last authentication, in whole seconds; gateways want the next one to be later
    """

    identity_seed: bytes = field(repr=False)
    encryption_secret: bytes = field(repr=False)
    ack_key: bytes = field(repr=False)
    gateway_keys: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    authenticated_at: int = 0

    @classmethod
    def draw(cls, random: RandomBytes) -> ClientKeys:
        """Make a new client."""
        return cls(random(_KEY_LENGTH), random(_KEY_LENGTH), random(_ACK_KEY_LENGTH))

    def become(self, other: ClientKeys) -> None:
        """Take the place of others, for everyone who holds these."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))

    def recipient_at(self, gateway: bytes, crypto: CryptoProvider) -> Recipient:
        """The client's address while it uses a gateway."""
        return Recipient(
            crypto.ed25519_public(self.identity_seed), crypto.x25519_public(self.encryption_secret), gateway
        )

    def encode(self) -> bytes:
        """Give the bytes to store."""
        newest = list(self.gateway_keys.items())[-MAX_GATEWAYS:]
        shared = (gateway + key for gateway, key in newest)
        own = (self.identity_seed, self.encryption_secret, self.ack_key, self.authenticated_at.to_bytes(_TIME_LENGTH))
        return b"".join((*own, *shared))

    @classmethod
    def decode(cls, data: bytes) -> ClientKeys | None:
        """Read what `encode` writes; None for anything else."""
        if len(data) < _OWN_LENGTH or (len(data) - _OWN_LENGTH) % (2 * _KEY_LENGTH):
            return None
        reader = Reader(data, "client keys")
        keys = cls(reader.take(_KEY_LENGTH), reader.take(_KEY_LENGTH), reader.take(_ACK_KEY_LENGTH))
        keys.authenticated_at = reader.u64()
        while reader.remaining:
            gateway = reader.take(_KEY_LENGTH)
            keys.gateway_keys[gateway] = reader.take(_KEY_LENGTH)
        return keys
