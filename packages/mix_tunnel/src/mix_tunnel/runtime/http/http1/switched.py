"""A connection that has changed to another protocol (101, RFC 9110 section 7.8): bytes both ways from then on."""

from __future__ import annotations

from typing import Any

from ....streams import ByteStream
from ..pool import Lease


class SwitchedStream:
    """The `ByteStream` below, from the first byte of the new protocol on; its lease is given up with it.

    rest -- what came together with the answer's head
    """

    def __init__(self, lease: Lease[Any], stream: ByteStream, rest: bytes) -> None:
        self._lease = lease
        self._stream = stream
        self._rest = rest

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        """Wait for bytes; b"" at the end."""
        if self._rest:
            piece, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
            return piece
        return await self._stream.receive(max_bytes)

    async def send(self, data: bytes) -> None:
        """Hand all of `data` over."""
        await self._stream.send(data)

    async def send_eof(self) -> None:
        """Say that nothing more will be sent."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close in order. Idempotent."""
        self._lease.finish()

    def abort(self) -> None:
        """Drop at once. Idempotent."""
        self._lease.drop()


class SwitchedBody:
    """The body of the answer, which has none; giving it up gives the connection up."""

    def __init__(self, lease: Lease[Any], stream: ByteStream, rest: bytes) -> None:
        self._lease = lease
        self.stream = SwitchedStream(lease, stream, rest)

    @property
    def released(self) -> bool:
        """Whether the connection is given up."""
        return self._lease.released

    async def read(self) -> bytes:
        """Nothing, at once."""
        return b""

    def abort(self) -> None:
        """Give the connection up. Idempotent."""
        self._lease.drop()

    def abort_soon(self) -> None:
        """`abort` from wherever the garbage collector runs."""
        self._lease.call_soon(self.abort)
