"""Text frames: JSON objects with a `type` (Nym spec: gateway control messages, protocol versions 4 to 6).

Type names are camelCase, other members snake_case, except inside `authenticateV2`, which is camelCase throughout.
Bytes are arrays of numbers, or base64 where the field says so.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.gateway.errors import MalformedFrame

PROTOCOL_VERSION = 6
"""The newest version, which this package speaks (adds upgrade mode, which it never enters)."""

MIN_PROTOCOL_VERSION = 4
"""The oldest version with today's authentication."""

MIN_REGISTRATION_VERSION = 3
"""The oldest version with today's registration handshake and frames; clients of it authenticate with the next one."""

KEY_ROTATION_VERSION = 5
"""The first version whose forward requests name the key rotation."""

MAX_TEXT_LENGTH = 64 * 1024
"""Longest text frame that is read, in characters."""

MAX_DETAIL_LENGTH = 512
"""How much of the other side's own words is kept."""

_I64 = range(-(1 << 63), 1 << 63)


# -- messages of either side


@dataclass(frozen=True, slots=True)
class HandshakePayload:
    """One step of the registration handshake."""

    protocol_version: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HandshakeError:
    """Breaks the handshake off."""

    message: str


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a type that we don't know; clients ignore it."""

    type: str


# -- requests of a client


@dataclass(frozen=True, slots=True)
class AskSupportedProtocol:
    """Asks for the gateway's protocol version: the first message on every connection."""


@dataclass(frozen=True, slots=True)
class AuthenticateV2:
    """Proves possession of a registered key.

    client_identity -- Ed25519 public key, 32 bytes
    address_ciphertext -- the identity, sealed under the shared key with `nonce`; 48 bytes
    signature -- Ed25519, 64 bytes
    """

    protocol_version: int
    client_identity: bytes = field(repr=False)
    address_ciphertext: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    unix_timestamp: int
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CarrySealedReplies:
    """Asks a gateway of ours, which has said that it can, to push payloads in the form of `messages.pushed`."""


@dataclass(frozen=True, slots=True)
class ClaimFreeBandwidth:
    """Asks for the day's free allowance."""


ClientMessage = (
    AskSupportedProtocol
    | HandshakePayload
    | HandshakeError
    | AuthenticateV2
    | CarrySealedReplies
    | ClaimFreeBandwidth
    | UnknownMessage
)


# -- responses of a gateway


@dataclass(frozen=True, slots=True)
class SupportedProtocol:
    """The gateway's protocol version, and whether it is one of ours that passes sealed replies on.

    Clients of other kinds read the version alone.
    """

    version: int
    sealed_replies: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """The outcome of a registration."""

    protocol_version: int
    status: bool
    upgrade_mode: bool = False


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The outcome of an authentication, and the allowance that is left in bytes."""

    protocol_version: int
    status: bool
    bandwidth_remaining: int
    upgrade_mode: bool = False


@dataclass(frozen=True, slots=True)
class BandwidthGranted:
    """The allowance after a claim, in bytes."""

    available_total: int
    upgrade_mode: bool = False


@dataclass(frozen=True, slots=True)
class PacketSent:
    """A packet was forwarded; this allowance is left, in bytes."""

    remaining_bandwidth: int
    upgrade_mode: bool = False


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """Something was wrong, in the gateway's words."""

    message: str


@dataclass(frozen=True, slots=True)
class BandwidthExceeded:
    """A packet was dropped: it takes `required` bytes of allowance and `available` are left."""

    required: int
    available: int


GatewayMessage = (
    SupportedProtocol
    | HandshakePayload
    | HandshakeError
    | Registered
    | Authenticated
    | BandwidthGranted
    | PacketSent
    | ErrorReported
    | BandwidthExceeded
    | UnknownMessage
)

_Members = dict[str, Any]
T = TypeVar("T")


def encode_message(message: ClientMessage | GatewayMessage) -> str:
    """The text frame of a message."""
    match message:
        case HandshakePayload(version, data):
            members: _Members = {"type": "handshakePayload", "protocol_version": version, "data": list(data)}
        case HandshakeError(text):
            members = {"type": "handshakeError", "message": text}
        case AskSupportedProtocol():
            members = {"type": "supportedProtocol"}
        case AuthenticateV2():
            members = {
                "type": "authenticateV2",
                "protocolVersion": message.protocol_version,
                "clientIdentity": list(message.client_identity),
                "addressCiphertext": base64.b64encode(message.address_ciphertext).decode(),
                "nonce": base64.b64encode(message.nonce).decode(),
                "requestUnixTimestamp": message.unix_timestamp,
                "requestSignature": list(message.signature),
            }
        case ClaimFreeBandwidth():
            members = {"type": "claimFreeTestnetBandwidth"}
        case CarrySealedReplies():
            members = {"type": "carrySealedReplies"}
        case SupportedProtocol(version, sealed_replies):
            members = {"type": "supportedProtocol", "version": version}
            if sealed_replies:
                members["sealed_replies"] = True
        case Registered(version, status, upgrade_mode):
            members = {"type": "register", "protocol_version": version, "status": status, "upgrade_mode": upgrade_mode}
        case Authenticated():
            members = {
                "type": "authenticate",
                "protocol_version": message.protocol_version,
                "status": message.status,
                "bandwidth_remaining": message.bandwidth_remaining,
                "upgrade_mode": message.upgrade_mode,
            }
        case BandwidthGranted(total, upgrade_mode):
            members = {"type": "bandwidth", "available_total": total, "upgrade_mode": upgrade_mode}
        case PacketSent(remaining, upgrade_mode):
            members = {"type": "send", "remaining_bandwidth": remaining, "upgrade_mode": upgrade_mode}
        case ErrorReported(text):
            members = {"type": "error", "message": text}
        case BandwidthExceeded(required, available):
            error = {"out_of_bandwidth": {"required": required, "available": available}}
            members = {"type": "typedError", "error": error}
        case UnknownMessage(kind):
            members = {"type": kind}
    return encode_json(members).decode()


def decode_client_message(text: str) -> ClientMessage:
    """Read a client's text frame; raises `MalformedFrame`."""
    return _decode(text, _CLIENT_READERS)


def decode_gateway_message(text: str) -> GatewayMessage:
    """Read a gateway's text frame; raises `MalformedFrame`."""
    return _decode(text, _GATEWAY_READERS)


def _decode(text: str, readers: Mapping[str, Callable[[_Members], T]]) -> T | UnknownMessage:
    if len(text) > MAX_TEXT_LENGTH:
        raise MalformedFrame("the other side sent a text frame that is too long")
    try:
        members: _Members = decode_json(text, dict[str, Any], "gateway message")
    except MalformedMessage:
        raise MalformedFrame() from None
    kind = _string(members, "type")
    reader = readers.get(kind)
    return reader(members) if reader is not None else UnknownMessage(kind[:MAX_DETAIL_LENGTH])


# -- members


def _string(members: _Members, name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise MalformedFrame(member=name)
    return value


def _detail(members: _Members, name: str) -> str:
    return _string(members, name)[:MAX_DETAIL_LENGTH]


def _optional(members: _Members, name: str, default: object) -> object:
    """A member, or its default also where it is null, as older gateways write what they do not know."""
    value = members.get(name)
    return default if value is None else value


def _integer(members: _Members, name: str, limits: range, default: int | None = None) -> int:
    value = _optional(members, name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value not in limits:
        raise MalformedFrame(member=name)
    return value


def _u8(members: _Members, name: str, default: int | None = None) -> int:
    return _integer(members, name, range(256), default)


def _i64(members: _Members, name: str) -> int:
    return _integer(members, name, _I64)


def _boolean(members: _Members, name: str, default: bool | None = None) -> bool:
    value = _optional(members, name, default)
    if not isinstance(value, bool):
        raise MalformedFrame(member=name)
    return value


def _numbers(members: _Members, name: str, length: int | None = None) -> bytes:
    value = members.get(name)
    if not isinstance(value, list) or not all(type(number) is int and 0 <= number < 256 for number in value):
        raise MalformedFrame(member=name)
    if length is not None and len(value) != length:
        raise MalformedFrame(member=name)
    return bytes(value)


def _base64(members: _Members, name: str) -> bytes:
    try:
        return base64.b64decode(_string(members, name), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedFrame(member=name) from None


# -- readers by type


def _read_handshake_payload(members: _Members) -> HandshakePayload:
    return HandshakePayload(_u8(members, "protocol_version", 0), _numbers(members, "data"))


def _read_handshake_error(members: _Members) -> HandshakeError:
    return HandshakeError(_detail(members, "message"))


def _read_authenticate_v2(members: _Members) -> AuthenticateV2:
    return AuthenticateV2(
        _u8(members, "protocolVersion"),
        _numbers(members, "clientIdentity", 32),
        _base64(members, "addressCiphertext"),
        _base64(members, "nonce"),
        _integer(members, "requestUnixTimestamp", range(1 << 64)),
        _numbers(members, "requestSignature", 64),
    )


def _read_registered(members: _Members) -> Registered:
    upgrade_mode = _boolean(members, "upgrade_mode", False)
    return Registered(_u8(members, "protocol_version", 0), _boolean(members, "status"), upgrade_mode)


def _read_authenticated(members: _Members) -> Authenticated:
    return Authenticated(
        _u8(members, "protocol_version", 0),
        _boolean(members, "status"),
        _i64(members, "bandwidth_remaining"),
        _boolean(members, "upgrade_mode", False),
    )


def _read_typed_error(members: _Members) -> BandwidthExceeded | ErrorReported:
    error = members.get("error")
    if isinstance(error, dict) and isinstance(error.get("out_of_bandwidth"), dict):
        amounts = error["out_of_bandwidth"]
        return BandwidthExceeded(_i64(amounts, "required"), _i64(amounts, "available"))
    name = error if isinstance(error, str) else next(iter(error), "") if isinstance(error, dict) else ""
    return ErrorReported(name[:MAX_DETAIL_LENGTH])


_CLIENT_READERS: Mapping[str, Callable[[_Members], ClientMessage]] = {
    "supportedProtocol": lambda _: AskSupportedProtocol(),
    "handshakePayload": _read_handshake_payload,
    "registerHandshakeInitRequest": _read_handshake_payload,  # the older name of the same message
    "handshakeError": _read_handshake_error,
    "authenticateV2": _read_authenticate_v2,
    "carrySealedReplies": lambda _: CarrySealedReplies(),
    "claimFreeTestnetBandwidth": lambda _: ClaimFreeBandwidth(),
}

_GATEWAY_READERS: Mapping[str, Callable[[_Members], GatewayMessage]] = {
    "supportedProtocol": lambda members: SupportedProtocol(
        _u8(members, "version"), members.get("sealed_replies") is True
    ),
    "handshakePayload": _read_handshake_payload,
    "handshakeError": _read_handshake_error,
    "register": _read_registered,
    "authenticate": _read_authenticated,
    "bandwidth": lambda members: BandwidthGranted(
        _i64(members, "available_total"), _boolean(members, "upgrade_mode", False)
    ),
    "send": lambda members: PacketSent(_i64(members, "remaining_bandwidth"), _boolean(members, "upgrade_mode", False)),
    "error": lambda members: ErrorReported(_detail(members, "message")),
    "typedError": _read_typed_error,
}
