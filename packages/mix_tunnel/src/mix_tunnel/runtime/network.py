"""The Internet as seen through the tunnel: opens TCP connections and UDP sockets on the tunnel's stack."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from weakref import WeakSet

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError
from mix_protocol.ipr.events import ExitConnected
from mix_protocol.netstack.errors import ConnectTimedOut, Unreachable
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.udp import UdpSocket
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_tunnel.options import TunnelOptions
from mix_tunnel.platform import Platform
from mix_tunnel.runtime.presence import judged_by
from mix_tunnel.runtime.tcp import TcpStream
from mix_tunnel.runtime.tunnel_errors import ExitChanged, ExitPolicyDenied, TunnelNotReady
from mix_tunnel.runtime.udp import TunnelDatagramSocket
from mix_tunnel.streams import IpAddress

DEFAULT_MTU_BYTES = 1420
"""For exits that do not say (IPR protocol 9), what the published client takes."""

_IP_AND_TCP_HEADERS = 60
"""The longer ones, of IPv6, without options."""

_CRASHES = CrashLog(logging.getLogger(__name__))


class TunnelNetwork:
    """An `IpNetwork` over a stack that may be replaced: with new addresses there is a new stack.

    wake -- lets the engine run soon
    until_ready -- waits while the tunnel is connecting; raises when it has failed or is closed
    """

    def __init__(
        self,
        options: TunnelOptions,
        platform: Platform,
        wake: Callable[[], None],
        until_ready: Callable[[], Awaitable[None]],
    ) -> None:
        self._options = options
        self._platform = platform
        self._now = judged_by(platform.now)
        self._wake = wake
        self._until_ready = until_ready
        self._connect_timeout_s = options.connect_timeout_ms / 1000.0
        self._streams: WeakSet[TcpStream] = WeakSet()
        self._sockets: WeakSet[TunnelDatagramSocket] = WeakSet()
        self._stack: NetworkStack | None = None

    def make_stack(self, connected: ExitConnected) -> NetworkStack:
        """Make the stack for new addresses; from now on everything is opened on it."""
        options, best = self._options, connected.best_packet_bytes
        self._stack = NetworkStack(
            self._platform.random_bytes,
            addresses=(connected.ipv4, connected.ipv6),
            mtu_bytes=connected.mtu_bytes or DEFAULT_MTU_BYTES,
            config=TcpConfig(
                send_buffer_bytes=options.tcp_buffer_size,
                receive_buffer_bytes=options.tcp_buffer_size,
                connect_timeout_s=self._connect_timeout_s,
                longest_segment_bytes=best - _IP_AND_TCP_HEADERS if best is not None else None,
                keep_alive_idle_s=options.tcp_keepalive_ms / 1000.0 if options.tcp_keepalive_ms else None,
            ),
        )
        self._stack.on_output = self._wake
        self._stack.on_crash = lambda error: _CRASHES.note(error, "one connection or packet of the tunnel")
        return self._stack

    @property
    def round_trip_s(self) -> float:
        """A round trip through the mixnet, as measured; 0 if it is not known."""
        return self._stack.path_round_trip_s if self._stack is not None else 0.0

    @property
    def open_connections(self) -> int:
        """TCP connections that are open at this moment."""
        return sum(stream.is_open for stream in tuple(self._streams))

    async def connect_tcp(self, ip: IpAddress, port: int) -> TcpStream:
        """Open a TCP connection; raises why it could not be opened.

        Waits while the tunnel is connecting. When the tunnel's address changes meanwhile, it is tried from the new one.
        """
        is_ready = False
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                while True:
                    is_ready = False
                    await self._until_ready()
                    is_ready = True
                    with contextlib.suppress(ExitChanged):
                        return await self._connect(ip, port)
        except TimeoutError:
            raise (ConnectTimedOut() if is_ready else TunnelNotReady()) from None

    async def _connect(self, ip: IpAddress, port: int) -> TcpStream:
        stream = TcpStream(self._require_stack().connect_tcp((ip, port), self._now()))
        self._streams.add(stream)
        try:
            await stream.connected()
        except BaseException as error:
            stream.abort()
            # The exit tells it twice, by a report of its own and by ICMP; either may come first.
            prohibited = UnreachableReason.ADMINISTRATIVELY_PROHIBITED.value
            if isinstance(error, Unreachable) and error.fields["reason"] == prohibited:
                raise ExitPolicyDenied() from None
            raise
        return stream

    def open_udp(self) -> TunnelDatagramSocket:
        """Open a UDP socket; it gets a free port with the first datagram that it sends."""
        socket = TunnelDatagramSocket(self._bind_udp, self._now)
        self._sockets.add(socket)
        return socket

    async def _bind_udp(self) -> UdpSocket:
        await self._until_ready()
        return self._require_stack().open_udp()

    def leave_addresses(self) -> None:
        """End every stream with `ExitChanged` and open nothing more until there are new addresses."""
        self._stack = None
        for stream in tuple(self._streams):
            stream.fail(ExitChanged())
        for socket in tuple(self._sockets):
            socket.unbind()

    def fail_all(self, error: MixError) -> None:
        """End every stream and socket with an error, for the tunnel is at its end."""
        self._stack = None
        for stream in tuple(self._streams):
            stream.fail(error)
        for socket in tuple(self._sockets):
            socket.fail(error)

    def deny(self, destination: str) -> None:
        """End the streams that are being opened to a destination (`IP:PORT`) which the exit's policy forbids."""
        host, _, port = destination.rpartition(":")
        try:
            remote = (ip_address(host.strip("[]")), int(port))
        except ValueError:
            return
        for stream in tuple(self._streams):
            if stream.is_connecting and stream.connection.remote == remote:
                stream.fail(ExitPolicyDenied())

    def _require_stack(self) -> NetworkStack:
        if self._stack is None:
            raise TunnelNotReady()
        return self._stack
