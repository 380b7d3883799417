"""The methods `dns.*`: lookups through the worker's tunnel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mix_tunnel.rpc.server import IncomingCall, Method
from mix_tunnel.runtime.dns.resolver import DnsAnswer
from mix_tunnel.worker.tunnel_service import TunnelService


@dataclass(frozen=True, slots=True)
class LookupParameters:
    """A host name whose address is wanted."""

    name: str = field(repr=False)
    timeout_ms: float | None = None
    cache: bool = True


@dataclass(frozen=True, slots=True)
class ResolveParameters:
    """A name whose records are wanted."""

    name: str = field(repr=False)
    type: str = "A"
    timeout_ms: float | None = None
    cache: bool = True


@dataclass(frozen=True, slots=True)
class ReverseParameters:
    """An address whose names are wanted."""

    ip: str = field(repr=False)
    timeout_ms: float | None = None
    cache: bool = True


class DnsService:
    """Resolves names for the page."""

    def __init__(self, tunnels: TunnelService) -> None:
        self._tunnels = tunnels

    @property
    def methods(self) -> Mapping[str, Method]:
        """The table for an `RpcServer`."""
        return {
            "dns.lookup": self._lookup,
            "dns.resolve": self._resolve,
            "dns.reverse": self._reverse,
            "dns.clear": self._clear,
        }

    async def _lookup(self, call: IncomingCall) -> str:
        asked = call.params_as(LookupParameters)
        resolver = (await self._tunnels.ready()).resolver
        addresses = await resolver.lookup(asked.name, timeout_s=_seconds(asked.timeout_ms), use_cache=asked.cache)
        return str(addresses[0])

    async def _resolve(self, call: IncomingCall) -> dict[str, Any]:
        asked = call.params_as(ResolveParameters)
        resolver = (await self._tunnels.ready()).resolver
        timeout_s = _seconds(asked.timeout_ms)
        return describe(await resolver.resolve(asked.name, asked.type, timeout_s=timeout_s, use_cache=asked.cache))

    async def _reverse(self, call: IncomingCall) -> dict[str, Any]:
        asked = call.params_as(ReverseParameters)
        resolver = (await self._tunnels.ready()).resolver
        return describe(await resolver.reverse(asked.ip, timeout_s=_seconds(asked.timeout_ms), use_cache=asked.cache))

    async def _clear(self, call: IncomingCall) -> None:
        (await self._tunnels.ready()).resolver.clear_cache()


def describe(answer: DnsAnswer) -> dict[str, Any]:
    """An answer as a JSON value."""
    return {
        "name": answer.name,
        "type": answer.type,
        "canonical_name": answer.canonical_name,
        "server": answer.server,
        "transport": answer.transport,
        "from_cache": answer.from_cache,
        "elapsed_ms": answer.elapsed_ms,
        "records": [
            {"type": record.type, "ttl": record.ttl_s, "text": record.text, "data": record.data}
            for record in answer.records
        ],
    }


def _seconds(timeout_ms: float | None) -> float | None:
    return None if timeout_ms is None else timeout_ms / 1000
