"""What serves one page: its calls, and what they have open."""

from __future__ import annotations

from mix_tunnel.default import Connect, TunnelSlot
from mix_tunnel.rpc.endpoint import Endpoint
from mix_tunnel.rpc.server import RpcServer
from mix_tunnel.runtime.tunnel_errors import TunnelClosed
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.cookie_service import CookieService
from mix_tunnel.worker.dns_service import DnsService
from mix_tunnel.worker.fetch_service import FetchService
from mix_tunnel.worker.sharing import SharedTunnel, TabSlot
from mix_tunnel.worker.socket_service import SocketService
from mix_tunnel.worker.tunnel_service import TunnelService
from mix_tunnel.worker.websocket_service import WebSocketService


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
        self._sockets = SocketService(self._tunnels)
        for service in (
            self._tunnels,
            self._sockets,
            FetchService(self._tunnels),
            DnsService(self._tunnels),
            CookieService(self._tunnels),
            WebSocketService(self._tunnels),
        ):
            self._server.offer(service.methods)
        self._server.start()

    async def aclose(self) -> None:
        """The page is gone: its requests and sockets end, and it leaves the tunnel."""
        await self._server.aclose()
        self._sockets.abort_all()
        await self._tunnels.slot.disconnect()

    async def _leave(self) -> None:
        await self._server.end_calls(TunnelClosed(), lambda method: not method.startswith("tunnel."))
        self._sockets.abort_all()
