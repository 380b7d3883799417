"""What the examples run in: a mixnet of their own with a small web site and a WebSocket echo behind it.

Your program needs none of this: it begins with `await setup_mix_tunnel()`, which takes Nym's mainnet.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mix_network import LocalNetwork, NetworkOptions

NAME = "demo.test"


@dataclass(frozen=True)
class Surroundings:
    """Where the directory and the demo site are, and the network itself."""

    directory_url: str
    site: str
    echo: str
    network: LocalNetwork


async def show_request(request: Request) -> Response:
    """What arrived: who seems to ask, and with which headers."""
    peer = request.client.host if request.client else "nobody"
    return JSONResponse({"you seem to be": peer, "headers": dict(request.headers)})


async def count(request: Request) -> Response:
    """A body that comes in pieces."""

    async def lines() -> AsyncIterator[bytes]:
        for number in range(5):
            yield json.dumps({"line": number}).encode() + b"\n"

    return StreamingResponse(lines(), media_type="application/jsonl")


async def echo(socket: WebSocket) -> None:
    """Every message back."""
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


@asynccontextmanager
async def local_surroundings(mixes: str = "3x1") -> AsyncIterator[Surroundings]:
    """Start the mixnet and the site; stop both at the end."""
    site = Starlette(routes=[Route("/", show_request), Route("/lines", count), WebSocketRoute("/echo", echo)])
    server = uvicorn.Server(uvicorn.Config(site, host="127.0.0.1", port=0, log_level="error", timeout_keep_alive=75))
    hosts = {NAME: (ip_address("127.0.0.1"),)}
    async with LocalNetwork(NetworkOptions(allow_local=True, hosts=hosts, dns="none", mixes=mixes)) as network:
        config = server.config
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        try:
            port = server.servers[0].sockets[0].getsockname()[1]
            site_url, echo_url = f"http://{NAME}:{port}", f"ws://{NAME}:{port}/echo"
            yield Surroundings(network.directory_url, site_url, echo_url, network)
        finally:
            await server.shutdown()
