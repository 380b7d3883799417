"""Records: whole messages inside a body's stream of bytes, which knows no boundaries of its own.

A record is a kind (u8), its payload's length (u32, big-endian) and the payload. What the kinds mean is the method's
affair. `js/records.js` is the other end.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from mix_tunnel.rpc.errors import MalformedRpcMessage

HEAD_BYTES = 5
MAX_PAYLOAD_BYTES = 2**32 - 1
"""What the length can say; a receiver sets its own, lower limit."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a stream."""

    kind: int
    payload: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        """The record as it stands in the stream."""
        return self.kind.to_bytes(1, "big") + len(self.payload).to_bytes(4, "big") + self.payload


class RecordDecoder:
    """Cuts a stream into records again, whatever pieces it arrives in.

    max_payload_bytes -- the largest payload accepted; so much, and one piece, is all that is ever held
    """

    def __init__(self, max_payload_bytes: int) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Record]:
        """Take the next piece; the records that are whole with it. `MalformedRpcMessage` for one that is too large."""
        self._buffer += data
        records = []
        while len(self._buffer) >= HEAD_BYTES:
            length = int.from_bytes(self._buffer[1:HEAD_BYTES], "big")
            if length > self._max_payload_bytes:
                raise MalformedRpcMessage("a record between page and worker is too large", length=length)
            end = HEAD_BYTES + length
            if len(self._buffer) < end:
                break
            records.append(Record(self._buffer[0], bytes(self._buffer[HEAD_BYTES:end])))
            del self._buffer[:end]
        return records

    def end(self) -> None:
        """The stream has ended; `MalformedRpcMessage` if that was inside a record."""
        if self._buffer:
            raise MalformedRpcMessage("the stream between page and worker ended inside a record")


async def read_records(pieces: AsyncIterable[bytes], max_payload_bytes: int) -> AsyncIterator[Record]:
    """The records of a body, such as an `Upload`; its next piece is taken when all records of the last were."""
    decoder = RecordDecoder(max_payload_bytes)
    async for piece in pieces:
        for record in decoder.receive(piece):
            yield record
    decoder.end()


class RecordBody:
    """A response's body made of records: a `ByteSource` that waits for the next one when the last has been sent.

    next_record -- waits for a record; None ends the body
    close -- called when the body is not wanted any longer, or has ended
    """

    def __init__(
        self, next_record: Callable[[], Awaitable[Record | None]], close: Callable[[], Awaitable[None]]
    ) -> None:
        self._next_record = next_record
        self._close = close
        self._rest = memoryview(b"")

    async def read(self, max_bytes: int = 65_536) -> bytes:
        """Wait for the next bytes, of one record only; none at the end."""
        if not self._rest:
            record = await self._next_record()
            self._rest = memoryview(record.encode() if record is not None else b"")
        piece = bytes(self._rest[:max_bytes])
        self._rest = self._rest[max_bytes:]
        return piece

    async def aclose(self) -> None:
        """Give the rest up. Idempotent if `close` is."""
        await self._close()
