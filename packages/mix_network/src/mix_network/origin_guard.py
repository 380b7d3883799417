"""Keeps foreign web pages from an ASGI application on loopback."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mix_network.origins import Origins


class OriginGuard:
    """Middleware that answers 403 to requests that come by another site's name, or from its pages."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._allows(scope):
            await self._app(scope, receive, send)
            return
        error = "only pages and names of this machine are served; mix-network up --allow-origin adds others"
        await JSONResponse({"error": error}, 403, {"X-Content-Type-Options": "nosniff"})(scope, receive, send)

    def _allows(self, scope: Scope) -> bool:
        # Under TLS the certificate, which is good for names of this machine alone, has shown the browser already that
        # it was not led here by another name; who told it not to look may use what name he likes.
        hosts = [] if scope["scheme"] == "https" else _values(scope, b"host")
        return self._origins.allows(_values(scope, b"origin"), hosts)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
