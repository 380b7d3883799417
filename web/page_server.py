"""Serves web/dist under a strict Content-Security-Policy, and passes the directory on at /api.

So the page and its worker speak to this origin and to the entry gateway, and to nothing else.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self' ws://127.0.0.1:*; style-src 'self'; img-src 'self'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PASSED_ON = ("accept", "content-type")

for suffix, kind in {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}.items():
    mimetypes.add_type(kind, suffix)
mimetypes.add_type("application/zip", ".whl")


class SecurityHeaders:
    """Middleware that puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class DirectoryProxy:
    """Passes GETs under /api on to the directory."""

    def __init__(self, directory_url: str) -> None:
        self._directory_url = directory_url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=30, trust_env=False)

    async def answer(self, request: Request) -> Response:
        """Ask the directory for one document."""
        url = httpx.URL(f"{self._directory_url}/{request.path_params['path']}", query=request.url.query.encode())
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        try:
            answer = await self._client.get(url, headers=headers)
        except httpx.HTTPError as error:
            return JSONResponse({"error": f"the directory does not answer: {type(error).__name__}"}, status_code=502)
        kind = answer.headers.get("content-type", "application/octet-stream")
        return Response(answer.content, answer.status_code, {"content-type": kind})


def make_page_server(
    dist: Path, *, directory_url: str, config: Mapping[str, Any], visitors: Callable[[], Mapping[str, int]]
) -> ASGIApp:
    """The playground's own web server.

    config -- what `playground.json` says to the page
    visitors -- who has been at the demo site, told at `visitors.json`
    """

    async def tell_config(request: Request) -> Response:
        return JSONResponse(config)

    async def tell_visitors(request: Request) -> Response:
        return JSONResponse(visitors())

    routes = [
        Route("/playground.json", tell_config),
        Route("/visitors.json", tell_visitors),
        Route("/api/{path:path}", DirectoryProxy(directory_url).answer, methods=["GET"]),
        Mount("/", StaticFiles(directory=dist, html=True)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)])
