"""The answer to a fetch, with the Fetch standard's names in Python's spelling."""

from __future__ import annotations

import builtins
import codecs
import json
from collections.abc import AsyncIterator
from email.message import Message
from typing import Any

from mix_fetch.errors import BodyNotJson, BodyUsed
from mix_fetch.headers import Headers
from mix_tunnel.api import StreamedResponse


class Response:
    """Status and headers are here; the body arrives when it is asked for.

    Read it whole by `bytes`, `text` or `json` (as often as wanted), or once piece by piece with `async for`. Leaving
    it unread, or the block of `async with`, gives the rest up and tells the server to stop.
    """

    def __init__(self, streamed: StreamedResponse) -> None:
        self._streamed = streamed
        self._content: builtins.bytes | None = None
        self._used = False
        self.status = streamed.status
        self.status_text = streamed.reason
        self.http_version = streamed.http_version
        self.headers = Headers(streamed.headers)
        self.url = streamed.url
        """The URL that answered, after redirects."""
        self.redirected = streamed.redirected

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def body_used(self) -> bool:
        """Whether reading the body has begun."""
        return self._used

    @property
    def charset(self) -> str:
        """The text encoding that Content-Type names, or UTF-8."""
        message = Message()
        message["content-type"] = self.headers.get("content-type", "")
        name = message.get_param("charset")
        try:
            return codecs.lookup(name).name if isinstance(name, str) else "utf-8"
        except (LookupError, ValueError):
            return "utf-8"

    async def bytes(self) -> builtins.bytes:
        """Wait for the whole body. Raises `BodyCut` when it ends too early, `BodyUsed` after piecewise reading."""
        if self._content is None:
            pieces = [piece async for piece in self]
            self._content = b"".join(pieces)
        return self._content

    async def text(self) -> str:
        """Wait for the whole body as text; what can't be decoded becomes U+FFFD."""
        text = (await self.bytes()).decode(self.charset, errors="replace")
        return text.removeprefix("\ufeff")

    async def json(self) -> Any:
        """Wait for the whole body as JSON; raises `BodyNotJson`."""
        try:
            return json.loads(await self.bytes())
        except ValueError as error:
            raise BodyNotJson from error

    async def __aiter__(self) -> AsyncIterator[builtins.bytes]:
        if self._used:
            raise BodyUsed
        self._used = True
        while piece := await self._streamed.read():
            yield piece

    async def aclose(self) -> None:
        """Give up what has not been read. Idempotent."""
        await self._streamed.aclose()

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Response {self.status}>"
