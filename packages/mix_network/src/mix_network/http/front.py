"""The directory's connections, from accept on: the TLS handshake, and time limits for who says nothing or too little.

uvicorn has limits of its own, but lets a stranger wait for ever before the first request, and a minute in the handshake
without being counted.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from mix_network.connection_table import ConnectionTable

HEAD_S = 10.0
"""For the TLS handshake, and for a request's head from its first byte, or from the beginning, to its end."""
ANSWER_S = 60.0
"""For an answer to be taken."""
KEEP_ALIVE_S = 75
"""How long an idle connection is kept: longer than clients keep theirs, or a request could be on its way when its
connection ends."""

MakeHttp = Callable[["Front"], "PatientHttp"]


class PatientHttp(H11Protocol):
    """uvicorn's HTTP/1.1, which tells its front what it waits for."""

    front: Front

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._tell_front()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._tell_front()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._tell_front()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.front.closed()

    def _tell_front(self) -> None:
        if self.flow.write_paused or (self.cycle is not None and not self.cycle.response_complete):
            self.front.answering()
        elif self.timeout_keep_alive_task is not None:
            self.front.idle()
        else:
            self.front.reading()


class Front(asyncio.Protocol):
    """One connection.

    make_http -- makes the protocol that takes over
    tls -- for a handshake before that; None for plain http
    """

    def __init__(self, table: ConnectionTable, make_http: MakeHttp, tls: ssl.SSLContext | None) -> None:
        self._table = table
        self._make_http = make_http
        self._tls = tls
        self._early = bytearray()
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._doing = ""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_opening(self) -> bool:
        """Whether the TLS handshake goes on."""
        return self._opening is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._table.opened(self, peer[0] if peer else None)
        self.reading()
        if self._tls is None:
            self._hand_over(self._transport)
        else:
            self._opening = asyncio.create_task(self._shake_hands(self._transport, self._tls))

    def data_received(self, data: bytes) -> None:
        # Of the handshake's last moment, before HTTP has taken over.
        self._early += data

    def connection_lost(self, error: Exception | None) -> None:
        self.closed()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def closed(self) -> None:
        """The connection is gone."""
        self._table.closed(self)
        self._wait("nothing", None)

    def reading(self) -> None:
        """A request's head is waited for, or has begun."""
        self._wait("a head", HEAD_S)

    def answering(self) -> None:
        """A request has come."""
        if self._wait("the answer", ANSWER_S):
            self._table.heard(self)

    def idle(self) -> None:
        """The answer is out. uvicorn closes what stays idle, but politely: behind what is still unsent."""
        self._wait("the next request", KEEP_ALIVE_S + HEAD_S)

    def _wait(self, doing: str, limit_s: float | None) -> bool:
        """Begin to wait for something else; False if it is waited for already."""
        if doing == self._doing:
            return False
        self._doing = doing
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if limit_s is None else asyncio.get_running_loop().call_later(limit_s, self.abort)
        return True

    async def _shake_hands(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(transport, self, tls, server_side=True, ssl_handshake_timeout=HEAD_S)
        except OSError:
            secured = None
        finally:
            self._opening = None
        if secured is None:
            transport.abort()
            self.closed()
        else:
            self._hand_over(secured)

    def _hand_over(self, transport: asyncio.Transport) -> None:
        http = self._make_http(self)
        transport.set_protocol(http)
        http.connection_made(transport)
        if self._early:
            http.data_received(bytes(self._early))
