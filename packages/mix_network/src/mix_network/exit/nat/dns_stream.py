"""DNS over TCP (RFC 7766) for clients whose queries our own resolver answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mix_network.exit.hosts_resolver import MAX_TCP_BYTES, HostsResolver
from mix_protocol.errors import MixError
from mix_protocol.netstack.tcp.connection import TcpConnection

_LENGTH_BYTES = 2
_MAX_UNSENT_BYTES = 4 * MAX_TCP_BYTES


class DnsStream:
    """One client's connection: queries with a length in front come in, answers go out, each as soon as it is there.

    client -- whose lookups these are
    on_finished -- called once, when the connection is done
    on_output -- called when the connection may have segments to send
    """

    def __init__(
        self, resolver: HostsResolver, client: int, on_finished: Callable[[], None], on_output: Callable[[], None]
    ) -> None:
        self._resolver = resolver
        self._client = client
        self._on_finished = on_finished
        self._on_output = on_output
        self._connection: TcpConnection | None = None
        self._received = bytearray()
        self._unsent = b""
        self._task: asyncio.Task[None] | None = None
        self._finished = False

    def attach(self, connection: TcpConnection) -> None:
        """Start to answer: the client's connection stands."""
        self._connection = connection
        self.connection_changed()

    def connection_changed(self) -> None:
        """The client's connection has data, room, an end or an error."""
        connection = self._connection
        if connection is None or self._finished:
            return
        if connection.error is not None:
            self.abort()
            return
        self._flush()
        # One query at a time: while an answer is under way, further queries wait in the connection's buffer.
        if self._task is None and len(self._unsent) < _MAX_UNSENT_BYTES:
            self._next_query(connection)

    def abort(self) -> None:
        """Reset the connection."""
        if self._finished:
            return
        if self._task is not None:
            self._task.cancel()
        if self._connection is not None and self._connection.error is None:
            self._connection.abort()
        self._finish()

    def _next_query(self, connection: TcpConnection) -> None:
        while True:
            if len(self._received) >= _LENGTH_BYTES:
                end = _LENGTH_BYTES + int.from_bytes(self._received[:_LENGTH_BYTES], "big")
                if len(self._received) >= end:
                    query = bytes(self._received[_LENGTH_BYTES:end])
                    del self._received[:end]
                    self._task = asyncio.create_task(self._answer(query))
                    return
            data = connection.receive(MAX_TCP_BYTES)
            if not data:
                break
            self._received += data
        if connection.at_eof and not self._unsent:
            connection.close()
            self._finish()

    async def _answer(self, query: bytes) -> None:
        answer = await self._resolver.answer(query, MAX_TCP_BYTES, client=self._client)
        self._task = None
        if answer is None:
            self.abort()
        else:
            self._unsent += len(answer).to_bytes(_LENGTH_BYTES, "big") + answer
            self.connection_changed()
        self._on_output()

    def _flush(self) -> None:
        if self._unsent and self._connection is not None:
            try:
                accepted = self._connection.send(self._unsent)
            except MixError:
                self.abort()
                return
            self._unsent = self._unsent[accepted:]

    def _finish(self) -> None:
        if not self._finished:
            self._finished = True
            self._on_finished()
