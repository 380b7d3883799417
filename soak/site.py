"""The web site that clients transfer from and to, on this machine: what it sends can be told to be right."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

MOST_BYTES = 1 << 20


def content(name: str, size: int) -> bytes:
    """What stands under a name: bytes that do not repeat, and differ from those under any other name."""
    return hashlib.shake_128(name.encode()).digest(size)


def receipt(body: bytes) -> bytes:
    """What an upload is answered with."""
    return hashlib.sha256(body).hexdigest().encode()


@dataclass(frozen=True)
class Site:
    """Ports of 127.0.0.1."""

    http_port: int
    echo_port: int


@contextlib.asynccontextmanager
async def serve_site() -> AsyncIterator[Site]:
    """`GET /NAME/SIZE`, `POST /`, and a TCP port that gives back what it gets."""
    echo = await asyncio.start_server(_echo, "127.0.0.1", 0)
    routes = [Route("/{name}/{size:int}", _give), Route("/", _take, methods=["POST"])]
    async with serve_app(Starlette(routes=routes)) as port, echo:
        yield Site(port, echo.sockets[0].getsockname()[1])


@contextlib.asynccontextmanager
async def serve_app(app: Starlette) -> AsyncIterator[int]:
    """Serve an application on a free port of 127.0.0.1."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", access_log=False, lifespan="off")
    config.timeout_keep_alive = 600  # else requests would now and then meet the end of an idle connection
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # they are the soak's own
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- it has no event for it
        await asyncio.sleep(0.02)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await serving


async def _give(request: Request) -> Response:
    size = min(request.path_params["size"], MOST_BYTES)
    return Response(content(request.path_params["name"], size), media_type="application/octet-stream")


async def _take(request: Request) -> Response:
    return Response(receipt(await request.body()))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
