"""What a directory may tell us: who is on the way to it, and to which machines it may send us."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from mix_protocol.codec import base58
from mix_protocol.errors import NetworkFailure, PeerMisbehaved
from mix_protocol.topology.documents import KeyRotationInfo
from mix_protocol.topology.nodes import GatewayNode
from mix_protocol.topology.signed_snapshot import KEY_LENGTH, SnapshotTrust
from mix_tunnel.options import TunnelOptions

_INTERNAL_DOMAINS = frozenset({"internal", "local", "lan", "home", "test", "localdomain", "intranet", "corp"})


class PlainHttpDirectory(NetworkFailure):
    """A warning: the directory comes over plain http from another machine."""

    code = "directory.plain_http"
    message = (
        "the directory comes over plain http: everybody on the way can choose the nodes of all routes, and so see who "
        "talks to whom; use a directory over https"
    )


class StaleDirectory(PeerMisbehaved):
    """A warning: the directory's picture of the network is of another time than this machine's clock has."""

    code = "directory.stale"
    message = (
        "the directory's picture of the network is older than its nodes' keys live, or this machine's clock is wrong: "
        "packets may get lost; check the clock, or use another directory"
    )


class InternalGateways(PeerMisbehaved):
    """A directory on the Internet lists entry gateways on addresses of this machine or network alone."""

    code = "directory.internal_gateways"
    message = (
        "the directory lists no entry gateway but on addresses of this machine or its network, which it can't know "
        "anything about; choose another directory"
    )


class Reach(IntEnum):
    """From where an address or host name can be reached."""

    LOOPBACK = 0
    INTERNAL = 1
    PUBLIC = 2

    @classmethod
    def of(cls, host: str) -> Reach:
        """The reach of an IP address (IPv6 with or without brackets) or a host name, by its looks."""
        text = host.strip("[]").rstrip(".").lower()
        try:
            address = ip_address(text)
        except ValueError:
            *parents, last = text.split(".")
            if last == "localhost":
                return cls.LOOPBACK
            return cls.INTERNAL if not parents or last in _INTERNAL_DOMAINS else cls.PUBLIC
        mapped = getattr(address, "ipv4_mapped", None)
        if mapped is not None:
            address = mapped
        if address.is_loopback or address.is_unspecified:
            return cls.LOOPBACK
        return cls.PUBLIC if address.is_global else cls.INTERNAL


def reach_of_url(url: str) -> Reach:
    """The reach of the host in a URL."""
    return Reach.of(urlsplit(url).hostname or "")


def trust_of(options: TunnelOptions) -> SnapshotTrust | None:
    """Which directories must vouch for what one of them lists; None where no keys are given."""
    keys = [base58.decode(text, KEY_LENGTH) for text in options.directory_keys]
    return SnapshotTrust(keys, options.directory_quorum) if keys else None


def warning_about(directory_url: str) -> PlainHttpDirectory | None:
    """What the owner of a tunnel should know about the way to its directory."""
    is_plain = urlsplit(directory_url).scheme == "http"
    return PlainHttpDirectory() if is_plain and reach_of_url(directory_url) is not Reach.LOOPBACK else None


def warning_about_age(key_rotation: KeyRotationInfo, wall_clock_s: float) -> StaleDirectory | None:
    """What the owner should know about the time that a directory's documents are of."""
    started_at = key_rotation.epoch_started_at
    is_stale = started_at is not None and abs(wall_clock_s - started_at) > key_rotation.key_lifetime_s
    return StaleDirectory() if is_stale else None


def reachable_gateways(directory_url: str, gateways: Iterable[GatewayNode]) -> list[GatewayNode]:
    """Those that the directory can know: one on the Internet must not let us knock at doors of our own network.

    Raises `InternalGateways` if none is left.
    """
    reach = reach_of_url(directory_url)
    known = [node for node in gateways if Reach.of(node.ws_host) >= reach]
    if not known:
        raise InternalGateways()
    return known
