"""A directory between the clients and the network's own, which can be away, or lie."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from enum import StrEnum

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mix_protocol.codec import base58
from mix_protocol.crypto.randomness import RandomBytes
from soak.site import serve_app


class Honesty(StrEnum):
    """What the directory does with a question."""

    HONEST = "honest"
    AWAY = "away"
    """It answers 503, as a proxy whose server is down."""
    GARBAGE = "garbage"
    """It sends a document that is cut in the middle."""
    STALE = "stale"
    """It sends what it sent first, however old that is."""
    KEYS = "keys"
    """It sends Sphinx keys that belong to nobody."""


_KEY = re.compile(rb'("x25519_sphinx_pubkey":")([1-9A-HJ-NP-Za-km-z]{40,46})(")')


class Directory:
    """Stands in front of a directory; `honesty` says what it does from now on.

    url -- the real one's, as `mix-network up` prints it
    """

    def __init__(self, url: str, random: RandomBytes) -> None:
        self.honesty = Honesty.HONEST
        self.port = 0
        self._behind = url.removesuffix("/api")
        self._random = random
        self._first: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        """What clients are told."""
        return f"http://127.0.0.1:{self.port}/api"

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Answer until the block ends."""
        async with httpx.AsyncClient(base_url=self._behind, timeout=30.0) as client:

            async def answer(request: Request) -> Response:
                return await self._answer(client, request)

            async with serve_app(Starlette(routes=[Route("/{path:path}", answer)])) as self.port:
                yield

    async def _answer(self, client: httpx.AsyncClient, request: Request) -> Response:
        if self.honesty is Honesty.AWAY:
            return Response("away", 503)
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if self.honesty is Honesty.STALE and target in self._first:
            return Response(self._first[target], media_type="application/json")
        try:
            given = await client.get(target)
        except httpx.HTTPError:
            return Response("gone", 502)
        body = given.content
        self._first.setdefault(target, body)
        if self.honesty is Honesty.GARBAGE:
            body = body[: len(body) // 2]
        elif self.honesty is Honesty.KEYS:
            body = _KEY.sub(self._another_key, body)
        return Response(body, given.status_code, media_type=given.headers.get("content-type"))

    def _another_key(self, match: re.Match[bytes]) -> bytes:
        return match[1] + base58.encode(self._random(32)).encode() + match[3]
