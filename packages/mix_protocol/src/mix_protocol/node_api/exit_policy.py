"""An exit's policy as JSON, and whether it is in force (Nym spec, exit policy; node HTTP API)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mix_protocol.topology.documents import check_port, check_uint

_U64 = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    """Ports from `start` to `end`, both included."""

    start: int
    end: int

    def __post_init__(self) -> None:
        check_port(self.start, "start")
        check_port(self.end, "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPattern:
    """Which destinations a rule is about: `*`, `*4`, `*6`, an address or a network such as `10.0.0.0/8`, and ports."""

    ip_pattern: str
    ports: PortRange


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One rule; `accept6` and `reject6` differ from the others in name alone."""

    action: Literal["accept", "reject", "accept6", "reject6"]
    pattern: AddressPattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules of which the first that matches decides."""

    rules: list[PolicyRule]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedExitPolicy:
    """Which policy an exit follows, where it has it from, and since when (seconds since 1970)."""

    enabled: bool
    upstream_source: str = ""
    last_updated: int = 0
    policy: Policy | None = None

    def __post_init__(self) -> None:
        check_uint(self.last_updated, _U64, "last_updated")
