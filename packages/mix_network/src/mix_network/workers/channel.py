"""What processes of one network say to each other: small messages over a stream socket that nobody else has.

`length u32 | kind u8 | node u8 | content`; `node` is the number of the node in question.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from mix_protocol.crash_log import CrashLog

MAX_CONTENT: Final = 1 << 20
"""The longest content: a description of all nodes with their keys is far below it."""
MAX_WAITING_BYTES: Final = 16 << 20
"""What may wait for a process that is slow to read; more is dropped."""
_READ_BYTES: Final = 256 << 10
_WRITE_BYTES: Final = 64 << 10
_HEADER: Final = struct.Struct("<IBB")

_CRASHES = CrashLog(logging.getLogger(__name__))


class Kind(enum.IntEnum):
    """What a message is about. All of it stays on this machine, and both ends are of the same version."""

    START = 1
    """To a worker: all that it must know (`messages.Start`)."""
    READY = 2
    """From a worker: it takes connections now."""
    COUNTERS = 3
    """From a worker: what its nodes have counted (`messages.Counters`)."""
    STOP = 4
    """To a worker: end in order."""
    LINK = 5
    """To a worker: what the links are like from now on."""
    KEYS = 6
    """To a worker: the Sphinx keys that a node holds now (`messages.Keys`)."""
    SEND = 7
    """To a worker: a packet to be sent to its first hop: key rotation, address (19), packet."""
    DROP = 8
    """To a worker: break a node's connections with other nodes and with clients."""
    DROP_CLIENTS = 9
    """To a worker: break a gateway's connections with clients."""
    SERVICE = 10
    """To a worker: the identity of the service inside a gateway. From a worker: a payload for it."""
    LOOP = 11
    """From a worker: a packet has ended that may be a node's own cover: its identifier."""
    AWAY = 12
    """From a worker: a payload (behind the identity) for a client that is with no worker."""
    SEATED = 13
    """From a worker: a client (its identity) has come, and takes what waits for it."""
    PUSH = 14
    """To a worker: a payload (behind the identity) for a client that is with it."""
    REPLACED = 15
    """To a worker: a client (identity) sits elsewhere now; the number (u32) of its seat there."""
    GREETING = 16
    """To a worker, first on a channel to another one: that one's number (u32)."""


class Channel(asyncio.BufferedProtocol):
    """One end of a channel.

    on_message -- called with kind, node and content of each message
    on_end -- called once when the other end is gone
    """

    def __init__(
        self,
        on_message: Callable[[Channel, int, int, bytes], None],
        on_end: Callable[[Channel], None] = lambda _: None,
    ) -> None:
        self._on_message = on_message
        self._on_end = on_end
        self._read = bytearray(_READ_BYTES)
        self._partial = bytearray()
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._flushing: asyncio.Handle | None = None
        self._transport: asyncio.Transport | None = None
        self._ended = asyncio.Event()
        self.worker = 0
        """Whose channel it is, for whoever knows."""

    @classmethod
    async def over(
        cls,
        end: socket.socket,
        on_message: Callable[[Channel, int, int, bytes], None],
        on_end: Callable[[Channel], None] = lambda _: None,
    ) -> Channel:
        """A channel over one end of a socket pair."""
        channel = cls(on_message, on_end)
        end.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: channel, end)
        return channel

    @property
    def is_open(self) -> bool:
        """Whether messages still arrive, as far as this end knows."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, kind: Kind, node: int = 0, content: bytes = b"") -> bool:
        """Send a message at the end of this turn of the event loop; False if the other end is gone or too slow."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() + self._unsent_bytes > MAX_WAITING_BYTES:
            return False
        self._unsent.append(encode_message(kind, node, content))
        self._unsent_bytes += len(self._unsent[-1])
        if self._unsent_bytes >= _WRITE_BYTES:
            self._flush()
        elif self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)
        return True

    def close(self) -> None:
        """Close it behind what was sent."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    async def close_behind(self) -> None:
        """Close it, and wait until the other end has everything."""
        self.close()
        await self._ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._read

    def buffer_updated(self, nbytes: int) -> None:
        data = self._partial
        with memoryview(self._read) as view:
            data += view[:nbytes]
        at = 0
        while len(data) - at >= _HEADER.size:
            length, kind, node = _HEADER.unpack_from(data, at)
            if length > MAX_CONTENT:
                raise ValueError("a process of this network sent what is no message")
            start = at + _HEADER.size
            if len(data) - start < length:
                break
            at = start + length
            with _CRASHES.isolated("the handling of one message between processes"):
                self._on_message(self, kind, node, bytes(data[start:at]))
        del data[:at]

    def connection_lost(self, error: Exception | None) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
        self._ended.set()
        self._on_end(self)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._transport is not None and self._unsent:
            unsent, self._unsent, self._unsent_bytes = self._unsent, [], 0
            self._transport.writelines(unsent)


def encode_message(kind: Kind, node: int = 0, content: bytes = b"") -> bytes:
    """One message as it is sent."""
    return _HEADER.pack(len(content), kind, node) + content
