"""Starts the worker's Python; called once by `js/worker.js`, which then hands over each page that the worker serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from mix_tunnel.rpc.endpoint import Receiver
from mix_tunnel.rpc.naming import spell_option
from mix_tunnel.spelled_logs import SpelledErrors

if TYPE_CHECKING:
    from mix_tunnel.default import Connect
    from mix_tunnel.worker.sharing import SharedTunnel


class Port(Protocol):
    """What `js/pages.js` offers: a page's `postMessage` and `message` event, with heads as JSON text."""

    def post(self, head: str, body: Any) -> None:
        """Send to the page; the body, a Uint8Array or undefined, is transferred."""
        ...

    def listen(self, receiver: Callable[[str, Any], None]) -> None:
        """Hand over what arrives."""
        ...

    def close(self) -> None:
        """Hand nothing over any more."""
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
        """Hand every message to the receiver, until this is closed."""
        from pyodide.ffi import create_proxy

        self._receive = create_proxy(lambda head, body: receiver(head, None if body is None else body.to_bytes()))
        self._port.listen(self._receive)

    def close(self) -> None:
        """Receive no more."""
        self._port.close()
        self._receive.destroy()


class Pages:
    """The pages that this worker serves: the one that it was made for, or those that are connected to it.

    connect -- sets a tunnel up
    shared -- the tunnel that they share
    """

    def __init__(self, connect: Connect, shared: SharedTunnel | None) -> None:
        self._connect = connect
        self._shared = shared
        self.importing: asyncio.Task[None] | None = None

    def open(self, port: Port) -> Callable[[], asyncio.Task[None]]:
        """Serve a page; what this returns is to be called at its end, and done when nothing of it is left."""
        from mix_tunnel.worker.page import PageServer

        endpoint = PortEndpoint(port)
        server = PageServer(endpoint, self._connect, self._shared)

        async def close() -> None:
            endpoint.close()
            await server.aclose()

        return lambda: asyncio.ensure_future(close())


def start(is_shared: bool, fetch: Callable[[str, Any], Awaitable[Any]]) -> Pages:
    """Bring OpenSSL in place of Pyodide's stub, and make ready for pages.

    fetch -- as the browser's; an answer may be under way already
    """
    import random

    import ossl

    ossl.install_on_demand()
    random.seed()  # a memory snapshot would repeat it; nothing secret is ever drawn from it
    console = logging.StreamHandler()
    console.addFilter(SpelledErrors(spell_option))
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", handlers=[console])

    from mix_tunnel.platform.browser import BrowserPlatform
    from mix_tunnel.tunnel import Tunnel
    from mix_tunnel.worker.event_loop import WorkerLoop
    from mix_tunnel.worker.imports import LateImports
    from mix_tunnel.worker.sharing import SharedTunnel

    loop = WorkerLoop()
    asyncio.set_event_loop(loop)
    connect = LateImports(partial(Tunnel.connect, platform=BrowserPlatform(fetch)))
    pages = Pages(connect, SharedTunnel(connect) if is_shared else None)
    pages.importing = loop.create_task(connect.run())
    return pages
