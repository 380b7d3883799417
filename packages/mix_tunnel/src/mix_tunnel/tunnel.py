"""The tunnel: what an application holds to reach the Internet through the mixnet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mix_protocol.errors import MixError
from mix_tunnel.options import TunnelOptions, given_options
from mix_tunnel.platform import Platform, current_platform
from mix_tunnel.state import TunnelState
from mix_tunnel.streams import ByteStream, IpNetwork

if TYPE_CHECKING:
    from mix_tunnel.runtime.dns.resolver import Resolver
    from mix_tunnel.runtime.driver import TunnelDriver
    from mix_tunnel.runtime.http.client import HttpClient
    from mix_tunnel.runtime.http.cookies import CookieJar
    from mix_tunnel.runtime.sockets.dialing import Connection, Dialer
    from mix_tunnel.runtime.sockets.udp import UdpEndpoint
    from mix_tunnel.runtime.tls import TlsSettings
    from mix_tunnel.runtime.websocket import WebSocketConnection, WebSocketOptions
    from mix_tunnel.stats import TunnelStats

PREPARE_AFTER_S = 0.02
"""So much after the tunnel is ready a first request is on its way, if there is one at once."""


class Tunnel:
    """A tunnel through the mixnet to one exit. Make it by `await Tunnel.connect(options)`.

    It may be used as an asynchronous context manager, which closes it at the end.
    """

    def __init__(
        self, driver: TunnelDriver, options: TunnelOptions, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._driver = driver
        self._options = options
        self._wall_clock = wall_clock
        self._preparing: asyncio.TimerHandle | None = None

    @classmethod
    async def connect(
        cls,
        options: TunnelOptions | None = None,
        *,
        platform: Platform | None = None,
        on_state: Callable[[TunnelState], None] | None = None,
    ) -> Tunnel:
        """Set a tunnel up: directory, entry gateway, exit; ready when the exit has given it an address.

        `on_state` is called with every state, from the first step on. Raises the typed error of whatever failed;
        nothing is left open then, nor when the call is cancelled.
        """
        from mix_tunnel.runtime.driver import TunnelDriver

        options = given_options(options)
        if options.debug:
            logging.getLogger("mix_tunnel").setLevel(logging.DEBUG)
        platform = platform if platform is not None else current_platform(options.ca_certificates)
        driver = TunnelDriver(options, platform, on_state, while_waiting=_load_tls)
        await driver.connect()
        tunnel = cls(driver, options, platform.wall_clock)
        tunnel._preparing = asyncio.get_running_loop().call_later(PREPARE_AFTER_S, tunnel._prepare)
        return tunnel

    @property
    def state(self) -> TunnelState:
        """The tunnel's present state."""
        return self._driver.state

    def stats(self) -> TunnelStats:
        """Give the counters so far."""
        return self._driver.stats()

    @property
    def network(self) -> IpNetwork:
        """TCP connections and UDP sockets that leave at the exit."""
        return self._driver.network

    @cached_property
    def resolver(self) -> Resolver:
        """Resolves names by DNS through the tunnel."""
        from mix_tunnel.runtime.dns.resolver import Resolver, ResolverOptions

        options = ResolverOptions.from_tunnel(self._options)
        return Resolver(self.network, options, tls_settings=self.tls_settings)

    @cached_property
    def tls_settings(self) -> TlsSettings:
        """The trusted roots: the public ones and the options' `ca_certificates`."""
        from mix_tunnel.runtime.tls import TlsSettings

        return TlsSettings(self._options.ca_certificates)

    @cached_property
    def http(self) -> HttpClient:
        """Fetches URLs through the tunnel, keeping connections for reuse."""
        from mix_tunnel.runtime.http.client import HttpClient
        from mix_tunnel.runtime.http.options import HttpOptions

        jar = self.cookies if self._options.cookies else None
        options = HttpOptions.from_tunnel(self._options)
        return HttpClient(self.resolver, self.network, self.tls_settings, options, jar)

    @cached_property
    def cookies(self) -> CookieJar:
        """The cookies of this tunnel's fetches; raises `CookiesDisabled` unless the option `cookies` is set."""
        from mix_tunnel.runtime.http.cookies import CookieJar
        from mix_tunnel.runtime.http.cookies.errors import CookiesDisabled

        if not self._options.cookies:
            raise CookiesDisabled
        return CookieJar(self._wall_clock)

    @cached_property
    def _dialer(self) -> Dialer:
        from mix_tunnel.runtime.sockets.dialing import Dialer

        return Dialer(self.resolver, self._driver.network, self.tls_settings)

    async def dial(self, host: str, port: int, *, tls: bool = False, alpn: Sequence[str] = ()) -> Connection:
        """Open a TCP or TLS connection to a name or address, and tell between whom it is.

        Raises `InvalidArgument`, or what DNS, TCP and TLS raise.
        """
        if tls:
            return await self._dialer.connect_tls(host, port, alpn)
        return await self._dialer.connect(host, port)

    async def connect_tcp(self, host: str, port: int) -> ByteStream:
        """Open a TCP connection to a name or address, trying its addresses in order."""
        return (await self.dial(host, port)).stream

    async def connect_tls(self, host: str, port: int, alpn: Sequence[str] = ()) -> ByteStream:
        """Open a TLS connection that ends here: certificate and host name are verified."""
        return (await self.dial(host, port, tls=True, alpn=alpn)).stream

    async def open_connection(
        self, host: str, port: int, *, ssl: bool = False, alpn: Sequence[str] = (), limit: int = 65_536
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection as asyncio's function of this name does, through the tunnel.

        ssl -- encrypt: TLS ends here, certificate and host name are verified
        alpn -- protocols to offer in TLS, most wanted first; `writer.get_extra_info("alpn_protocol")` is the chosen one
        limit -- bytes that the reader holds before the other side has to wait
        Raises `InvalidArgument`, or what DNS, TCP and TLS raise; so do the streams, when the connection breaks.
        """
        from mix_tunnel.runtime.sockets.arguments import check_limit, check_ssl
        from mix_tunnel.runtime.sockets.transport import open_streams

        is_encrypted, limit = check_ssl(ssl), check_limit(limit)
        return open_streams(await self.dial(host, port, tls=is_encrypted, alpn=alpn), limit)

    def open_udp(self) -> UdpEndpoint:
        """Open a UDP socket that sends to names and addresses."""
        from mix_tunnel.runtime.sockets.udp import UdpEndpoint

        return UdpEndpoint(self.network.open_udp(), self.resolver)

    async def connect_websocket(self, url: str, options: WebSocketOptions | None = None) -> WebSocketConnection:
        """Open a WebSocket to a ws: or wss: URL.

        Raises `InvalidURI`, `OpenTimedOut`, an `InvalidHandshake`, or what DNS, TCP and TLS raise.
        """
        from mix_tunnel.runtime.websocket import WebSocketOptions, connect_websocket

        options = options if options is not None else WebSocketOptions()
        return await connect_websocket(self, url, options, secure_only=self._options.https_only)

    async def close(self) -> None:
        """Close every stream and the gateway's connection; afterwards a new tunnel may be connected. Idempotent."""
        if self._preparing is not None:
            self._preparing.cancel()
        try:
            if "http" in self.__dict__:
                await self.http.aclose()
            if "resolver" in self.__dict__:
                await self.resolver.aclose()
        finally:
            await self._driver.close()

    def _prepare(self) -> None:
        """Load the trusted roots (0.2 s in a browser) before anybody waits for them, or while he waits for a name."""
        from mix_tunnel.runtime.http.transport import ALPN

        with contextlib.suppress(MixError):  # it will be told when they are needed
            self.tls_settings.context(ALPN)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _load_tls() -> None:
    """Import what reads itself in: `ssl` takes a browser 0.1 s."""
    import ssl  # noqa: F401
