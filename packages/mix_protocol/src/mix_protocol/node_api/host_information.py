"""Host information: where a node is and which keys it has, signed with its identity.

Source: Nym spec, signed host information. The signature covers the compact JSON of `data` as whoever reads it would
write it, so members that a reader does not know are outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from mix_protocol.codec import base58
from mix_protocol.codec.json import encode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.node_api.answers import decode_answer
from mix_protocol.node_api.errors import InvalidSignature, UnusableAddress
from mix_protocol.topology.described import HostInformation, HostKeys, NoiseKey, SphinxKey
from mix_protocol.topology.documents import MAX_ADDRESSES

NO_ROTATION = 0xFFFF_FFFF
"""The rotation id of a node's only key, from before keys rotated."""

_KEY = 32
_SIGNATURE = 64
_WHAT = "host information"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """A node's own names, in the order in which they are signed."""

    ed25519_identity: str
    x25519_sphinx: str
    primary_x25519_sphinx_key: SphinxKey
    pre_announced_x25519_sphinx_key: SphinxKey | None
    x25519_versioned_noise: NoiseKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeysRead:
    """The same with what older nodes leave out or call otherwise."""

    ed25519_identity: str = ""
    ed25519: str = ""
    x25519_sphinx: str = ""
    x25519: str = ""
    primary_x25519_sphinx_key: SphinxKey | None = None
    pre_announced_x25519_sphinx_key: SphinxKey | None = None
    x25519_versioned_noise: NoiseKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _DataRead:
    ip_address: list[str]
    hostname: str | None = None
    keys: _KeysRead


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignedRead:
    data: _DataRead
    signature: str


def encode_host_information(crypto: CryptoProvider, identity_seed: bytes, information: HostInformation) -> bytes:
    """The JSON of `/api/v1/host-information`, signed. The directory's names for keys become the node's.

    There must be a current Sphinx key; the node's identity is that of the seed.
    """
    keys = information.keys
    current = keys.current_x25519_sphinx_key
    if current is None:
        raise ValueError("a node has a Sphinx key")
    identity = base58.encode(crypto.ed25519_public(identity_seed))
    if keys.ed25519 != identity:
        raise ValueError("the identity is not that of the seed")
    data = {
        "ip_address": [_canonical(address) for address in information.ip_address],
        "hostname": information.hostname,
        "keys": _Keys(
            ed25519_identity=identity,
            x25519_sphinx=current.public_key,
            primary_x25519_sphinx_key=current,
            pre_announced_x25519_sphinx_key=keys.pre_announced_x25519_sphinx_key,
            x25519_versioned_noise=keys.x25519_versioned_noise,
        ),
    }
    signature = crypto.ed25519_sign(identity_seed, encode_json(data))
    return encode_json({"data": data, "signature": base58.encode(signature)})


def decode_host_information(crypto: CryptoProvider, data: bytes) -> HostInformation:
    """Read and verify a node's host information; what the signature does not cover is left out of the result.

    Whether the identity is the one that was expected is for the caller to compare. Raises `MalformedMessage` or
    `InvalidSignature`.
    """
    signed = decode_answer(data, _SignedRead, _WHAT)
    information = _read(signed.data)
    signature = base58.decode(signed.signature, _SIGNATURE)
    identity = base58.decode(information.keys.ed25519, _KEY)
    for covered, message in _shapes(information):
        if crypto.ed25519_verify(identity, message, signature):
            return covered
    raise InvalidSignature()


def check_addresses(information: HostInformation) -> None:
    """Insist that others can reach the node, as a directory does that is not for one machine alone.

    Raises `UnusableAddress`.
    """
    addresses = [ip_address(address) for address in information.ip_address]
    if not addresses or any(ip.is_unspecified or ip.is_loopback or ip.is_multicast for ip in addresses):
        raise UnusableAddress()


def _read(data: _DataRead) -> HostInformation:
    if len(data.ip_address) > MAX_ADDRESSES:
        raise MalformedMessage(_WHAT, f"it has more than {MAX_ADDRESSES} addresses")
    keys = data.keys
    sphinx = keys.x25519_sphinx or keys.x25519
    current = keys.primary_x25519_sphinx_key or SphinxKey(rotation_id=NO_ROTATION, public_key=sphinx)
    following, noise = keys.pre_announced_x25519_sphinx_key, keys.x25519_versioned_noise
    identity = keys.ed25519_identity or keys.ed25519
    read = [identity, sphinx, current.public_key]
    read += [following.public_key] if following is not None else []
    read += [noise.x25519_pubkey] if noise is not None else []
    for key in read:
        base58.decode(key, _KEY)
    if noise is not None and not 0 <= noise.supported_version <= 0xFF:
        raise MalformedMessage(_WHAT, "the Noise version is no byte")
    return HostInformation(
        ip_address=[_canonical(address) for address in data.ip_address],
        hostname=data.hostname,
        keys=HostKeys(
            ed25519=identity,
            x25519=sphinx,
            current_x25519_sphinx_key=current,
            pre_announced_x25519_sphinx_key=following,
            x25519_versioned_noise=noise,
        ),
    )


def _shapes(information: HostInformation) -> list[tuple[HostInformation, bytes]]:
    """What may have been signed, the present shape first, each with what it vouches for."""
    keys = information.keys
    current, noise = keys.current_x25519_sphinx_key, keys.x25519_versioned_noise
    assert current is not None

    def message(shape: object) -> bytes:
        return encode_json({"ip_address": information.ip_address, "hostname": information.hostname, "keys": shape})

    present = _Keys(
        ed25519_identity=keys.ed25519,
        x25519_sphinx=keys.x25519,
        primary_x25519_sphinx_key=current,
        pre_announced_x25519_sphinx_key=keys.pre_announced_x25519_sphinx_key,
        x25519_versioned_noise=noise,
    )
    # None of the older ones names a rotation or a version of Noise, and the oldest has no Noise key.
    names = {"ed25519_identity": keys.ed25519, "x25519_sphinx": current.public_key}
    without_noise = HostKeys(
        ed25519=keys.ed25519,
        x25519=current.public_key,
        current_x25519_sphinx_key=replace(current, rotation_id=NO_ROTATION),
    )
    older = replace(
        without_noise, x25519_versioned_noise=replace(noise, supported_version=1) if noise is not None else None
    )
    noise_key = noise.x25519_pubkey if noise is not None else None
    return [
        (information, message(present)),
        (replace(information, keys=older), message({**names, "x25519_noise": noise_key})),
        (replace(information, keys=older), message({**names, "x25519_noise": noise_key or ""})),
        (
            replace(information, keys=without_noise),
            message({"ed25519": keys.ed25519, "x25519": current.public_key}),
        ),
    ]


def _canonical(text: str) -> str:
    """An IP address as Rust's library writes it: as RFC 5952 recommends, with the IPv4 part of mapped ones in dots."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        raise MalformedMessage(_WHAT, "an IP address is not written as IPv4 or IPv6") from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise MalformedMessage(_WHAT, "an IP address names a zone")
        if address.ipv4_mapped is not None:
            return f"::ffff:{address.ipv4_mapped}"
    return str(address)
