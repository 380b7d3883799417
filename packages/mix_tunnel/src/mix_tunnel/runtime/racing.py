"""A host's addresses tried side by side (RFC 8305 section 5): a silent one costs seconds, not the connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from mix_protocol.errors import Closed, NetworkFailure

from ..streams import ByteStream, IpAddress, patience_s

S_co = TypeVar("S_co", bound=ByteStream, covariant=True)
S = TypeVar("S", bound=ByteStream)

MAX_ADDRESSES = 4
"""Addresses of one host that are tried before giving up."""
ATTEMPT_DELAY_S = 5.0
"""Silence after which the next address is tried too: longer than honest servers take through the mixnet."""


class Connect(Protocol[S_co]):
    """Opens a connection to an address and port."""

    def __call__(self, ip: IpAddress, port: int, /) -> Coroutine[Any, Any, S_co]: ...


async def connect_any(connect: Connect[S], addresses: list[IpAddress], port: int, *, network: object = None) -> S:
    """Connect to whichever address accepts first.

    The next one is tried when those before have failed, or the last one has said nothing for `ATTEMPT_DELAY_S` (or
    two of the network's round trips). When none accepts, the first failure is raised; what is no `NetworkFailure` ends
    all attempts.

    network -- where the connections are opened
    """
    left = deque(addresses[:MAX_ADDRESSES])
    if len(left) == 1:
        return await connect(left[0], port)
    attempts: set[asyncio.Task[S]] = set()
    failure: NetworkFailure | None = None
    try:
        while left or attempts:
            if left:
                attempts.add(asyncio.create_task(connect(left.popleft(), port), name="connect"))
            delay_s = patience_s(ATTEMPT_DELAY_S, network) if left else None
            done, _ = await asyncio.wait(attempts, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                attempts.discard(attempt)
                try:
                    return attempt.result()
                except Closed:
                    raise
                except NetworkFailure as error:
                    failure = failure or error
    finally:
        await _give_up(attempts)
    assert failure is not None
    raise failure


async def _give_up(attempts: set[asyncio.Task[S]]) -> None:
    for attempt in attempts:
        attempt.add_done_callback(_drop)
        attempt.cancel()
    if attempts:
        await asyncio.wait(attempts)


def _drop(attempt: asyncio.Task[S]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().abort()
