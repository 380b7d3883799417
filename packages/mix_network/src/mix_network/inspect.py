"""Opens a captured forward request hop by hop, for whoever debugs interoperability."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mix_protocol.addressing import KeyRotation
from mix_protocol.codec.json import decode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.provider import CryptoProvider, InvalidPublicKey
from mix_protocol.errors import UsageError
from mix_protocol.sphinx.errors import BadMac, MalformedMixPacket
from mix_protocol.sphinx.geometry import MAX_HOPS
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, OpenedHeader, open_header
from mix_protocol.sphinx.routing import FINAL_FLAG, FORWARD_FLAG

_SECRET_LENGTH: Final = 32


class InvalidKeysFile(UsageError):
    """A keys file does not map node names to keys."""

    code = "inspect.invalid_keys_file"
    message = 'the keys file must be JSON such as {"mix1": {"x": "64 hexadecimal digits"}, …}'


class NoKeyOpensHop(UsageError):
    """None of the given keys verifies a hop's MAC. Field `hop`, from 1."""

    code = "inspect.no_key_opens_hop"


class TooManyHops(UsageError):
    """A packet keeps asking to be forwarded beyond the longest path that a header can describe."""

    code = "inspect.too_many_hops"
    message = f"the packet asks for more than the {MAX_HOPS} hops that a header has room for"


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The keys of a node as far as its packets need them: its X25519 secret (32 bytes)."""

    sphinx_secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _KeysEntry:
    """A node's entry in a keys file; `ed`, its Ed25519 seed, is not needed here."""

    x: str


def decode_keys(data: bytes) -> dict[str, NodeKeys]:
    """Read a keys file: a JSON object from node names to `{"x": X25519 secret in hex}`; raises `InvalidKeysFile`."""
    try:
        entries = decode_json(data, dict[str, _KeysEntry], "keys file")
        keys = {name: NodeKeys(bytes.fromhex(entry.x)) for name, entry in entries.items()}
    except (MalformedMessage, ValueError):
        raise InvalidKeysFile() from None
    if not keys or any(len(node.sphinx_secret) != _SECRET_LENGTH for node in keys.values()):
        raise InvalidKeysFile()
    return keys


def inspect_frame(crypto: CryptoProvider, keys: Mapping[str, NodeKeys], frame: bytes) -> dict[str, Any]:
    """Open a decrypted forward request (protocol version 5 and later, or older) at every hop of its route.

    The node of a hop is the one whose key verifies the header's MAC. Gives plain JSON-able values: the request's
    fields, one entry for each hop, and the recovered plaintext's destination, length and SHA-256. Raises
    `NoKeyOpensHop`, `TooManyHops`, or the `PeerMisbehaved` that a node would raise.
    """
    request = decode_request(frame)
    hops: list[dict[str, Any]] = []
    packet = request.packet
    while len(hops) < MAX_HOPS:
        name, opened = _open_with_any(crypto, keys, packet, hop=len(hops) + 1)
        processed = opened.process()
        if not isinstance(processed, ForwardPacket):
            hops.append({"node": name, "flag": FINAL_FLAG, "version": processed.version})
            # What arrives sealed can't be read with the nodes' keys alone.
            plaintext = processed.message if isinstance(processed, FinalPacket) else None
            return {
                "packet_type": request.packet_type,
                "key_rotation": int(request.key_rotation),
                "first_hop": str(request.first_hop),
                "hops": hops,
                "destination": processed.destination.hex(),
                "plaintext_len": len(plaintext) if plaintext is not None else None,
                "plaintext_sha256": hashlib.sha256(plaintext).hexdigest() if plaintext is not None else None,
            }
        hops.append(_describe_forward(name, processed))
        packet = processed.packet
    raise TooManyHops()


def decode_request(frame: bytes) -> MixPacket:
    """Read a forward request with a key rotation byte, or without one as older gateways take it.

    The second byte tells: it is a key rotation (0 to 2), or else the family of the first hop's address (4 or 6).
    """
    if len(frame) < 2:
        raise MalformedMixPacket()
    return MixPacket.decode_v2(frame) if frame[1] <= max(KeyRotation) else MixPacket.decode_v1(frame)


def _describe_forward(name: str, processed: ForwardPacket) -> dict[str, Any]:
    return {
        "node": name,
        "flag": FORWARD_FLAG,
        "version": processed.version,
        "next": str(processed.next_hop),
        "delay_ns": processed.delay_ns,
    }


def _open_with_any(
    crypto: CryptoProvider, keys: Mapping[str, NodeKeys], packet: bytes, *, hop: int
) -> tuple[str, OpenedHeader]:
    for name, node in keys.items():
        try:
            return name, open_header(crypto, node.sphinx_secret, packet)
        except (BadMac, InvalidPublicKey):
            continue
    raise NoKeyOpensHop(
        f"none of the keys opens hop {hop}: its node's key is missing, or the frame was altered", hop=hop
    )
