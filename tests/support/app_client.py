"""Asks an ASGI application without a server in between."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


class AppClient:
    """Requests one by one, as from a page or program of this machine."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        content: str | bytes | None = None,
        base_url: str = "http://localhost:8000",
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
                return await client.request(method, path, headers=headers, content=content)

        return asyncio.run(send())

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, headers)

    def options(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("OPTIONS", path, headers)

    def put(self, path: str, content: str | bytes) -> httpx.Response:
        return self.request("PUT", path, content=content)

    def post(self, path: str, content: str | bytes) -> httpx.Response:
        return self.request("POST", path, content=content)
