"""What an IP packet router has to tell the exit gateway around it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address


@dataclass(frozen=True, slots=True)
class ClientConnected:
    """A client has been given addresses."""

    sender_tag: bytes = field(repr=False)
    ipv4: IPv4Address
    ipv6: IPv6Address


class ExpiryReason(enum.Enum):
    """Why a client's addresses were taken back."""

    IDLE = "idle"
    DISCONNECTED = "disconnected"
    RECONNECTED = "reconnected"


@dataclass(frozen=True, slots=True)
class ClientExpired:
    """A client no longer has its addresses: whatever runs from or to them must end."""

    sender_tag: bytes = field(repr=False)
    ipv4: IPv4Address
    ipv6: IPv6Address
    reason: ExpiryReason


@dataclass(frozen=True, slots=True)
class PacketForwarded:
    """A client sends an IP packet to the Internet. Its source address is checked to be the client's own."""

    sender_tag: bytes = field(repr=False)
    packet: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BalanceRequested:
    """A client wants each of its reply SURBs to come home, with an answer or empty."""

    sender_tag: bytes = field(repr=False)


RouterEvent = ClientConnected | ClientExpired | PacketForwarded | BalanceRequested
