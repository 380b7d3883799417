"""A small web site to fetch: text, JSON, an echo, big, slow, compressed and broken answers. It remembers who came."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import logging
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import brotli
from backports import zstd
from demo_sockets import ROUTES as SOCKET_ROUTES
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_BYTES = 100_000_000
MAX_ECHO_BYTES = 10_000_000
_BLOCK = 65_536
_SLOW_PIECES = 600
_SLOW_PAUSE_S = 0.1
_MAX_DELAY_MS = 30_000
_ENCODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}

WELCOME = """\
<!doctype html>
<html lang="en">
<title>Demo site</title>
<h1>It works</h1>
<p>{way}</p>
</html>
"""
THROUGH = """This page travelled through an entry gateway, three mix nodes and an exit gateway.
To this server you are {peer}: the exit, not your browser."""
DIRECTLY = """This page came without the tunnel.
To this server you are {peer}: your browser."""


def pattern(size: int) -> bytes:
    """`size` bytes that do not repeat and are the same each time."""
    return hashlib.shake_256(b"demo").digest(size)


@dataclass
class Visitors:
    """Which addresses have asked for something, and how often."""

    requests: dict[str, int] = field(default_factory=dict)

    def count(self, address: str) -> None:
        self.requests[address] = self.requests.get(address, 0) + 1


class CountVisitors:
    """Middleware that writes every request down in `Visitors`."""

    def __init__(self, app: ASGIApp, visitors: Visitors) -> None:
        self._app = app
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["client"]:
            self._visitors.count(scope["client"][0])
        await self._app(scope, receive, send)


async def welcome(request: Request) -> Response:
    assert request.client is not None
    way = DIRECTLY if request.scope.get("root_path") else THROUGH
    return HTMLResponse(WELCOME.format(way=way.format(peer=request.client.host)))


async def answer_json(request: Request) -> Response:
    assert request.client is not None
    headers = [list(pair) for pair in request.headers.items()]
    return JSONResponse({"method": request.method, "you": request.client.host, "headers": headers})


async def echo(request: Request) -> Response:
    """What came, described; the body as text where it is text."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_ECHO_BYTES:
            return JSONResponse({"error": f"the echo takes {MAX_ECHO_BYTES} bytes at most"}, status_code=413)
    described = {
        "method": request.method,
        "type": request.headers.get("content-type"),
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "body": body.decode(errors="replace") if len(body) <= _BLOCK else None,
    }
    return JSONResponse(described)


async def some_bytes(request: Request) -> Response:
    """`size` bytes of the pattern, and their hash (`Repr-Digest`, RFC 9530)."""
    size = min(request.path_params["size"], MAX_BYTES)
    body = await asyncio.to_thread(pattern, size)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(body).digest())

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, _BLOCK):
            yield body[start : start + _BLOCK]

    headers = {"content-length": str(size), "repr-digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}
    return StreamingResponse(pieces(), headers=headers, media_type="application/octet-stream")


async def slow(request: Request) -> Response:
    """A line ten times a second, for a minute."""

    async def lines() -> AsyncIterator[bytes]:
        for number in range(_SLOW_PIECES):
            yield f"line {number}\n".encode()
            await asyncio.sleep(_SLOW_PAUSE_S)

    return StreamingResponse(lines(), media_type="text/plain")


async def redirect(request: Request) -> Response:
    """So many redirects, then the welcome page."""
    left = request.path_params["count"]
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/redirect/{left - 1}" if left > 1 else f"{root}/", status_code=302)


async def delay(request: Request) -> Response:
    """An answer that is late by so many milliseconds."""
    late_ms = min(request.path_params["late_ms"], _MAX_DELAY_MS)
    await asyncio.sleep(late_ms / 1000)
    return JSONResponse({"late_ms": late_ms})


async def encoded(request: Request) -> Response:
    """A text that is compressed in one of the ways that HTTP knows."""
    coding = request.path_params["coding"]
    if coding not in _ENCODERS:
        return JSONResponse({"error": f"the codings are {', '.join(_ENCODERS)}"}, status_code=404)
    lines = "".join(f"line {number} of a text that was sent with {coding}\n" for number in range(1, 201))
    return Response(_ENCODERS[coding](lines.encode()), headers={"content-encoding": coding}, media_type="text/plain")


async def cookies(request: Request) -> Response:
    """Two headers of the same name."""
    response = JSONResponse({"cookies": 2})
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


async def status(request: Request) -> Response:
    """Any status code."""
    return Response(status_code=request.path_params["code"])


class CutOnPurpose(ConnectionError):
    """Makes the server close a connection in the middle of an answer."""


def is_worth_logging(record: logging.LogRecord) -> bool:
    """A filter for the server's log."""
    return record.exc_info is None or not isinstance(record.exc_info[1], CutOnPurpose)


class CutBody:
    """Promises 1,000 bytes, sends 500 and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 500, "more_body": True})
        raise CutOnPurpose


def make_demo_site(visitors: Visitors, more_routes: Sequence[BaseRoute] = ()) -> ASGIApp:
    """The site; it writes into `visitors`."""
    everything = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    routes = [
        Route("/", welcome),
        Route("/json", answer_json),
        Route("/echo", echo, methods=everything),
        Route("/bytes/{size:int}", some_bytes),
        Route("/slow", slow),
        Route("/delay/{late_ms:int}", delay),
        Route("/encoded/{coding}", encoded),
        Route("/redirect/{count:int}", redirect),
        Route("/cookies", cookies),
        Route("/status/{code:int}", status, methods=everything),
        Route("/cut", CutBody()),
    ]
    return CountVisitors(Starlette(routes=[*routes, *SOCKET_ROUTES, *more_routes]), visitors)
