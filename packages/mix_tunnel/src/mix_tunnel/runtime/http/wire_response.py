"""One response as it comes from the wire: nothing is decoded, followed or remembered yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ...streams import ByteStream
from .request import HeaderList


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The status line and headers, with names as the server wrote them."""

    status: int
    reason: str = field(repr=False)
    http_version: str
    headers: HeaderList = field(repr=False)


class WireBody(Protocol):
    """The body of one response, in whichever version of HTTP it comes."""

    @property
    def released(self) -> bool:
        """Whether the response holds nothing any more that others wait for."""
        ...

    async def read(self) -> bytes:
        """Wait for the next piece; b"" at the end."""
        ...

    def abort(self) -> None:
        """Forget what was not read and stop the server sending more. Idempotent."""
        ...

    def abort_soon(self) -> None:
        """`abort` from wherever the garbage collector runs."""
        ...


class WireResponse:
    """A response's head, and its body as it arrives.

    The connection is free for others when the body has been received; a response that is aborted or dropped before
    that makes the server stop sending.
    """

    def __init__(self, head: ResponseHead, body: WireBody) -> None:
        self.head = head
        self._body = body

    @property
    def switched(self) -> ByteStream | None:
        """The connection's bytes after 101, when that was asked for."""
        return getattr(self._body, "stream", None)

    @property
    def released(self) -> bool:
        """Whether all of it is here, or it was given up: nothing more crosses the network."""
        return self._body.released

    async def read(self) -> bytes:
        """Wait for the next piece of the body; b"" at its end. Raises what receiving raised, e.g. `BodyCut`."""
        return await self._body.read()

    def abort(self) -> None:
        """Give the response up at once. Idempotent."""
        self._body.abort()

    async def aclose(self) -> None:
        """Close the response, read or not. Idempotent."""
        self._body.abort()

    def __del__(self) -> None:
        """A forgotten response must not hold its connection (and a place in the pool) for ever."""
        if not self._body.released:
            self._body.abort_soon()
