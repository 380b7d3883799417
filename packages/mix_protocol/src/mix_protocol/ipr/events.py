"""What a client of an IP packet router has to tell its owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from mix_protocol.errors import MixError
from mix_protocol.ipr.responses import HealthReport, InfoKind, InfoLevel


@dataclass(frozen=True, slots=True)
class ExitConnected:
    """The exit has granted addresses; packets may be sent.

    mtu_bytes -- the largest IP packet that the exit forwards; None if it did not say (before version 10)
    ipr_version -- the version that the exit answered in
    best_packet_bytes -- the largest IP packet that is sent without waste; None where that makes no difference
    """

    ipv4: IPv4Address
    ipv6: IPv6Address
    mtu_bytes: int | None
    ipr_version: int
    best_packet_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ExitRefused:
    """The exit does not take this client: `error` is `ExitDenied` or `ExitUnanswered`."""

    error: MixError


@dataclass(frozen=True, slots=True)
class ExitLost:
    """A connection that stood is gone; the addresses are no longer ours. `connect` again to get new ones."""

    error: MixError


@dataclass(frozen=True, slots=True)
class PacketReceived:
    """An IP packet has come from the exit."""

    packet: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExitReported:
    """The exit has remarked something, most often that its policy forbids a destination."""

    kind: InfoKind
    level: InfoLevel
    detail: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PongReceived:
    """The exit has answered a ping. `round_trip_s` is in seconds."""

    round_trip_s: float


@dataclass(frozen=True, slots=True)
class HealthReceived:
    """The exit has told its build information."""

    report: HealthReport


IprEvent = ExitConnected | ExitRefused | ExitLost | PacketReceived | ExitReported | PongReceived | HealthReceived
