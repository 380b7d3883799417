"""A directory's documents of one moment, signed by several directories: a client that has their keys wants a quorum.

Nym's clients ask for each document by itself, unsigned, and the moments of the answers differ. This is all of them in
one answer of its own, at a path that nobody else asks for:

    line 1    {"epoch_id", "taken_at", "valid_until", "signatures": [{"key", "signature"}, …]}
    line 2    v1/epoch/key-rotation-info
    line 3    v1/nym-nodes/rewarded-set
    line 4    v2/unstable/nym-nodes/skimmed
    line 5    v2/nym-nodes/described
    line 6    what the epoch was drawn from, for other directories; clients pass it over, and lines after it

What is signed are the bytes as they stand there, from line 2 on, so that nobody has to write JSON again alike:

    Ed25519(tag ‖ epoch u32 ‖ taken_at u64 ‖ valid_until u64 ‖ SHA-256(lines 2 to the end))    numbers big-endian

The idea of a small signed digest under which a whole copy may come from anybody is that of Nym's attested directory
(Nym spec: signed snapshot); format and tag are our own, as that one's documents are not published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.codec import base58
from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.codec.steps import Steps, run
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.topology.documents import MAX_DOCUMENT_LENGTH, check_uint
from mix_protocol.topology.errors import (
    DocumentTooLarge,
    InconsistentDocuments,
    MalformedDocument,
    NoQuorum,
    SnapshotExpired,
)

SNAPSHOT_PATH: Final = "v1/mix-network/snapshot"
KEY_LENGTH: Final = 32
MAX_SIGNATURES: Final = 64
CLOCK_SKEW_S: Final = 30
"""Clocks of clients and directories may differ by so much."""

_TAG: Final = b"mix-network directory snapshot, 1\0"
_SIGNATURE_LENGTH: Final = 64
_MAX_HEADER_LENGTH: Final = 32 * 1024
_PIECE_LENGTH: Final = 256 * 1024
_LINES: Final = 5
_WHAT: Final = "signed snapshot"


@dataclass(frozen=True, slots=True)
class SnapshotDocuments:
    """The texts of a snapshot, each the compact JSON of its endpoint."""

    key_rotation: bytes = field(repr=False)
    rewarded_set: bytes = field(repr=False)
    nodes: bytes = field(repr=False)
    described: bytes = field(repr=False)
    draw: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Their lines."""
        return b"\n".join((self.key_rotation, self.rewarded_set, self.nodes, self.described, self.draw))

    @classmethod
    def decode(cls, body: bytes) -> SnapshotDocuments:
        """Split the lines; what is in them is for each document's own decoder. Raises `MalformedDocument`."""
        lines = body.split(b"\n", _LINES)
        if len(lines) < _LINES:
            raise MalformedDocument(what=_WHAT, why=f"it has less than {_LINES} documents")
        return cls(*lines[:_LINES])


@dataclass(frozen=True, slots=True)
class SnapshotSignature:
    """What one directory vouches by.

    key -- its Ed25519 public key, 32 bytes
    """

    key: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is signed.

    taken_at, valid_until -- whole seconds since 1970
    body -- the lines of `SnapshotDocuments`
    """

    epoch_id: int
    taken_at: int
    valid_until: int
    body: bytes = field(repr=False)

    def signed_text(self) -> bytes:
        """`signed_text_in_steps`, in a row."""
        return run(self.signed_text_in_steps())

    def signed_text_in_steps(self) -> Steps[bytes]:
        """The few bytes that signatures are over."""
        digest = hashlib.sha256()
        for start in range(0, len(self.body), _PIECE_LENGTH):
            digest.update(memoryview(self.body)[start : start + _PIECE_LENGTH])
            yield
        numbers = self.epoch_id.to_bytes(4, "big") + self.taken_at.to_bytes(8, "big")
        return b"".join((_TAG, numbers, self.valid_until.to_bytes(8, "big"), digest.digest()))

    def sign(self, crypto: CryptoProvider, seed: bytes) -> SnapshotSignature:
        """Vouch for it with the key of this seed."""
        return SnapshotSignature(crypto.ed25519_public(seed), crypto.ed25519_sign(seed, self.signed_text()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _WireSignature:
    key: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _WireHeader:
    epoch_id: int
    taken_at: int
    valid_until: int
    signatures: list[_WireSignature]

    def __post_init__(self) -> None:
        check_uint(self.epoch_id, (1 << 32) - 1, "epoch_id")
        for name in ("taken_at", "valid_until"):
            check_uint(getattr(self, name), (1 << 53) - 1, name)
        if len(self.signatures) > MAX_SIGNATURES:
            raise ValueError("more signatures than any network has")


@dataclass(frozen=True, slots=True)
class SignedSnapshot:
    """A snapshot and who vouches for it; nothing of it is proven before `SnapshotTrust.check`."""

    snapshot: Snapshot
    signatures: tuple[SnapshotSignature, ...]

    def encode(self) -> bytes:
        """The bytes that are served."""
        snapshot = self.snapshot
        header = _WireHeader(
            epoch_id=snapshot.epoch_id,
            taken_at=snapshot.taken_at,
            valid_until=snapshot.valid_until,
            signatures=[
                _WireSignature(key=base58.encode(each.key), signature=base58.encode(each.signature))
                for each in self.signatures
            ],
        )
        return encode_json(header) + b"\n" + snapshot.body

    @classmethod
    def decode(cls, data: bytes) -> SignedSnapshot:
        """Read what was served. Raises `MalformedDocument`, `DocumentTooLarge`."""
        if len(data) > MAX_DOCUMENT_LENGTH:
            raise DocumentTooLarge(what=_WHAT)
        end = data.find(b"\n", 0, _MAX_HEADER_LENGTH)
        if end < 0:
            raise MalformedDocument(what=_WHAT, why="its first line has no end")
        try:
            header = decode_json(data[:end], _WireHeader, _WHAT)
            signatures = tuple(
                SnapshotSignature(base58.decode(each.key, KEY_LENGTH), base58.decode(each.signature, _SIGNATURE_LENGTH))
                for each in header.signatures
            )
        except MalformedMessage as error:
            raise MalformedDocument(what=_WHAT, why=str(error)) from None
        return cls(Snapshot(header.epoch_id, header.taken_at, header.valid_until, data[end + 1 :]), signatures)


class SnapshotTrust:
    """Which snapshots somebody accepts: signed by a quorum, of now, and never one from before the last one.

    keys -- of the directories that are trusted together, 32 bytes each
    quorum -- how many of them must have signed; None for more than half
    """

    def __init__(self, keys: Collection[bytes], quorum: int | None = None) -> None:
        self.keys = frozenset(keys)
        self.quorum = quorum if quorum is not None else len(self.keys) // 2 + 1
        self._last = 0, 0

    def check(self, signed: SignedSnapshot, crypto: CryptoProvider, wall_s: float) -> int:
        """`check_in_steps`, in a row."""
        return run(self.check_in_steps(signed, crypto, wall_s))

    def check_in_steps(self, signed: SignedSnapshot, crypto: CryptoProvider, wall_s: float) -> Steps[int]:
        """Insist; gives how many of the trusted keys have signed.

        Raises `NoQuorum`, `SnapshotExpired`, and `InconsistentDocuments` for one older than what was accepted before.
        """
        snapshot = signed.snapshot
        vouching = yield from self._vouching(signed, crypto)
        if vouching < self.quorum:
            raise NoQuorum(signed=vouching, quorum=self.quorum, trusted=len(self.keys))
        # What anybody could have made up is not blamed on the clock, so this comes second.
        if not snapshot.taken_at - CLOCK_SKEW_S <= wall_s <= snapshot.valid_until + CLOCK_SKEW_S:
            raise SnapshotExpired(taken_at=snapshot.taken_at, valid_until=snapshot.valid_until)
        moment = snapshot.epoch_id, snapshot.taken_at
        if moment < self._last:
            raise InconsistentDocuments("the directory's picture is older than the one before; try again in a moment")
        self._last = moment
        return vouching

    def _vouching(self, signed: SignedSnapshot, crypto: CryptoProvider) -> Steps[int]:
        # A key counts once, whatever it has signed.
        by_key = {each.key: each.signature for each in signed.signatures if each.key in self.keys}
        if len(by_key) < self.quorum:
            return len(by_key)
        text = yield from signed.snapshot.signed_text_in_steps()
        vouching = 0
        for key, signature in by_key.items():
            vouching += crypto.ed25519_verify(key, text, signature)
            yield
        return vouching
