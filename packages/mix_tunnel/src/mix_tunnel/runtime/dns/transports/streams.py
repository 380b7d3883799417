"""DNS over a byte stream, TCP (RFC 7766) or TLS (RFC 7858): one connection, many questions, answers in any order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError, NetworkFailure

from ....streams import ByteStream
from ..answers import interpret
from ..errors import MalformedAnswer, ServerFailed
from ..flights import Flights
from ..messages import Query, belongs_to, make_query, read_message
from . import Reply

IDLE_S = 20.0
"""A connection without questions is dropped after so long: before an exit forgets it, which takes a minute."""
MAX_STRANGERS = 32
"""Messages on one connection that answer no question of ours, before it is dropped."""

_LENGTH_BYTES = 2

_CRASHES = CrashLog(logging.getLogger(__name__))


class StreamTransport:
    """Asks over a connection that is opened when needed and kept for a while.

    connect -- opens the stream
    padded -- whether questions are padded, for they are encrypted
    """

    def __init__(
        self,
        transport: Literal["tcp", "tls"],
        connect: Callable[[], Awaitable[ByteStream]],
        random_bytes: Callable[[int], bytes],
        *,
        padded: bool = False,
        idle_s: float = IDLE_S,
    ) -> None:
        self._transport: Literal["tcp", "tls"] = transport
        self._connect = connect
        self._random_bytes = random_bytes
        self._padded = padded
        self._idle_s = idle_s
        self._connection: StreamConnection | None = None
        self._opening: Flights[None, StreamConnection] = Flights()

    async def exchange(self, name: str, type: str, *, edns: bool = True) -> Reply:
        """Ask over the connection that is there; when a kept one turns out to be dead, over a new one."""
        connection = await self._usable()
        identifier = connection.free_identifier(self._random_bytes)
        query = make_query(name, type, self._random_bytes, identifier=identifier, edns=edns, padded=self._padded)
        was_kept = connection.answered > 0
        try:
            wire = await connection.ask(query)
        except NetworkFailure:
            if not was_kept:
                raise
            connection.abort()
            return await self.exchange(name, type, edns=edns)  # a new connection has answered nothing yet
        return Reply(interpret(read_message(wire, query, over_stream=True), name, type, len(wire)), self._transport)

    async def aclose(self) -> None:
        """Drop the connection."""
        await self._opening.aclose()
        if self._connection is not None:
            self._connection.abort()

    async def _usable(self) -> StreamConnection:
        while self._connection is None or self._connection.failure is not None:
            self._connection = await self._opening.join(None, self._open)
        return self._connection

    async def _open(self) -> StreamConnection:
        return StreamConnection(await self._connect(), self._idle_s)


class StreamConnection:
    """One connection: sends questions, and hands each message that arrives to the question that it answers."""

    def __init__(self, stream: ByteStream, idle_s: float) -> None:
        self._stream = stream
        self._idle_s = idle_s
        self._pending: dict[int, tuple[Query, asyncio.Future[bytes]]] = {}
        self._given_up: set[int] = set()
        self._sending = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._reader = asyncio.create_task(self._read(), name="dns connection")
        self.answered = 0
        self.failure: MixError | None = None
        """Why it can't be used any more."""
        self._rest_if_idle()

    def free_identifier(self, random_bytes: Callable[[int], bytes]) -> int:
        """A random identifier that no question on this connection has."""
        while True:
            identifier = int.from_bytes(random_bytes(2), "big")
            if identifier not in self._pending and identifier not in self._given_up:
                return identifier

    async def ask(self, query: Query) -> bytes:
        """Send a question and wait for the message that answers it; raises why the connection failed."""
        if self.failure is not None:
            raise self.failure
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pending[query.identifier] = query, answer
        self._stay_awake()
        try:
            async with self._sending:
                await self._stream.send(len(query.wire).to_bytes(_LENGTH_BYTES, "big") + query.wire)
            return await answer
        except MixError as error:
            self._fail(error)
            raise
        finally:
            del self._pending[query.identifier]
            if answer.cancelled() or not answer.done():
                self._give_up(query.identifier)
            self._rest_if_idle()

    def abort(self) -> None:
        """Drop the connection; questions under way fail."""
        self._fail(ServerFailed("the connection to the DNS server has been closed"))

    def _give_up(self, identifier: int) -> None:
        """The question was cancelled. If nobody else waits, the server may as well be told to forget it."""
        if self._pending:
            self._given_up.add(identifier)
        else:
            self.abort()

    async def _read(self) -> None:
        strangers = 0
        try:
            while strangers < MAX_STRANGERS:
                length = int.from_bytes(await self._read_exactly(_LENGTH_BYTES), "big")
                if not self._deliver(await self._read_exactly(length)):
                    strangers += 1
            raise MalformedAnswer("the DNS server answers questions that were never asked")
        except MixError as error:
            self._fail(error)
        except Exception as error:
            _CRASHES.note(error, "one connection to a DNS server")
            self._fail(MalformedAnswer())

    def _deliver(self, wire: bytes) -> bool:
        identifier = int.from_bytes(wire[:2], "big")
        if identifier in self._given_up:
            self._given_up.discard(identifier)
            return True
        query, answer = self._pending.get(identifier, (None, None))
        if query is None or answer is None or answer.done() or not belongs_to(wire, query):
            return False
        self.answered += 1
        answer.set_result(wire)
        return True

    async def _read_exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            chunk = await self._stream.receive(count - len(data))
            if not chunk:
                raise ServerFailed("the DNS server closed the connection before its answer was complete")
            data += chunk
        return bytes(data)

    def _fail(self, error: MixError) -> None:
        if self.failure is not None:
            return
        self.failure = error
        self._stay_awake()
        self._reader.cancel()
        self._stream.abort()  # nothing is owed to the server
        for _, answer in self._pending.values():
            if not answer.done():
                answer.set_exception(type(error)(error.template, **error.fields))

    def _stay_awake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _rest_if_idle(self) -> None:
        if not self._pending and self.failure is None and self._idle is None:
            self._idle = asyncio.get_running_loop().call_later(self._idle_s, self.abort)
