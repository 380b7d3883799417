"""Names to records, asked through the tunnel: nothing here ever touches the machine's own resolver.

While no answer comes, the question goes out again, by turns to the servers, each time with a fresh identifier and from
a fresh port, and the first good answer to any of them counts: on a mixnet an answer may be late rather than lost.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from ...options import TunnelOptions, parse_resolver
from ...streams import IpAddress, IpNetwork, patience_s
from ..tls import TlsSettings
from .answers import MAX_TTL_S
from .cache import CachedAnswer, DnsCache
from .errors import BadLookupOption, BadName, MalformedAnswer
from .flights import Flights
from .names import literal_address, normal_name, question_name, reverse_name
from .records import DnsRecord, normal_type
from .servers import DnsServer, parse_servers
from .sifting import MAX_ALIASES
from .upstreams import Upstream, Upstreams

MAX_TIMEOUT_S = 3600.0
ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class ResolverOptions:
    """Whom to ask, and for how long."""

    servers: tuple[DnsServer, ...] = (
        DnsServer("udp", IPv4Address("8.8.8.8"), 53),
        DnsServer("udp", IPv4Address("1.1.1.1"), 53),
    )
    timeout_s: float = 30.0
    """Time for one lookup, all attempts together."""
    attempts: int = ATTEMPTS
    """Questions sent at most for one lookup, over all servers together; each server is asked once at least."""
    retry_interval_s: float = 5.0
    """Wait before the next attempt: this, or two round trips of the network if that is more; at most the time left
    divided by the attempts left."""
    rotate: bool = False
    """Whether each lookup begins with the next server; otherwise with the first."""

    @classmethod
    def from_tunnel(cls, options: TunnelOptions) -> ResolverOptions:
        """Take over what a tunnel's options say about DNS."""
        timeout_s = options.dns_timeout_ms / 1000
        if options.dns_servers:
            servers = parse_servers(options.dns_servers)
            # One more than there are: the last attempt is for a server that drops what is said in EDNS.
            return cls(servers, timeout_s, max(ATTEMPTS, len(servers) + 1), rotate=True)
        pair = (parse_resolver(options.primary_dns), parse_resolver(options.fallback_dns))
        return cls(tuple(DnsServer("udp", ip_address(ip), port) for ip, port in pair), timeout_s)


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """All that was asked for, and where it came from."""

    name: str
    """What was asked for, in normal form."""
    type: str
    """What kind of records was asked for, such as "MX"."""
    canonical_name: str
    """The name that has the records: `name`, or where its aliases (CNAME) lead."""
    records: tuple[DnsRecord, ...]
    """In the server's order; their TTLs count down while the answer is kept."""
    server: str
    """The server that answered, as an address or a URL."""
    transport: str
    """How its answer came: "udp", "tcp", "tls" or "https"."""
    from_cache: bool
    """Whether the answer had been kept from an earlier lookup."""
    elapsed_ms: float
    """How long this lookup took."""


class Resolver:
    """Resolves names through an `IpNetwork`, with a cache; equal lookups at the same time share one question."""

    def __init__(
        self,
        network: IpNetwork,
        options: ResolverOptions | None = None,
        *,
        tls_settings: TlsSettings | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._network = network
        self._options = options or ResolverOptions()
        self._tls = tls_settings or TlsSettings()
        self._random_bytes = random_bytes
        self._now = now
        self._flights: Flights[tuple[str, str, float], CachedAnswer] = Flights()
        self._upstreams: Upstreams | None = None
        self._bootstrap: Upstreams | None = None
        self.cache = DnsCache()

    async def lookup(self, name: str, *, timeout_s: float | None = None, use_cache: bool = True) -> list[IpAddress]:
        """IPv4 addresses of a host name, in the server's order; an IP literal is returned as it is.

        timeout_s, use_cache -- as for `resolve`
        Raises `BadName`, `NameNotFound`, `NoAddress`, `ServerFailed`, `QueryRefused`, `MalformedAnswer`,
        `ResolvingTimedOut`, or the network's own error.
        """
        if not isinstance(name, str):
            raise BadName("the host name must be a text")
        literal = literal_address(name)
        if literal is not None:
            return [literal]
        # A host, unlike a name that is asked for, can't be the root.
        answer = await self.resolve(normal_name(name), timeout_s=timeout_s, use_cache=use_cache)
        return [IPv4Address(record.data["address"]) for record in answer.records]

    async def resolve(
        self, name: str, type: str = "A", *, timeout_s: float | None = None, use_cache: bool = True
    ) -> DnsAnswer:
        """All records of a name and of a type, one of `RECORD_TYPES` in any case.

        timeout_s -- limit of this lookup; the tunnel's `dns_timeout_ms` by default
        use_cache -- False asks anew; the answer is kept all the same
        Raises what `lookup` raises (`NoData` for types other than A), `BadRecordType` and `BadLookupOption`.
        """
        began = self._now()
        name = question_name(name)
        type = normal_type(type)
        limit_s = self._options.timeout_s if timeout_s is None else _timeout(timeout_s)
        if not isinstance(use_cache, bool):
            raise BadLookupOption("cache must be true or false", option="cache")
        kept = self.cache.get(name, type, began) if use_cache else None
        from_cache = kept is not None
        if kept is None:
            kept = await self._flights.join((name, type, limit_s), lambda: self._resolve(name, type, limit_s))
        answer, now = kept.answer, self._now()
        if answer.error is not None:
            raise answer.error()
        age_s = kept.age_s(now) if from_cache else 0
        return DnsAnswer(
            name=name,
            type=type,
            canonical_name=answer.canonical_name,
            records=tuple(replace(record, ttl_s=max(0, record.ttl_s - age_s)) for record in answer.records),
            server=kept.server,
            transport=kept.transport,
            from_cache=from_cache,
            elapsed_ms=(now - began) * 1000,
        )

    async def reverse(
        self, address: str | IPv4Address | IPv6Address, *, timeout_s: float | None = None, use_cache: bool = True
    ) -> DnsAnswer:
        """The names (PTR records) of an IP address; raises what `resolve` raises, and `BadAddress`."""
        return await self.resolve(reverse_name(address), "PTR", timeout_s=timeout_s, use_cache=use_cache)

    def clear_cache(self) -> None:
        """Forget every answer."""
        self.cache.clear()

    async def aclose(self) -> None:
        """Stop the lookups under way and drop the connections kept to servers. Idempotent."""
        await self._flights.aclose()
        for upstream in (*(self._upstreams or ()), *(self._bootstrap or ())):
            await upstream.transport.aclose()

    async def _resolve(self, name: str, type: str, timeout_s: float) -> CachedAnswer:
        """Ask all servers, and keep what comes out."""
        if self._upstreams is None:
            self._upstreams = self._open(self._options.servers)
        return await self._ask(self._upstreams, name, type, timeout_s)

    async def _ask(self, upstreams: Upstreams, name: str, type: str, timeout_s: float) -> CachedAnswer:
        """Ask, and on along the name's aliases when a server leaves that to us."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        asked, seen, aliases, ttl_s = name, {name}, 0, MAX_TTL_S
        while True:
            told = await upstreams.ask(asked, type, deadline)
            answer = told.reply.answer
            aliases += answer.aliases
            ttl_s = min(ttl_s, answer.ttl_s)
            if not answer.unfinished:
                break
            asked = answer.canonical_name
            if aliases > MAX_ALIASES or asked in seen:
                raise MalformedAnswer("the DNS server's answers form an endless chain of aliases")
            seen.add(asked)
        answer = replace(answer, aliases=aliases, ttl_s=ttl_s)
        server, transport, now = told.server.label, told.reply.transport, self._now()
        self.cache.put(name, type, answer, server, transport, now)
        return CachedAnswer(answer, server, transport, now, now + ttl_s)

    async def _lookup_server(self, host: str) -> list[IpAddress]:
        """Addresses of a DNS server that was given by name; asks only those whose addresses are known."""
        kept = self.cache.get(host, "A", self._now())
        if kept is None:
            if self._bootstrap is None:
                known = tuple(server for server in self._options.servers if server.address is not None)
                self._bootstrap = self._open(known)
            kept = await self._ask(self._bootstrap, host, "A", self._options.timeout_s)
        if kept.answer.error is not None:
            raise kept.answer.error()
        return [IPv4Address(record.data["address"]) for record in kept.answer.records]

    def _open(self, servers: tuple[DnsServer, ...]) -> Upstreams:
        from .transports.opening import open_transport  # needs the HTTP engine, which needs names

        options = self._options
        return Upstreams(
            (
                Upstream(
                    server, open_transport(server, self._network, self._tls, self._lookup_server, self._random_bytes)
                )
                for server in servers
            ),
            self._now,
            rotate=options.rotate,
            attempts=options.attempts,
            retry_interval_s=lambda: patience_s(options.retry_interval_s, self._network),
        )


def _timeout(timeout_s: float) -> float:
    is_number = isinstance(timeout_s, (int, float)) and not isinstance(timeout_s, bool)
    if not is_number or not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise BadLookupOption(
            "timeout must be a number above 0, and an hour (3600 s, 3600000 ms) at most", option="timeout"
        )
    return timeout_s
