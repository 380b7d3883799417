"""Host names to addresses, asked through the tunnel: nothing here ever touches the machine's own resolver.

A lookup asks the first server over UDP; while no answer comes it asks again, by turns the second and the first, each
time with a fresh identifier and a fresh source port, and takes the first good answer to any of them: on a mixnet an
answer may be late rather than lost.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address

from mix_protocol.errors import Closed, MixError

from ...options import TunnelOptions, parse_resolver
from ...streams import ByteStream, DatagramSocket, IpAddress, IpNetwork
from .cache import DnsCache
from .errors import FormatNotUnderstood, MalformedAnswer, ServerFailed, most_telling
from .messages import (
    Answer,
    Query,
    Truncated,
    belongs_to,
    literal_address,
    make_query,
    normal_name,
    read_answer,
)

MAX_ALIASES = 8
"""CNAMEs followed by asking again, when a server does not follow them by itself."""


@dataclass(frozen=True, slots=True)
class ResolverOptions:
    """Whom to ask, and for how long."""

    servers: tuple[tuple[IpAddress, int], ...] = ((IPv4Address("8.8.8.8"), 53), (IPv4Address("1.1.1.1"), 53))
    timeout_s: float = 30.0
    """Time for one lookup, all attempts together."""
    attempts: int = 4
    """Questions sent over UDP at most, over all servers together."""
    retry_interval_s: float = 5.0
    """Wait before the next attempt; at most the time left divided by the attempts left."""

    @classmethod
    def from_tunnel(cls, options: TunnelOptions) -> ResolverOptions:
        """Take over what a tunnel's options say about DNS."""
        servers = (parse_resolver(options.primary_dns), parse_resolver(options.fallback_dns))
        return cls(tuple((ip_address(ip), port) for ip, port in servers), options.dns_timeout_ms / 1000)


@dataclass(slots=True)
class _Flight:
    """A lookup under way, and how many callers wait for it."""

    task: asyncio.Task[list[IpAddress]]
    waiters: int = field(default=0)


class Resolver:
    """Resolves names through an `IpNetwork`, with a cache; equal lookups at the same time share one question."""

    def __init__(
        self,
        network: IpNetwork,
        options: ResolverOptions | None = None,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._network = network
        self._options = options or ResolverOptions()
        self._random_bytes = random_bytes
        self._now = now
        self._flights: dict[str, _Flight] = {}
        self.cache = DnsCache()

    async def lookup(self, name: str) -> list[IpAddress]:
        """IPv4 addresses of a host name, in the server's order; an IP literal is returned as it is.

        Raises `BadName`, `NameNotFound`, `NoAddress`, `ServerFailed`, `QueryRefused`, `MalformedAnswer`,
        `ResolvingTimedOut`, or the network's own error.
        """
        literal = literal_address(name)
        if literal is not None:
            return [literal]
        host = normal_name(name)
        cached = self.cache.get(host, self._now())
        if cached is not None:
            if cached.error is not None:
                raise cached.error
            return list(cached.addresses)
        return list(await self._join(host))

    async def _join(self, host: str) -> list[IpAddress]:
        """Wait for the lookup of `host`; the last caller that gives up stops it."""
        flight = self._flights.get(host)
        if flight is None:
            flight = self._flights[host] = _Flight(asyncio.create_task(self._resolve(host), name="resolve"))
            flight.task.add_done_callback(lambda task: self._land(host, task))
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                flight.task.cancel()
                self._flights.pop(host, None)

    def _land(self, host: str, task: asyncio.Task[list[IpAddress]]) -> None:
        flight = self._flights.get(host)
        if flight is not None and flight.task is task:
            del self._flights[host]
        if not task.cancelled():
            task.exception()  # seen: the waiters, if any are left, have it too

    async def _resolve(self, host: str) -> list[IpAddress]:
        """Ask for `host`, and on along its aliases when the server leaves that to us."""
        name, ttl_s = host, 2**31 - 1
        deadline = asyncio.get_running_loop().time() + self._options.timeout_s
        for _ in range(MAX_ALIASES):
            answer = await self._ask(name, deadline)
            ttl_s = min(ttl_s, answer.ttl_s)
            if answer.alias is None:
                break
            name = answer.alias
        else:
            raise MalformedAnswer("the DNS server's answers form an endless chain of aliases")
        self.cache.put(host, answer.addresses, answer.error, ttl_s, self._now())
        if answer.error is not None:
            raise answer.error
        return list(answer.addresses)

    async def _ask(self, name: str, deadline: float) -> Answer:
        """Run the attempts until one gives an answer for good, or the loop's clock reaches `deadline`."""
        options = self._options
        waiting: set[asyncio.Task[Answer]] = set()
        errors: list[MixError] = []
        loop = asyncio.get_running_loop()
        try:
            for number in range(options.attempts):
                server = options.servers[number % len(options.servers)]
                waiting.add(asyncio.create_task(self._attempt(name, server), name="dns attempt"))
                pause_s = min(options.retry_interval_s, (deadline - loop.time()) / (options.attempts - number))
                last = number == options.attempts - 1
                until = deadline if last else loop.time() + pause_s
                answer = await _first_answer(waiting, errors, until, through_failures=last)
                if answer is not None:
                    return answer
            raise most_telling(errors)
        finally:
            for task in waiting:
                task.cancel()

    async def _attempt(self, name: str, server: tuple[IpAddress, int]) -> Answer:
        """One question to one server; a truncated answer is asked for again over TCP."""
        query = make_query(name, self._random_bytes)
        try:
            return await self._over_udp(query, server)
        except Truncated:
            return await self._over_tcp(query, server)
        except FormatNotUnderstood:
            plain = make_query(name, self._random_bytes, edns=False)
            try:
                return await self._over_udp(plain, server)
            except Truncated:
                return await self._over_tcp(plain, server)

    async def _over_udp(self, query: Query, server: tuple[IpAddress, int]) -> Answer:
        socket: DatagramSocket = self._network.open_udp()
        try:
            await socket.send(query.wire, *server)
            while True:
                wire, ip, port = await socket.receive()
                # Anything else is someone's guess (RFC 5452): wait on for the real answer.
                if (ip, port) == server and belongs_to(wire, query):
                    return read_answer(wire, query)
        finally:
            socket.close()

    async def _over_tcp(self, query: Query, server: tuple[IpAddress, int]) -> Answer:
        stream = await self._network.connect_tcp(*server)
        try:
            await stream.send(len(query.wire).to_bytes(2, "big") + query.wire)
            wire = await _read_exactly(stream, int.from_bytes(await _read_exactly(stream, 2), "big"))
        finally:
            stream.abort()  # the one answer is here; nothing is owed to the server
        if not belongs_to(wire, query):
            raise MalformedAnswer
        return read_answer(wire, query, over_tcp=True)


async def _first_answer(
    waiting: set[asyncio.Task[Answer]], errors: list[MixError], deadline: float, *, through_failures: bool
) -> Answer | None:
    """Wait for an answer from any attempt; failed attempts move to `errors`.

    through_failures -- wait on when one failed; otherwise return (None), so that the next attempt begins at once
    """
    loop = asyncio.get_running_loop()
    while waiting:
        done, _ = await asyncio.wait(
            waiting, timeout=max(0.0, deadline - loop.time()), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            return None
        waiting -= done
        failures = [task.exception() for task in done]
        for failure in failures:
            # The tunnel is gone (no other server can be reached either), or this is a fault of ours.
            if isinstance(failure, Closed) or (failure is not None and not isinstance(failure, MixError)):
                raise failure
        for task in done:
            if task.exception() is None:
                return task.result()
        errors += [failure for failure in failures if isinstance(failure, MixError)]
        if not through_failures:
            return None
    return None


async def _read_exactly(stream: ByteStream, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        chunk = await stream.receive(count - len(data))
        if not chunk:
            raise ServerFailed("the DNS server closed the connection before its answer was complete")
        data += chunk
    return bytes(data)
