"""Pings that wait for their pongs, and the keep-alive that sends them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ..presence import present_clock
from .errors import ConcurrencyError, ControlFrameTooLong

MAX_CONTROL_BYTES = 125


class Pings:
    """Matches pongs with pings (RFC 6455 section 5.5.3) and measures the time between them.

    on_latency -- called with each measurement, in seconds
    """

    def __init__(self, on_latency: Callable[[float], None]) -> None:
        self._on_latency = on_latency
        self._loop = asyncio.get_running_loop()
        self._pending: dict[bytes, tuple[asyncio.Future[float], float]] = {}

    def add(self, data: bytes | None) -> tuple[bytes, asyncio.Future[float]]:
        """The data of the next ping (four random bytes unless given), and a future of its latency in seconds."""
        if data is not None and len(data) > MAX_CONTROL_BYTES:
            raise ControlFrameTooLong
        if data in self._pending:
            raise ConcurrencyError("a ping with the same data waits for its pong already")
        while data is None or data in self._pending:
            data = secrets.token_bytes(4)
        pong: asyncio.Future[float] = self._loop.create_future()
        self._pending[data] = pong, self._loop.time()
        return data, pong

    def receive_pong(self, data: bytes) -> None:
        """Answer the ping with this data and all before it, since a server may answer the last one only."""
        if data not in self._pending:
            return  # nobody asked
        now = self._loop.time()
        for sent_data in tuple(self._pending):
            pong, sent_at = self._pending.pop(sent_data)
            latency_s = now - sent_at
            if not pong.done():
                pong.set_result(latency_s)
            if sent_data == data:
                self._on_latency(latency_s)
                return

    def fail(self, make_error: Callable[[], BaseException]) -> None:
        """The WebSocket is closed: no pong will come."""
        for pong, _ in self._pending.values():
            if not pong.done():
                pong.set_exception(make_error())
                pong.exception()  # seen: nobody has to wait for a pong
        self._pending.clear()


async def keep_alive(
    ping: Callable[[], Awaitable[Awaitable[float]]],
    interval_s: float,
    timeout_s: float | None,
    alive_at: Callable[[], float | None],
    give_up: Callable[[], None],
) -> None:
    """Send a ping after each interval, and give up when one has no pong and the server shows no life for too long.

    A pong queues behind all that the server sent before it, and our ping behind what we did, which through a mixnet may
    take minutes; so whatever arrives, or is taken, prolongs the wait.

    alive_at -- when the server last showed life, in seconds of presence, by which silence is counted here; None while
        this side does not listen, for then silence is no sign
    """
    clock = present_clock()
    while True:
        await asyncio.sleep(interval_s)
        pong = asyncio.ensure_future(await ping())
        if timeout_s is None:
            await asyncio.wait({pong})
            continue
        asked_at = clock.time()
        left_s = timeout_s
        while not pong.done():
            with suppress(TimeoutError):
                async with clock.timeout(left_s):
                    await asyncio.wait({pong})
                    break
            alive = alive_at()
            left_s = timeout_s if alive is None else max(asked_at, alive) + timeout_s - clock.time()
            if left_s <= 0:
                give_up()
                return
