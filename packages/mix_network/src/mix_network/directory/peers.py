"""The other directories of a network: who they are, what they say of themselves, and how they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from mix_network.errors import DirectoryUnreachable
from mix_network.http.asking import make_client, message_in, read_plain
from mix_protocol.codec import base58
from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.node_api.errors import InvalidSignature, StaleRequest
from mix_protocol.topology.described import NodeDescription
from mix_protocol.topology.documents import MAX_DOCUMENT_LENGTH, MAX_NODES
from mix_protocol.topology.signed_snapshot import (
    KEY_LENGTH,
    SNAPSHOT_PATH,
    SignedSnapshot,
    SnapshotSignature,
)

STATEMENT_PATH: Final = "v1/mix-network/directory"
COUNTERSIGN_PATH: Final = "v1/mix-network/countersign"

STATEMENT_TAG: Final = b"mix-network statement of a directory, 1\0"
"""Stands before what is signed."""
_WHAT: Final = "statement of a directory"
_MAX_STATEMENT_LENGTH: Final = 1 << 20
_MAX_REFUSAL_LENGTH: Final = 4000
_MAX_REASON: Final = 500
_STATEMENT_AGE_S: Final = 120
_SILENCE_S: Final = 10.0
_ANSWER_S: Final = 60.0
"""For a whole answer, however slowly it comes."""


@dataclass(frozen=True)
class DirectoryPeer:
    """Another directory: its Ed25519 key, and where its API is."""

    key: bytes
    url: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> DirectoryPeer | None:
        """Read `KEY@http://192.0.2.2:8000/api`; None for what is not that."""
        key, _, url = text.partition("@")
        try:
            parts = urlsplit(url)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            return cls(base58.decode(key, KEY_LENGTH), url.rstrip("/")) if is_url else None
        except (MixError, ValueError):
            return None


@dataclass(frozen=True, kw_only=True)
class DirectoryStatement:
    """What a directory tells the others: nobody else needs it, and there is no secret in it.

    made_at -- whole seconds since 1970
    prober -- the node from which it tries the others, which must be listed everywhere or nobody sends it anything
    commitments -- SHA-256 in hex of the seeds of coming epochs, by epoch
    nodes -- whom it knows, as `IDENTITY@IP:PORT`: a node announces itself to some directories, and all of them ask it
    """

    made_at: int
    prober: NodeDescription | None = None
    commitments: dict[str, str] = field(default_factory=dict)
    nodes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.nodes) > MAX_NODES or len(self.commitments) > 8:
            raise ValueError("it tells of more than any network has")

    def encode(self, crypto: CryptoProvider, seed: bytes) -> bytes:
        """Its JSON, after a line with the signature over it."""
        body = encode_json(self)
        return base58.encode(crypto.ed25519_sign(seed, STATEMENT_TAG + body)).encode() + b"\n" + body

    @classmethod
    def decode(cls, data: bytes, crypto: CryptoProvider, key: bytes, wall_s: float) -> DirectoryStatement:
        """Read what the directory with this key says now. Raises `MalformedMessage`, `InvalidSignature`,
        `StaleRequest`."""
        signature, _, body = data.partition(b"\n")
        if not crypto.ed25519_verify(key, STATEMENT_TAG + body, base58.decode(signature.decode("latin-1"))):
            raise InvalidSignature()
        statement = decode_json(body, cls, _WHAT)
        if abs(wall_s - statement.made_at) > _STATEMENT_AGE_S:
            raise StaleRequest()
        return statement

    def commitment(self, epoch_id: int) -> bytes | None:
        """The commitment for an epoch. Raises `MalformedMessage`."""
        text = self.commitments.get(str(epoch_id))
        if text is None:
            return None
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise MalformedMessage(_WHAT, "a commitment is no hexadecimal number") from None


class CountersignRefused(PeerMisbehaved):
    """Another directory does not vouch for what this one lists. Field `why` has its reasons."""

    code = "network.countersign_refused"
    message = "another directory does not vouch for what this one lists"


class PeerClient:
    """Asks other directories. Every method raises `DirectoryUnreachable` when one does not answer as it should."""

    def __init__(
        self,
        crypto: CryptoProvider,
        wall_clock: Callable[[], float],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._crypto = crypto
        self._wall_clock = wall_clock
        self._http = make_client(_SILENCE_S, transport)

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def statement(self, peer: DirectoryPeer) -> DirectoryStatement:
        """What it says of itself. Raises what `DirectoryStatement.decode` does."""
        _, body = await self._ask("GET", f"{peer.url}/{STATEMENT_PATH}", _MAX_STATEMENT_LENGTH)
        return DirectoryStatement.decode(body, self._crypto, peer.key, self._wall_clock())

    async def snapshot(self, peer: DirectoryPeer) -> SignedSnapshot | None:
        """What it serves to clients; None while it has nothing that is signed by enough directories.

        Raises `MalformedDocument`, `DocumentTooLarge`.
        """
        status, body = await self._ask("GET", f"{peer.url}/{SNAPSHOT_PATH}", MAX_DOCUMENT_LENGTH)
        return SignedSnapshot.decode(body) if status == 200 else None

    async def countersign(self, peer: DirectoryPeer, proposal: SignedSnapshot) -> SnapshotSignature:
        """Have it vouch for this one's snapshot. Raises `CountersignRefused`."""
        url, text = f"{peer.url}/{COUNTERSIGN_PATH}", proposal.snapshot.signed_text()
        status, body = await self._ask("POST", url, _MAX_REFUSAL_LENGTH, proposal.encode())
        if status != 200:
            raise CountersignRefused(why=message_in(body, _MAX_REASON))
        try:
            signature = base58.decode(body.decode("latin-1"))
        except MixError:
            raise CountersignRefused(why="its answer is no signature") from None
        if not self._crypto.ed25519_verify(peer.key, text, signature):
            raise CountersignRefused(why="its signature is not of the key that it is known by")
        return SnapshotSignature(peer.key, signature)

    async def _ask(self, method: str, url: str, most: int, content: bytes | None = None) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(_ANSWER_S), self._http.stream(method, url, content=content) as response:
                return response.status_code, await read_plain(response, most)
        except (httpx.HTTPError, PeerMisbehaved, TimeoutError) as error:
            raise DirectoryUnreachable(why=str(error) or type(error).__name__) from None
