"""Serves web/dist under a strict Content-Security-Policy, and passes the directory on at /api.

So the page and its worker speak to this origin and to the entry gateway, and to nothing else. What they ask for
directly, to compare, is a copy of the demo site at /site.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from example_pages import ExamplePages
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from static_files import CompressedFiles

from mix_network.origin_guard import OriginGuard
from mix_network.origins import Origins

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self' ws://127.0.0.1:*; style-src 'self'; img-src 'self'; "
    # These have no fallback in default-src.
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
DIRECT_PATH = "/site"
"""Where the page finds the demo site without the tunnel."""
EXAMPLES = Path(__file__).resolve().parent / "examples"
_MAX_LINK_BYTES = 1024
_PASSED_ON = ("accept", "content-type")
_DOCUMENT = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")
"""The path of a document below /api: no dots, by which another path could be meant in the end."""

for suffix, kind in {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}.items():
    mimetypes.add_type(kind, suffix)
mimetypes.add_type("application/zip", ".whl")


class SecurityHeaders:
    """Middleware that puts `HEADERS` on every answer, where it has none of the same name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in self._headers if pair[0] not in given)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Network:
    """What the page may know of the local network: its directory, and the counters of its nodes.

    transport -- instead of the network
    """

    def __init__(self, directory_url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._directory_url = directory_url.rstrip("/")
        root = self._directory_url.removesuffix("/api")
        self._metrics_url, self._link_url = f"{root}/metrics.json", f"{root}/link"
        self._client = httpx.AsyncClient(timeout=30, trust_env=False, transport=transport)

    async def directory(self, request: Request) -> Response:
        """One document of the directory, and nothing else that its server has."""
        if not _DOCUMENT.fullmatch(request.path_params["path"]):
            raise HTTPException(404)
        url = httpx.URL(f"{self._directory_url}/{request.path_params['path']}", query=request.url.query.encode())
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        return await self._pass_on(url, headers)

    async def metrics(self, request: Request) -> Response:
        """The counters of every node and the exit's flow table."""
        return await self._pass_on(httpx.URL(self._metrics_url), {})

    async def link(self, request: Request) -> Response:
        """Switch the emulated links."""
        return await self._pass_on(httpx.URL(self._link_url), {}, "PUT", (await request.body())[:_MAX_LINK_BYTES])

    async def _pass_on(
        self, url: httpx.URL, headers: Mapping[str, str], method: str = "GET", body: bytes = b""
    ) -> Response:
        try:
            answer = await self._client.request(method, url, headers=headers, content=body)
        except httpx.HTTPError as error:
            return JSONResponse({"error": f"the directory does not answer: {type(error).__name__}"}, status_code=502)
        kind = answer.headers.get("content-type", "application/octet-stream")
        return Response(answer.content, answer.status_code, {"content-type": kind})


def make_page_server(
    dist: Path,
    *,
    directory_url: str,
    config: Mapping[str, Any],
    visitors: Callable[[], Mapping[str, int]],
    direct_site: ASGIApp,
) -> ASGIApp:
    """The playground's own web server.

    config -- what `playground.json` says to the page
    visitors -- who has been at the demo site, told at `visitors.json`
    direct_site -- the demo site once more, for requests that don't go through the tunnel
    """
    network = Network(directory_url)
    examples = ExamplePages(EXAMPLES, CONTENT_SECURITY_POLICY)

    async def tell_config(request: Request) -> Response:
        options = {**config["tunnelOptions"], "directoryUrl": f"{request.base_url}api"}
        return JSONResponse({**config, "tunnelOptions": options})

    async def tell_visitors(request: Request) -> Response:
        return JSONResponse(visitors())

    routes = [
        Route("/playground.json", tell_config),
        Route("/visitors.json", tell_visitors),
        Route("/network.json", network.metrics),
        Route("/link", network.link, methods=["PUT"]),
        Route("/api/{path:path}", network.directory, methods=["GET"]),
        Route("/examples/{name}", examples.answer),
        Mount(DIRECT_PATH, direct_site),
        Mount("/", CompressedFiles(directory=dist, html=True)),
    ]
    # Through the network the page reaches this machine's services: no other site may use that.
    only_own = Middleware(OriginGuard, Origins(only_local=True))
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), only_own])
