"""How a node tells a directory of this family that it is there: signed, and good for half a minute.

Nym's nodes are entered on a chain, with their host and port; this takes the place of that. It names nothing but where
the node can be asked: whatever else there is to know, the directory asks the node (`host_information` and the others).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mix_protocol.codec import base58
from mix_protocol.codec.json import encode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.node_api.answers import decode_answer
from mix_protocol.node_api.directory_requests import MAX_REQUEST_AGE_S
from mix_protocol.node_api.errors import InvalidSignature, StaleRequest

ANNOUNCEMENT_PATH: Final = "v1/mix-network/announce"
MAX_HOST_LENGTH: Final = 253

_TAG: Final = b"mix-network announcement of a node, 1\0"
_KEY: Final = 32
_SIGNATURE: Final = 64
_MAX_SKEW_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wire:
    node_identity: str
    host: str
    http_port: int
    request_timestamp: int
    signature: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """A node says where its HTTP API is.

    host -- an IP address or a name
    timestamp -- whole seconds since 1970
    """

    identity: bytes = field(repr=False)
    host: str = field(repr=False)
    http_port: int
    timestamp: int
    signature: bytes = field(repr=False)

    @classmethod
    def sign(
        cls, crypto: CryptoProvider, identity_seed: bytes, *, host: str, http_port: int, timestamp: int
    ) -> Announcement:
        """An announcement of this moment."""
        identity = crypto.ed25519_public(identity_seed)
        text = _signed_text(identity, host, http_port, timestamp)
        return cls(identity, host, http_port, timestamp, crypto.ed25519_sign(identity_seed, text))

    def encode(self) -> bytes:
        """The JSON that is posted."""
        return encode_json(
            _Wire(
                node_identity=base58.encode(self.identity),
                host=self.host,
                http_port=self.http_port,
                request_timestamp=self.timestamp,
                signature=base58.encode(self.signature),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Announcement:
        """Read what was posted; nothing of it is proven before `check`. Raises `MalformedMessage`."""
        what = "announcement"
        wire = decode_answer(data, _Wire, what)
        if not 0 < wire.http_port < 1 << 16:
            raise MalformedMessage(what, "the port is from 1 to 65535")
        if not 0 < len(wire.host) <= MAX_HOST_LENGTH or not wire.host.isascii() or not wire.host.isprintable():
            raise MalformedMessage(what, "the host is an IP address or a name")
        if not -(1 << 63) <= wire.request_timestamp < 1 << 63:
            raise MalformedMessage(what, "a number is out of range")
        return cls(
            base58.decode(wire.node_identity, _KEY),
            wire.host,
            wire.http_port,
            wire.request_timestamp,
            base58.decode(wire.signature, _SIGNATURE),
        )

    def check(self, crypto: CryptoProvider, wall_s: float) -> None:
        """Insist on an announcement of this node's and of now. Raises `StaleRequest` or `InvalidSignature`."""
        if not wall_s - MAX_REQUEST_AGE_S <= self.timestamp <= wall_s + _MAX_SKEW_S:
            raise StaleRequest()
        text = _signed_text(self.identity, self.host, self.http_port, self.timestamp)
        if not crypto.ed25519_verify(self.identity, text, self.signature):
            raise InvalidSignature()


def _signed_text(identity: bytes, host: str, http_port: int, timestamp: int) -> bytes:
    # The host, of which alone the length varies, stands last.
    numbers = timestamp.to_bytes(8, "big", signed=True) + http_port.to_bytes(2, "big")
    return b"".join((_TAG, identity, numbers, host.encode()))
