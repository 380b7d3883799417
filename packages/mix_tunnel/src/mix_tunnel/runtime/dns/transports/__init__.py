"""How questions reach a server and answers come back: UDP, TCP, TLS and HTTPS, each through the tunnel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..answers import Answer
from ..servers import TransportName


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the transport by which it came."""

    answer: Answer
    transport: TransportName


class DnsTransport(Protocol):
    """One way to one server. Exchanges may run at the same time."""

    async def exchange(self, name: str, type: str, *, edns: bool = True) -> Reply:
        """Ask one question and wait for its answer, without a limit of time.

        Raises `MalformedAnswer`, the error that the response code stands for, or the network's own. Cancelling
        forgets the question.
        """
        ...

    async def aclose(self) -> None:
        """Close what is kept for reuse; exchanges under way fail. Idempotent."""
        ...
