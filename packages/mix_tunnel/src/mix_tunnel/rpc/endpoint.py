"""Endpoints: what carries messages between two sides, such as a worker's `postMessage` or a pair in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

Receiver = Callable[[str, bytes | None], None]


class Endpoint(Protocol):
    """One side of a channel that keeps messages whole and in order."""

    def send(self, head: str, body: bytes | None = None) -> None:
        """Send a JSON head and the bytes beside it. Does not wait."""
        ...

    def listen(self, receiver: Receiver) -> None:
        """Hand every message to the receiver, those that have already arrived first."""
        ...


class MemoryEndpoint:
    """One side of a channel inside this process; what is sent arrives in the next turn of the event loop."""

    def __init__(self) -> None:
        self._other: MemoryEndpoint | None = None
        self._receiver: Receiver | None = None
        self._waiting: list[tuple[str, bytes | None]] = []

    def send(self, head: str, body: bytes | None = None) -> None:
        """Send to the other side of the pair."""
        if self._other is not None:
            asyncio.get_running_loop().call_soon(self._other._deliver, head, body)

    def listen(self, receiver: Receiver) -> None:
        """Hand every message to the receiver."""
        self._receiver = receiver
        waiting, self._waiting = self._waiting, []
        for head, body in waiting:
            receiver(head, body)

    def _deliver(self, head: str, body: bytes | None) -> None:
        if self._receiver is None:
            self._waiting.append((head, body))
        else:
            self._receiver(head, body)


def memory_pair() -> tuple[MemoryEndpoint, MemoryEndpoint]:
    """Two endpoints joined to each other."""
    one, other = MemoryEndpoint(), MemoryEndpoint()
    one._other, other._other = other, one
    return one, other
