"""The page's files and its data as routes of the directory's application."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from mix_protocol.codec.json import encode_json

PATH = "/status/"
_FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "picture.js": ("picture.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def status_routes(watch: Callable[[int], dict[str, Any]]) -> list[BaseRoute]:
    """Routes for `create_app`.

    watch -- gives what the page shows, with the steps of packets after the one with this number
    """

    def serve(name: str) -> Callable[[Request], Any]:
        file, media_type = _FILES[name]
        content = files(__package__).joinpath(file).read_bytes()

        async def endpoint(_: Request) -> Response:
            return Response(content, media_type=media_type, headers=_HEADERS)

        return endpoint

    async def data(request: Request) -> Response:
        text = request.query_params.get("after", "0")
        after = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        return Response(encode_json(watch(after)), media_type="application/json", headers=_HEADERS)

    async def to_page(_: Request) -> Response:
        return RedirectResponse(PATH)

    return [
        *(Route(PATH + name, serve(name), methods=["GET"]) for name in _FILES),
        Route(f"{PATH}data.json", data, methods=["GET"]),
        Route("/", to_page, methods=["GET"]),
    ]
