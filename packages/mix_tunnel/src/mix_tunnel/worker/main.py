"""Starts the worker's Python; called once by `js/worker.js` with the JavaScript end of the channel."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from mix_tunnel.rpc.endpoint import Receiver
from mix_tunnel.rpc.naming import spell_option
from mix_tunnel.rpc.server import RpcServer
from mix_tunnel.spelled_logs import SpelledErrors


class Port(Protocol):
    """What `js/worker.js` offers: the worker's `postMessage` and `message` event, with heads as JSON text."""

    def post(self, head: str, body: Any) -> None:
        """Send to the page; the body, a Uint8Array or undefined, is transferred."""
        ...

    def listen(self, receiver: Callable[[str, Any], None]) -> None:
        """Hand over what arrives."""
        ...


class PortEndpoint:
    """The page at the other end of a `Port`."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def send(self, head: str, body: bytes | None = None) -> None:
        """Send; the body is copied once, out of Python's memory."""
        from pyodide.ffi import to_js

        self._port.post(head, to_js(body) if body else None)

    def listen(self, receiver: Receiver) -> None:
        """Hand every message to the receiver, for as long as the worker lives."""
        from pyodide.ffi import create_proxy

        self._port.listen(create_proxy(lambda head, body: receiver(head, None if body is None else body.to_bytes())))


def start(port: Port) -> None:
    """Bring OpenSSL in place of Pyodide's stub, then serve the page."""
    import random

    import ossl

    ossl.install()
    random.seed()  # a memory snapshot would repeat it; nothing secret is ever drawn from it
    console = logging.StreamHandler()
    console.addFilter(SpelledErrors(spell_option))
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", handlers=[console])

    from mix_tunnel.worker.cookie_service import CookieService
    from mix_tunnel.worker.dns_service import DnsService
    from mix_tunnel.worker.fetch_service import FetchService
    from mix_tunnel.worker.socket_service import SocketService
    from mix_tunnel.worker.tunnel_service import TunnelService
    from mix_tunnel.worker.websocket_service import WebSocketService

    server = RpcServer(PortEndpoint(port))
    tunnels = TunnelService(server.emit)
    server.offer(tunnels.methods)
    server.offer(FetchService(tunnels).methods)
    server.offer(DnsService(tunnels).methods)
    server.offer(CookieService(tunnels).methods)
    server.offer(SocketService(tunnels).methods)
    server.offer(WebSocketService(tunnels).methods)
    server.start()
