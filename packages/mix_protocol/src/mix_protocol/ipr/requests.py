"""What a client asks of an IP packet router, protocol 9 and 10 (Nym spec: IP packet router requests).

`version u8 | service u8 (1) | 0 data: byte string | 1 control: variant, fields` in big-endian bincode. Versions 8, 9
and 10 have the same requests; from 9 on they travel inside a stream frame.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from mix_protocol.codec.bincode import BincodeReader, BincodeWriter
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.ipr.timestamp import Timestamp

IPR_VERSION_9 = 9
IPR_VERSION_10 = 10

MAX_PAYLOAD_LENGTH = 1 << 20
"""Longest byte string that is read from a request or response; a bundle has 1500 bytes."""

_WHAT = "IP packet router request"
_IP_PACKET_ROUTER = 1
_DATA, _CONTROL = 0, 1


class _Control(enum.IntEnum):
    CONNECT = 0
    DISCONNECT = 1
    PING = 2
    HEALTH = 3


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """Asks for IP addresses.

    buffer_timeout_ms -- how long the router may hold packets back to fill a bundle; None for its own default
    """

    version: int
    request_id: int
    timestamp: Timestamp
    buffer_timeout_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DisconnectRequest:
    """Gives the addresses back."""

    version: int
    request_id: int
    timestamp: Timestamp


@dataclass(frozen=True, slots=True)
class PingRequest:
    """Asks for a `Pong`. It does not count as activity."""

    version: int
    request_id: int
    timestamp: Timestamp


@dataclass(frozen=True, slots=True)
class HealthRequest:
    """Asks for the router's build information."""

    version: int
    request_id: int
    timestamp: Timestamp


@dataclass(frozen=True, slots=True)
class DataRequest:
    """Carries a bundle of IP packets to the Internet."""

    version: int
    bundle: bytes = field(repr=False)


ControlRequest = ConnectRequest | DisconnectRequest | PingRequest | HealthRequest
IprRequest = ControlRequest | DataRequest

_VARIANT_OF: dict[type[ControlRequest], _Control] = {
    ConnectRequest: _Control.CONNECT,
    DisconnectRequest: _Control.DISCONNECT,
    PingRequest: _Control.PING,
    HealthRequest: _Control.HEALTH,
}


def encode_request(request: IprRequest) -> bytes:
    """The bytes that go into a stream frame."""
    writer = BincodeWriter().u8(request.version).u8(_IP_PACKET_ROUTER)
    if isinstance(request, DataRequest):
        return writer.u8(_DATA).byte_string(request.bundle).finish()
    writer.u8(_CONTROL).u8(_VARIANT_OF[type(request)]).uint(request.request_id)
    if isinstance(request, ConnectRequest):
        writer.option(request.buffer_timeout_ms, writer.uint)
    request.timestamp.write(writer)
    return writer.finish()


def decode_request(data: bytes) -> IprRequest:
    """Read a request of whatever version; the caller judges `version`. Raises `MalformedMessage`."""
    reader = BincodeReader(data, _WHAT)
    version = reader.u8()
    if reader.uint() != _IP_PACKET_ROUTER:
        raise MalformedMessage(_WHAT, "it is meant for another service")
    request = _read_control(reader, version) if reader.variant(2) else _read_data(reader, version)
    reader.end()
    return request


def _read_data(reader: BincodeReader, version: int) -> DataRequest:
    return DataRequest(version, reader.byte_string(MAX_PAYLOAD_LENGTH))


def _read_control(reader: BincodeReader, version: int) -> ControlRequest:
    variant = _Control(reader.variant(len(_Control)))
    request_id = reader.uint()
    if variant is _Control.CONNECT:
        buffer_timeout_ms = reader.option(reader.uint)
        return ConnectRequest(version, request_id, Timestamp.read(reader), buffer_timeout_ms)
    timestamp = Timestamp.read(reader)
    if variant is _Control.DISCONNECT:
        return DisconnectRequest(version, request_id, timestamp)
    if variant is _Control.PING:
        return PingRequest(version, request_id, timestamp)
    return HealthRequest(version, request_id, timestamp)
