"""The servers that are asked: in which order, how often, and which of them to spare for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import Closed, MixError

from .errors import FormatNotUnderstood, MalformedAnswer, ServerFailed, most_telling
from .servers import DnsServer
from .transports import DnsTransport, Reply

FAILURES_BEFORE_REST = 2
"""Lookups in a row that a server spoils before it is asked last."""
MIN_REST_S = 30.0
MAX_REST_S = 300.0
EDNS_AGAIN_S = 900.0
"""A server that seemed to drop questions with EDNS is asked with it again after so long."""

_CRASHES = CrashLog(logging.getLogger(__name__))


class Upstream:
    """One server, the way to it, and how it has been doing. `now` is monotonic seconds."""

    def __init__(self, server: DnsServer, transport: DnsTransport) -> None:
        self.server = server
        self.transport = transport
        self._failures = 0
        self._rests_until = float("-inf")
        self._without_edns_until = float("-inf")

    @property
    def loses_questions(self) -> bool:
        """Whether a question may get lost on the way, so that it is worth repeating while the first one waits."""
        return self.server.transport == "udp"

    @property
    def may_drop_edns(self) -> bool:
        """Whether it can be so old, or behind such a box, that nothing answers questions with EDNS (RFC 6891)."""
        return self.server.transport in ("udp", "tcp")

    def is_resting(self, now: float) -> bool:
        """Whether it failed so often that others should be asked first."""
        return now < self._rests_until

    def note_failure(self, now: float) -> None:
        """It did not answer, or nonsense: after a few times it rests, each time twice as long."""
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_REST:
            doublings = min(self._failures - FAILURES_BEFORE_REST, 8)
            self._rests_until = now + min(MIN_REST_S * 2**doublings, MAX_REST_S)

    def note_answer(self) -> None:
        """It works."""
        self._failures = 0
        self._rests_until = float("-inf")

    def note_edns_dropped(self, now: float) -> None:
        """It answered in the old way alone, and may have dropped the questions before, or they were lost."""
        self._without_edns_until = max(self._without_edns_until, now + EDNS_AGAIN_S)

    async def exchange(self, name: str, type: str, now: float, *, edns: bool = True) -> Reply:
        """Ask; a server that refuses EDNS in whatever way is asked in the old way, from then on."""
        if edns and now >= self._without_edns_until:
            try:
                return await self.transport.exchange(name, type)
            except FormatNotUnderstood:
                reply = await self.transport.exchange(name, type, edns=False)
                self._without_edns_until = float("inf")
                return reply
        return await self.transport.exchange(name, type, edns=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question under way."""

    upstream: Upstream
    edns: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A server's answer."""

    reply: Reply
    server: DnsServer


class Upstreams:
    """All servers of a resolver.

    rotate -- begin each lookup with the next server, so that each learns of a part only; otherwise with the first
    attempts -- questions sent at most for one lookup; every server is asked once at least
    retry_interval_s -- tells the wait before the next attempt; at most the time left divided by the attempts left
    """

    def __init__(
        self,
        upstreams: Iterable[Upstream],
        now: Callable[[], float],
        *,
        rotate: bool,
        attempts: int,
        retry_interval_s: Callable[[], float],
    ) -> None:
        self._upstreams = tuple(upstreams)
        self._now = now
        self._rotate = rotate
        self._attempts = max(attempts, len(self._upstreams))
        self._retry_interval_s = retry_interval_s
        self._turn = 0

    def __iter__(self) -> Iterator[Upstream]:
        return iter(self._upstreams)

    async def ask(self, name: str, type: str, deadline: float) -> Told:
        """Run attempts until one gives an answer for good, or the loop's clock reaches `deadline`.

        Raises the most telling of the attempts' errors, or `ResolvingTimedOut` when there is none.
        """
        loop = asyncio.get_running_loop()
        order = self._order()
        waiting: dict[asyncio.Task[Reply], Attempt] = {}
        errors: list[MixError] = []
        try:
            for number in range(self._attempts):
                upstream = order[number % len(order)]
                silent = [attempt.edns for attempt in waiting.values() if attempt.upstream is upstream]
                # Silence may mean that the question was lost, or that EDNS is dropped: once, find out.
                edns = not (upstream.may_drop_edns and silent and all(silent))
                if not silent or not edns or upstream.loses_questions:
                    asking = upstream.exchange(name, type, self._now(), edns=edns)
                    waiting[asyncio.create_task(asking, name="dns attempt")] = Attempt(upstream, edns)
                left_s = (deadline - loop.time()) / (self._attempts - number)
                last = number == self._attempts - 1
                until = deadline if last else loop.time() + min(self._retry_interval_s(), left_s)
                told = await self._first_answer(waiting, errors, until, through_failures=last)
                if told is not None:
                    return told
            raise most_telling(errors)
        finally:
            for task in waiting:
                task.cancel()

    def _order(self) -> list[Upstream]:
        """Those that rest come last: when nobody else answers, they are better than nothing."""
        start = self._turn % len(self._upstreams)
        self._turn += self._rotate
        turned = self._upstreams[start:] + self._upstreams[:start]
        now = self._now()
        return sorted(turned, key=lambda upstream: upstream.is_resting(now))

    async def _first_answer(
        self,
        waiting: dict[asyncio.Task[Reply], Attempt],
        errors: list[MixError],
        deadline: float,
        *,
        through_failures: bool,
    ) -> Told | None:
        """Wait for an answer from any attempt; failed attempts move to `errors`.

        through_failures -- wait on when one failed; otherwise return (None), so that the next attempt begins at once
        """
        loop = asyncio.get_running_loop()
        while waiting:
            timeout_s = max(0.0, deadline - loop.time())
            done, _ = await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                for upstream in {attempt.upstream for attempt in waiting.values()}:
                    upstream.note_failure(self._now())
                return None
            ended = [(waiting.pop(task), task) for task in done]
            failures = [(ask.upstream, _typed(error)) for ask, task in ended if (error := task.exception()) is not None]
            for _, error in failures:
                if isinstance(error, Closed):  # the tunnel is gone, so no other server can be reached either
                    raise error
            for attempt, task in ended:
                if task.exception() is None:
                    attempt.upstream.note_answer()
                    if not attempt.edns:
                        attempt.upstream.note_edns_dropped(self._now())
                    return Told(task.result(), attempt.upstream.server)
            for upstream, error in failures:
                errors.append(error)
                self._note(upstream, error)
            if not through_failures:
                return None
        return None

    def _note(self, upstream: Upstream, error: MixError) -> None:
        """SERVFAIL may be the name's own fault; every other failure is the server's or the way's."""
        if not isinstance(error, ServerFailed) or "rcode" not in error.fields:
            upstream.note_failure(self._now())


def _typed(error: BaseException) -> MixError:
    """Why an attempt failed. A fault of ours at one server's answer is that attempt's, and the next server is asked."""
    if isinstance(error, MixError):
        return error
    if not isinstance(error, Exception):
        raise error
    _CRASHES.note(error, "one question to a DNS server")
    return MalformedAnswer()
