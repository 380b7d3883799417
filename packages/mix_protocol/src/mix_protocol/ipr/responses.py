"""What an IP packet router answers, protocol 8 to 11 (Nym spec: IP packet router responses).

`version u8 | 0 data: byte string | 1 control: variant, fields` in big-endian bincode. From version 10 on a granted
connection also tells the largest packet that the router forwards.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from mix_protocol.codec.bincode import BincodeReader, BincodeWriter
from mix_protocol.ipr.requests import IPR_VERSION_10, MAX_PAYLOAD_LENGTH
from mix_protocol.topology.described import BuildInformation

_WHAT = "IP packet router response"
_MAX_TEXT = 4096
_DATA, _CONTROL = 0, 1
_SUCCESS, _FAILURE = 0, 1
_Reason = TypeVar("_Reason", bound=enum.IntEnum)


class _Control(enum.IntEnum):
    CONNECT = 0
    DISCONNECT = 1
    UNREQUESTED_DISCONNECT = 2
    PONG = 3
    HEALTH = 4
    INFO = 5


class ConnectFailureReason(enum.IntEnum):
    """Why a router grants no addresses."""

    ALREADY_CONNECTED = 0
    NO_AVAILABLE_IP = 1
    OTHER = 2


class DisconnectFailureReason(enum.IntEnum):
    """Why a router takes no addresses back."""

    NOT_CONNECTED = 0
    OTHER = 1


class DisconnectReason(enum.IntEnum):
    """Why a router ends a connection on its own."""

    MIXNET_TIMEOUT = 0
    TUN_TIMEOUT = 1
    OTHER = 2


class InfoKind(enum.IntEnum):
    """What a router's remark is about."""

    GENERIC = 0
    VERSION_MISMATCH = 1
    EXIT_POLICY_FILTER_CHECK_FAILED = 2


class InfoLevel(enum.IntEnum):
    """How serious a router's remark is."""

    INFO = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class DataResponse:
    """Carries a bundle of IP packets from the Internet."""

    version: int
    bundle: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConnectSuccess:
    """The addresses that the client now has. `mtu_bytes` is None before version 10, and where it is 0 on the wire."""

    version: int
    request_id: int
    ipv4: IPv4Address
    ipv6: IPv6Address
    mtu_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """The router grants no addresses. `detail` goes with the reason OTHER."""

    version: int
    request_id: int
    reason: ConnectFailureReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DisconnectSuccess:
    """The addresses are given back."""

    version: int
    request_id: int


@dataclass(frozen=True, slots=True)
class DisconnectFailure:
    """There was nothing to give back, or it failed."""

    version: int
    request_id: int
    reason: DisconnectFailureReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UnrequestedDisconnect:
    """The router has taken the addresses back."""

    version: int
    reason: DisconnectReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a ping."""

    version: int
    request_id: int


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Answers a health request. `routable` is None where the router has not tested it."""

    version: int
    request_id: int
    build: BuildInformation
    routable: bool | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """A remark, often about a packet that was not forwarded; `request_id` is then 0.

    detail -- text of GENERIC; destination of EXIT_POLICY_FILTER_CHECK_FAILED
    versions -- request's and response's version of VERSION_MISMATCH
    """

    version: int
    request_id: int
    kind: InfoKind
    level: InfoLevel
    detail: str = field(default="", repr=False)
    versions: tuple[int, int] = (0, 0)


ControlResponse = (
    ConnectSuccess
    | ConnectFailure
    | DisconnectSuccess
    | DisconnectFailure
    | UnrequestedDisconnect
    | Pong
    | HealthReport
    | Info
)
IprResponse = ControlResponse | DataResponse


def encode_response(response: IprResponse) -> bytes:
    """The bytes that go into a stream frame."""
    writer = BincodeWriter().u8(response.version)
    if isinstance(response, DataResponse):
        return writer.u8(_DATA).byte_string(response.bundle).finish()
    writer.u8(_CONTROL)
    match response:
        case ConnectSuccess():
            writer.u8(_Control.CONNECT).uint(response.request_id).u8(_SUCCESS)
            writer.raw(response.ipv4.packed).raw(response.ipv6.packed)
            if response.version >= IPR_VERSION_10:
                writer.uint(response.mtu_bytes or 0)
        case ConnectFailure():
            writer.u8(_Control.CONNECT).uint(response.request_id).u8(_FAILURE)
            _write_reason(writer, response.reason, ConnectFailureReason.OTHER, response.detail)
        case DisconnectSuccess():
            writer.u8(_Control.DISCONNECT).uint(response.request_id).u8(_SUCCESS)
        case DisconnectFailure():
            writer.u8(_Control.DISCONNECT).uint(response.request_id).u8(_FAILURE)
            _write_reason(writer, response.reason, DisconnectFailureReason.OTHER, response.detail)
        case UnrequestedDisconnect():
            writer.u8(_Control.UNREQUESTED_DISCONNECT)
            _write_reason(writer, response.reason, DisconnectReason.OTHER, response.detail)
        case Pong():
            writer.u8(_Control.PONG).uint(response.request_id)
        case HealthReport():
            writer.u8(_Control.HEALTH).uint(response.request_id)
            for build_field in fields(BuildInformation):
                writer.string(getattr(response.build, build_field.name))
            writer.option(response.routable, writer.boolean)
        case Info():
            writer.u8(_Control.INFO).uint(response.request_id).u8(response.kind)
            if response.kind is InfoKind.VERSION_MISMATCH:
                writer.raw(bytes(response.versions))
            else:
                writer.string(response.detail)
            writer.u8(response.level)
    return writer.finish()


def decode_response(data: bytes) -> IprResponse:
    """Read a response of whatever version; the caller judges `version`. Raises `MalformedMessage`."""
    reader = BincodeReader(data, _WHAT)
    version = reader.u8()
    response: IprResponse
    if reader.variant(2) == _DATA:
        response = DataResponse(version, reader.byte_string(MAX_PAYLOAD_LENGTH))
    else:
        response = _read_control(reader, version)
    reader.end()
    return response


def _read_control(reader: BincodeReader, version: int) -> ControlResponse:
    variant = _Control(reader.variant(len(_Control)))
    if variant is _Control.UNREQUESTED_DISCONNECT:
        return UnrequestedDisconnect(version, *_read_reason(reader, DisconnectReason, DisconnectReason.OTHER))
    request_id = reader.uint()
    if variant is _Control.CONNECT:
        return _read_connect(reader, version, request_id)
    if variant is _Control.DISCONNECT:
        if reader.variant(2) == _SUCCESS:
            return DisconnectSuccess(version, request_id)
        reason = _read_reason(reader, DisconnectFailureReason, DisconnectFailureReason.OTHER)
        return DisconnectFailure(version, request_id, *reason)
    if variant is _Control.PONG:
        return Pong(version, request_id)
    if variant is _Control.HEALTH:
        build = BuildInformation(**{part.name: reader.string(_MAX_TEXT) for part in fields(BuildInformation)})
        return HealthReport(version, request_id, build, reader.option(reader.boolean))
    return _read_info(reader, version, request_id)


def _read_connect(reader: BincodeReader, version: int, request_id: int) -> ConnectSuccess | ConnectFailure:
    if reader.variant(2) == _FAILURE:
        reason = _read_reason(reader, ConnectFailureReason, ConnectFailureReason.OTHER)
        return ConnectFailure(version, request_id, *reason)
    ipv4, ipv6 = IPv4Address(reader.take(4)), IPv6Address(reader.take(16))
    mtu_bytes = reader.uint(0xFFFF) or None if version >= IPR_VERSION_10 else None
    return ConnectSuccess(version, request_id, ipv4, ipv6, mtu_bytes)


def _read_info(reader: BincodeReader, version: int, request_id: int) -> Info:
    kind = InfoKind(reader.variant(len(InfoKind)))
    detail, versions = "", (0, 0)
    if kind is InfoKind.VERSION_MISMATCH:
        versions = (reader.u8(), reader.u8())
    else:
        detail = reader.string(_MAX_TEXT)
    return Info(version, request_id, kind, InfoLevel(reader.variant(len(InfoLevel))), detail, versions)


def _write_reason(writer: BincodeWriter, reason: enum.IntEnum, other: enum.IntEnum, detail: str) -> None:
    writer.u8(reason)
    if reason is other:
        writer.string(detail)


def _read_reason(reader: BincodeReader, kind: type[_Reason], other: _Reason) -> tuple[_Reason, str]:
    reason = kind(reader.variant(len(kind)))
    return reason, reader.string(_MAX_TEXT) if reason is other else ""
