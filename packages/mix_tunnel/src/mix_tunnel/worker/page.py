"""What serves one page: its calls, and what they have open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mix_tunnel.default import Connect, TunnelSlot
from mix_tunnel.rpc.endpoint import Endpoint
from mix_tunnel.rpc.server import Method, RpcServer
from mix_tunnel.runtime.tunnel_errors import TunnelClosed
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.sharing import SharedTunnel, TabSlot
from mix_tunnel.worker.tunnel_service import TunnelService

if TYPE_CHECKING:
    from mix_tunnel.worker.socket_service import SocketService


class PageServer:
    """Serves a page until it is closed.

    connect -- sets a tunnel up
    shared -- the tunnel that pages share; without one the page has a tunnel of its own
    """

    def __init__(
        self, endpoint: Endpoint, connect: Connect = Tunnel.connect, shared: SharedTunnel | None = None
    ) -> None:
        self._server = RpcServer(endpoint)
        slot = TabSlot(shared, self._leave) if shared is not None else TunnelSlot(connect)
        self._tunnels = TunnelService(self._server.emit, slot)
        self._sockets: SocketService | None = None
        self._server.offer(self._tunnels.methods)
        self._server.offer_later(self._find_services)
        self._server.start()

    async def aclose(self) -> None:
        """The page is gone: its requests and sockets end, and it leaves the tunnel."""
        await self._server.aclose()
        self._abort_sockets()
        await self._tunnels.slot.disconnect()

    async def _leave(self) -> None:
        await self._server.end_calls(TunnelClosed(), lambda method: not method.startswith("tunnel."))
        self._abort_sockets()

    def _abort_sockets(self) -> None:
        if self._sockets is not None:
            self._sockets.abort_all()

    def _find_services(self) -> Mapping[str, Method]:
        """What a page needs a tunnel for. A worker that has just started has not imported it."""
        from mix_tunnel.worker.cookie_service import CookieService
        from mix_tunnel.worker.dns_service import DnsService
        from mix_tunnel.worker.fetch_service import FetchService
        from mix_tunnel.worker.socket_service import SocketService
        from mix_tunnel.worker.websocket_service import WebSocketService

        self._sockets = SocketService(self._tunnels)
        others = (service(self._tunnels) for service in (FetchService, DnsService, CookieService, WebSocketService))
        methods = dict(self._sockets.methods)
        for service in others:
            methods.update(service.methods)
        return methods
