"""hypercorn, which speaks HTTP/2 and HTTP/1.1 over TLS, with an application that tells what it saw."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from support.tls_server import certificate, server_context

HTTP2_AND_1 = ("h2", "http/1.1")


@dataclass
class Http2Server:
    """A running server."""

    port: int = 0
    host: str = "demo.test"
    context: ssl.SSLContext | None = None
    peers: set[tuple[str, int]] = field(default_factory=set)
    """Addresses and ports of the connections that brought requests."""
    requests: list[str] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    """Paths of requests that the client gave up."""
    waiting: int = 0
    """Requests that wait in /wait."""
    open_gate: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/") -> str:
        return f"https://{self.host}:{self.port}{path}"

    @property
    def resumed(self) -> int:
        """TLS handshakes that took up an earlier session."""
        assert self.context is not None
        return self.context.session_stats()["hits"]

    @property
    def handshakes(self) -> int:
        assert self.context is not None
        return self.context.session_stats()["accept_good"]


class _Application:
    """Paths: /version, /bytes/N, /echo, /digest, /wait (until `open_gate`), /endless, /headers, /status/N, /teapots."""

    def __init__(self, server: Http2Server) -> None:
        self._server = server

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        server, path = self._server, scope["path"]
        server.peers.add(tuple(scope["client"]))
        server.requests.append(path)
        name, _, argument = path.strip("/").partition("/")
        answer = getattr(self, f"answer_{name}", self.answer_version)
        try:
            await answer(argument, scope, receive, send)
        except _GaveUpError:
            server.aborted.append(path)

    async def answer_version(self, argument: str, scope: Any, receive: Any, send: Any) -> None:
        await _respond(send, json.dumps({"version": scope["http_version"], "method": scope["method"]}).encode())

    async def answer_headers(self, argument: str, scope: Any, receive: Any, send: Any) -> None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        await _respond(send, json.dumps(headers).encode())

    async def answer_status(self, argument: str, scope: Any, receive: Any, send: Any) -> None:
        await _respond(send, b"" if argument in ("204", "304") else b"body", status=int(argument))

    async def answer_bytes(self, argument: str, scope: Any, receive: Any, send: Any) -> None:
        await _respond(send, hashlib.shake_256(b"pattern").digest(int(argument)))

    async def answer_echo(self, argument: str, scope: Any, receive: Any, send: Any) -> None:
        await _respond(send, b"".join([piece async for piece in _body(receive)]))

    async def answer_digest(self, argument: str, scope: Any, receive: Any, send: Any) -> None:
        hasher = hashlib.sha256()
        async for piece in _body(receive):
            hasher.update(piece)
        await _respond(send, hasher.hexdigest().encode())

    async def answer_wait(self, argument: str, scope: Any, receive: Any, send: Any) -> None:
        self._server.waiting += 1
        try:
            async for _ in _body(receive):
                pass
            gate = asyncio.ensure_future(self._server.open_gate.wait())
            gone = asyncio.ensure_future(receive())
            await asyncio.wait({gate, gone}, return_when=asyncio.FIRST_COMPLETED)
            gate.cancel()
            gone.cancel()
            if not self._server.open_gate.is_set():
                raise _GaveUpError
        finally:
            self._server.waiting -= 1
        await _respond(send, b"waited")

    async def answer_endless(self, argument: str, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.ensure_future(_until_gone(receive))
        while not gone.done():
            await send({"type": "http.response.body", "body": bytes(16_000), "more_body": True})
            await asyncio.sleep(0.001)
        raise _GaveUpError


class _GaveUpError(Exception):
    pass


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Any) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GaveUpError
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _respond(send: Any, body: bytes, *, status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode())] if status not in (204, 304) else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class TlsConfig(Config):
    """https on a free port of 127.0.0.1, with a TLS context of one's own."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context
        self.bind = ["127.0.0.1:0"]
        self.loglevel = "CRITICAL"
        self.graceful_timeout = 0.1
        self.keep_alive_timeout = 600  # so that it's never the server who ends an idle connection

    @property
    def ssl_enabled(self) -> bool:
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        return self._context


async def _end(task: asyncio.Task[None]) -> None:
    """Wait for the server to end; connections whose client has gone without a word would hold it up for long."""
    while True:
        connections = {other for other in asyncio.all_tasks() if "_server_callback" in repr(other.get_coro())}
        done, pending = await asyncio.wait({task, *connections}, timeout=1)
        for ended in done:
            if not ended.cancelled():
                ended.exception()  # what asyncio's TLS makes of such clients is of no interest
        if not pending:
            return
        for other in pending:
            other.cancel()


@asynccontextmanager
async def serve_http2(
    host: str = "demo.test", *, alpn: tuple[str, ...] = HTTP2_AND_1, app: Any = None, max_streams: int = 100
) -> AsyncIterator[Http2Server]:
    """Serve https on a free port of 127.0.0.1 with a certificate of our test authority for `host`."""
    server = Http2Server(host=host, context=server_context(certificate(host), alpn=list(alpn)))
    assert server.context is not None
    config = TlsConfig(server.context)
    config.h2_max_concurrent_streams = max_streams
    sockets = config.create_sockets()
    server.port = sockets.secure_sockets[0].getsockname()[1]
    config.create_sockets = lambda: sockets  # type: ignore[method-assign]
    over = asyncio.Event()
    task = asyncio.create_task(hypercorn_serve(app or _Application(server), config, shutdown_trigger=over.wait))
    try:
        yield server
    finally:
        server.open_gate.set()
        over.set()
        await _end(task)
