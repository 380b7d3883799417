"""Clients' keys as bytes that may be stored: each sealed with a key derived from a passphrase. No I/O.

What is stored under one name are up to `MAX_IDENTITIES` records, that of the last use first, each after its length
(u16). So a mistyped passphrase destroys nothing: it opens none of them, gets an identity of its own, and the others
stay. A record:

    magic 7 | version 1 | passes u32 | memory, KiB u32 | salt 16 | nonce 12 | AES-256-GCM-SIV (RFC 8452) | checksum 16

The key is Argon2id (RFC 9106) of the passphrase, over the salt hashed with everything before it, so that no part of the
head can be exchanged. The checksum, BLAKE3 of all the rest, tells a damaged record from a wrong passphrase; it is no
secret and protects nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from mix_protocol.codec.reader import Reader
from mix_protocol.crypto.provider import AuthenticationFailed, CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import PeerMisbehaved

_MAGIC = b"mix-id\x00"
_VERSION = 1
_SALT_LENGTH, _NONCE_LENGTH, _CHECKSUM_LENGTH, _KEY_LENGTH = 16, 12, 16, 32

PASSES = 3
MEMORY_KIB = 32 * 1024
"""Some 60 ms natively; more memory would stay with a page's worker for good."""
MAX_IDENTITIES = 3
MAX_PASSES = 16
MAX_MEMORY_KIB = 256 * 1024
"""A record that asks for more is not ours, and must not cost what it likes."""


class UnreadableIdentity(PeerMisbehaved):
    """A stored identity is damaged, or of a version that is not known."""

    code = "tunnel.identity_unreadable"
    message = "the stored identity is damaged or of another version"


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


def join_records(records: Iterable[bytes]) -> bytes:
    """Several records as the bytes to store; the last ones are left out when there are too many."""
    return b"".join(len(record).to_bytes(2) + record for record in islice(records, MAX_IDENTITIES))


def split_records(stored: bytes) -> list[bytes]:
    """Undo `join_records`; of damaged bytes, as many as can be told apart."""
    reader = Reader(stored, "stored identities")
    records: list[bytes] = []
    with contextlib.suppress(PeerMisbehaved):
        while reader.remaining and len(records) < MAX_IDENTITIES:
            records.append(reader.take(reader.u16()))
    return records


def open_record(crypto: CryptoProvider, passphrase: str, record: bytes) -> tuple[IdentitySeal, bytes] | None:
    """The seal of a record and the bytes in it; None for another passphrase. Raises `UnreadableIdentity`."""
    reader = Reader(record, "stored identity")
    try:
        magic, version = reader.take(len(_MAGIC)), reader.u8()
        passes, memory_kib = reader.u32(), reader.u32()
        salt, nonce = reader.take(_SALT_LENGTH), reader.take(_NONCE_LENGTH)
        sealed = reader.take(reader.remaining - _CHECKSUM_LENGTH)
        checksum = reader.rest()
    except PeerMisbehaved:
        raise UnreadableIdentity from None
    is_ours = magic == _MAGIC and version == _VERSION
    is_cheap = 1 <= passes <= MAX_PASSES and 8 <= memory_kib <= MAX_MEMORY_KIB
    if not (is_ours and is_cheap) or crypto.blake3(record[:-_CHECKSUM_LENGTH])[:_CHECKSUM_LENGTH] != checksum:
        raise UnreadableIdentity
    seal = IdentitySeal.derive(crypto, passphrase, salt, passes, memory_kib)
    try:
        return seal, crypto.aes256_gcm_siv_open(seal.key, nonce, sealed)
    except AuthenticationFailed:
        return None


def _head(passes: int, memory_kib: int, salt: bytes) -> bytes:
    return b"".join((_MAGIC, bytes([_VERSION]), passes.to_bytes(4), memory_kib.to_bytes(4), salt))
