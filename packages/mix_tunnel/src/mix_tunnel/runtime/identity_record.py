"""A client's keys as bytes that may be stored: sealed with a key derived from a passphrase. No I/O.

    magic 7 | version 1 | passes u32 | memory, KiB u32 | salt 16 | nonce 12 | AES-256-GCM-SIV (RFC 8452) | checksum 16

The key is Argon2id (RFC 9106) of the passphrase, over the salt hashed with everything before it, so that no part of the
head can be exchanged. The checksum, BLAKE3 of all the rest, tells a damaged record from a wrong passphrase; it is no
secret and protects nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mix_protocol.codec.reader import Reader
from mix_protocol.crypto.provider import AuthenticationFailed, CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import PeerMisbehaved
from mix_tunnel.options import InvalidOption
from mix_tunnel.platform import MAX_RECORD_BYTES

_MAGIC = b"mix-id\x00"
_VERSION = 1
_SALT_LENGTH, _NONCE_LENGTH, _CHECKSUM_LENGTH, _KEY_LENGTH = 16, 12, 16, 32

PASSES = 3
MEMORY_KIB = 32 * 1024
"""Some 60 ms natively; more memory would stay with a page's worker for good."""
MAX_PASSES = 16
MAX_MEMORY_KIB = 256 * 1024
"""A record that asks for more is not ours, and must not cost what it likes."""


class UnreadableIdentity(PeerMisbehaved):
    """A stored identity is damaged, or of a version that is not known."""

    code = "tunnel.identity_unreadable"
    message = "the stored identity is damaged or of another version"


class WrongPassphrase(InvalidOption):
    """The passphrase does not open the stored identity."""

    code = "tunnel.wrong_passphrase"
    message = "storagePassphrase does not open what is stored under this clientId; correct it, or use another clientId"


@dataclass(frozen=True, slots=True)
class IdentitySeal:
    """A derived key and what it was derived with; deriving is slow on purpose, so it is done once."""

    passes: int
    memory_kib: int
    salt: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @classmethod
    def derive(
        cls, crypto: CryptoProvider, passphrase: str, salt: bytes, passes: int = PASSES, memory_kib: int = MEMORY_KIB
    ) -> IdentitySeal:
        """Derive the key of a passphrase."""
        bound_salt = crypto.blake3(_head(passes, memory_kib, salt))[:_SALT_LENGTH]
        key = crypto.argon2id(
            passphrase.encode(), bound_salt, passes=passes, memory_bytes=memory_kib * 1024, length=_KEY_LENGTH
        )
        return cls(passes, memory_kib, salt, key)

    @classmethod
    def new(cls, crypto: CryptoProvider, random: RandomBytes, passphrase: str) -> IdentitySeal:
        """Derive a key with a fresh salt."""
        return cls.derive(crypto, passphrase, random(_SALT_LENGTH))

    def close(self, crypto: CryptoProvider, random: RandomBytes, plaintext: bytes) -> bytes:
        """Seal bytes into a record."""
        nonce = random(_NONCE_LENGTH)
        sealed = crypto.aes256_gcm_siv_seal(self.key, nonce, plaintext)
        record = _head(self.passes, self.memory_kib, self.salt) + nonce + sealed
        return record + crypto.blake3(record)[:_CHECKSUM_LENGTH]


def open_record(crypto: CryptoProvider, passphrase: str, record: bytes) -> tuple[IdentitySeal, bytes]:
    """The seal of a record and the bytes in it. Raises `UnreadableIdentity`, or `WrongPassphrase`."""
    reader = Reader(record, "stored identity")
    try:
        magic, version = reader.take(len(_MAGIC)), reader.u8()
        passes, memory_kib = reader.u32(), reader.u32()
        salt, nonce = reader.take(_SALT_LENGTH), reader.take(_NONCE_LENGTH)
        sealed = reader.take(reader.remaining - _CHECKSUM_LENGTH)
        checksum = reader.rest()
    except PeerMisbehaved:
        raise UnreadableIdentity from None
    is_ours = magic == _MAGIC and version == _VERSION and len(record) <= MAX_RECORD_BYTES
    is_cheap = 1 <= passes <= MAX_PASSES and 8 <= memory_kib <= MAX_MEMORY_KIB
    if not (is_ours and is_cheap) or crypto.blake3(record[:-_CHECKSUM_LENGTH])[:_CHECKSUM_LENGTH] != checksum:
        raise UnreadableIdentity
    seal = IdentitySeal.derive(crypto, passphrase, salt, passes, memory_kib)
    try:
        return seal, crypto.aes256_gcm_siv_open(seal.key, nonce, sealed)
    except AuthenticationFailed:
        raise WrongPassphrase(option="storagePassphrase") from None


def _head(passes: int, memory_kib: int, salt: bytes) -> bytes:
    return b"".join((_MAGIC, bytes([_VERSION]), passes.to_bytes(4), memory_kib.to_bytes(4), salt))
