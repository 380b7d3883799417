"""Web servers on loopback that run as long as a block does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

LOCALHOST = "127.0.0.1"
KEEP_ALIVE_S = 75
"""How long an idle connection is kept: what a client sends in the moment of its end is lost, and through a mixnet that
moment is long, so it should be rare."""


class PlaygroundError(Exception):
    """Something a person has to know about; its text is all that is printed."""


def listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 takes a free one."""
    # asyncio switches Nagle's algorithm off only where the socket names its protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOCALHOST, port))
    except OSError as error:
        listener.close()
        raise PlaygroundError(f"port {port} cannot be used ({error.strerror}): try make playground PORT=8081") from None
    listener.listen(128)
    return listener


class WebServer(uvicorn.Server):
    """A server that leaves signals to this program."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, *, keep_alive_s: int = KEEP_ALIVE_S, **options: Any
) -> AsyncIterator[int]:
    """Serve an application on a socket until the block ends; gives the port."""
    config = uvicorn.Config(
        app,
        log_level="error",
        lifespan="off",
        ws="websockets-sansio",
        timeout_keep_alive=keep_alive_s,
        timeout_graceful_shutdown=1,
        **options,
    )
    server = WebServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise PlaygroundError("a web server ended before it was ready")
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()
