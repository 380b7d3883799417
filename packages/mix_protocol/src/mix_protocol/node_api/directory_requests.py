"""What a node asks of a directory by POST, and the answers (Nym spec, what a node asks of a directory).

v1/nym-nodes/refresh-described          RefreshRequest → null
v1/unstable/nym-nodes/by-addresses      AddressesRequest → AddressesAnswer
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

from mix_protocol.codec import base58
from mix_protocol.codec.json import encode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.node_api.answers import decode_answer
from mix_protocol.node_api.errors import InvalidSignature, StaleRequest

MAX_REQUEST_AGE_S = 30
MIN_REFRESH_INTERVAL_S = 60
"""How long a node waits before it asks again; a directory refuses what comes earlier."""
MAX_ASKED_ADDRESSES = 1_000

_TAG = b"describe-cache-refresh-request"
_KEY = 32
_SIGNATURE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _RefreshWire:
    node_identity: str
    request_timestamp: int
    signature: list[int]


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """A node asks to be looked at again, signed with its identity.

    timestamp -- whole seconds since 1970
    """

    identity: bytes = field(repr=False)
    timestamp: int
    signature: bytes = field(repr=False)

    @classmethod
    def sign(cls, crypto: CryptoProvider, identity_seed: bytes, timestamp: int) -> RefreshRequest:
        """A request of this moment."""
        identity = crypto.ed25519_public(identity_seed)
        return cls(identity, timestamp, crypto.ed25519_sign(identity_seed, _signed_text(identity, timestamp)))

    def encode(self) -> bytes:
        """The JSON that is posted."""
        return encode_json(
            _RefreshWire(
                node_identity=base58.encode(self.identity),
                request_timestamp=self.timestamp,
                signature=list(self.signature),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> RefreshRequest:
        """Read what was posted; nothing of it is proven before `check`. Raises `MalformedMessage`."""
        what = "refresh request"
        wire = decode_answer(data, _RefreshWire, what)
        try:
            signature = bytes(wire.signature)
            wire.request_timestamp.to_bytes(8, "big", signed=True)
        except (ValueError, OverflowError):
            raise MalformedMessage(what, "a number is out of range") from None
        if len(signature) != _SIGNATURE:
            raise MalformedMessage(what, "the signature has a wrong length")
        return cls(base58.decode(wire.node_identity, _KEY), wire.request_timestamp, signature)

    def check(self, crypto: CryptoProvider, wall_s: float) -> None:
        """Insist on a request of this node's and of now. Raises `InvalidSignature` or `StaleRequest`."""
        if not crypto.ed25519_verify(self.identity, _signed_text(self.identity, self.timestamp), self.signature):
            raise InvalidSignature()
        if not wall_s - MAX_REQUEST_AGE_S <= self.timestamp <= wall_s:
            raise StaleRequest()


def _signed_text(identity: bytes, timestamp: int) -> bytes:
    return identity + timestamp.to_bytes(8, "big", signed=True) + _TAG


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressesRequest:
    """Which nodes, if any, have these IP addresses."""

    addresses: list[str]

    def __post_init__(self) -> None:
        if len(self.addresses) > MAX_ASKED_ADDRESSES:
            raise ValueError("too many addresses")
        for address in self.addresses:
            ip_address(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressesAnswer:
    """The number of the node at each address, or None."""

    existence: dict[str, int | None]
