"""`connect`: as that of `websockets.asyncio.client`, through the mixnet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from websockets.client import backoff
from websockets.client import process_exception as library_rule

from mix_protocol.errors import MixError
from mix_tunnel.api import (
    Compression,
    InvalidWebSocketOption,
    TunnelApi,
    WebSocketConnection,
    WebSocketOptions,
    find_tunnel,
)
from mix_websocket.exceptions import as_os_error

if TYPE_CHECKING:
    from ssl import SSLContext

HeadersInit = Mapping[str, str] | Iterable[tuple[str, str]]
NO_LIMIT = 2**31


def process_exception(error: Exception) -> Exception | None:
    """Whether `async for websocket in connect(…)` tries again (None) after an error, or raises it.

    Again: after what the network did, and after HTTP status 500, 502, 503 and 504.
    """
    if isinstance(error, MixError) and error.retryable:
        return None
    if isinstance(error, MixError) and isinstance(error, OSError):
        return error  # such as a certificate that is refused; the library's rule would take it for the network's
    return library_rule(error)


class connect:  # noqa: N801 - the library's name
    """Connect to a WebSocket server: `await` it, `async with` it, or `async for` it to connect again and again.

    uri -- a ws: or wss: URL; a user name and password in it are sent as basic authentication
    origin -- value of the Origin header; without it, none is sent
    extensions -- more extensions of the library, offered before permessage-deflate
    subprotocols -- subprotocols to offer, in the order of preference
    compression -- "deflate", a `Compression` with permessage-deflate's parameters, or None to offer none
    additional_headers -- further headers of the handshake; they replace ours of the same name
    user_agent_header -- the User-Agent; "browser" is the one that fetches have, None sends none
    proxy -- to be left out: everything goes through the mixnet
    process_exception -- tells `async for` whether to try again after an exception (None), or what to raise
    open_timeout -- limit in seconds for name, TCP, TLS and handshake together; None for none, as below
    ping_interval -- seconds between keep-alive pings; None sends none
    ping_timeout -- limit in seconds for the answer to one, or for any other sign of life, such as data that arrive;
        without it the connection is closed with 1011
    close_timeout -- limit in seconds for the server's part of the closing handshake
    reconnect_delays -- makes the seconds to wait before each new try of `async for`
    max_size -- the largest message received, decompressed, or a pair with the largest fragment; None for no limit
    max_queue -- the server is held back when so many frames wait to be received
    write_limit -- `send` waits while the connection has not taken more bytes than these
    logger -- is told when `async for` tries again
    ssl -- an `ssl.SSLContext` to trust instead of the tunnel's certificate authorities
    tunnel -- a tunnel, or the name of a shared one; the default one of `setup_mix_tunnel` by default

    Raises at once `InvalidWebSocketOption` for an option that makes no sense here: the tunnel makes the connection, so
    there is no `sock`, `host` or `local_addr`. Redirects are not followed.
    """

    def __init__(
        self,
        uri: str,
        *,
        origin: str | None = None,
        extensions: Sequence[Any] | None = None,
        subprotocols: Sequence[str] | None = None,
        compression: str | Compression | None = "deflate",
        additional_headers: HeadersInit | None = None,
        user_agent_header: str | None = "browser",
        proxy: bool | None = True,
        process_exception: Callable[[Exception], Exception | None] = process_exception,
        open_timeout: float | None = 60,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        reconnect_delays: Callable[[], Generator[float]] = backoff,
        max_size: int | tuple[int | None, int | None] | None = 2**20,
        max_queue: int | tuple[int | None, int | None] | None = 16,
        write_limit: int | tuple[int, int | None] = 2**15,
        logger: logging.Logger | None = None,
        ssl: SSLContext | bool | None = None,
        tunnel: TunnelApi | str | None = None,
        **unusable: Any,
    ) -> None:
        for name in unusable:
            raise InvalidWebSocketOption(f"{name} can't be used: the tunnel makes the connection", option=name)
        if proxy not in (None, True):
            raise InvalidWebSocketOption.of("proxy", "left out: everything goes through the mixnet")
        max_message, max_fragment = max_size if isinstance(max_size, tuple) else (max_size, None)
        frames = max_queue[0] if isinstance(max_queue, tuple) else max_queue
        self.uri = uri
        self.options = WebSocketOptions(
            subprotocols=() if subprotocols is None else subprotocols,
            headers=_header_list(additional_headers),
            origin=origin,
            user_agent=user_agent_header,
            compression=_read_compression(compression),
            extensions=() if extensions is None else extensions,
            ssl_context=None if isinstance(ssl, bool) else ssl,
            max_message_bytes=max_message,
            max_fragment_bytes=max_fragment,
            queue_frames=NO_LIMIT if frames is None else frames,
            queue_bytes=NO_LIMIT if frames is None else WebSocketOptions().queue_bytes,
            write_limit_bytes=write_limit[0] if isinstance(write_limit, tuple) else write_limit,
            open_timeout_s=open_timeout,
            ping_interval_s=ping_interval,
            ping_timeout_s=ping_timeout,
            close_timeout_s=close_timeout,
        )
        self.process_exception = process_exception
        self.reconnect_delays = reconnect_delays
        self.logger = logger if logger is not None else logging.getLogger("mix_websocket")
        self._tunnel = tunnel
        self._connection: WebSocketConnection | None = None

    async def connect(self) -> WebSocketConnection:
        """Open one connection."""
        try:
            return await find_tunnel(self._tunnel).connect_websocket(self.uri, self.options)
        except MixError as error:
            same = as_os_error(error)
            if same is error:
                raise
            raise same from error

    def __await__(self) -> Generator[Any, None, WebSocketConnection]:
        return self.connect().__await__()

    async def __aenter__(self) -> WebSocketConnection:
        if self._connection is not None:
            raise RuntimeError("connect() isn't reentrant")
        self._connection = await self
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.__aexit__(kind, error, traceback)

    async def __aiter__(self) -> AsyncIterator[WebSocketConnection]:
        delays: Generator[float] | None = None
        while True:
            try:
                async with self as connection:
                    yield connection
            except Exception as error:
                fatal = self.process_exception(error)
                if fatal is error:
                    raise
                if fatal is not None:
                    raise fatal from error
                delays = delays if delays is not None else self.reconnect_delays()
                delay_s = next(delays)
                self.logger.info("connect failed; trying again in %.1f seconds: %s", delay_s, error)
                await asyncio.sleep(delay_s)
            else:
                delays = None


def _read_compression(given: object) -> Compression | None:
    if given == "deflate":
        return Compression()
    if given is None or isinstance(given, Compression):
        return given
    raise InvalidWebSocketOption.of("compression", '"deflate", a Compression, or None')


def _header_list(given: HeadersInit | None) -> list[tuple[str, str]]:
    """Pairs of any kind of headers, repeated ones of `websockets.Headers` included."""
    raw_items = getattr(given, "raw_items", None)
    if raw_items is not None:
        return list(raw_items())
    return list(given.items() if isinstance(given, Mapping) else given or ())
