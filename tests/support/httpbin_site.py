"""httpbin over TLS, HTTP/2 and HTTP/1.1, on a free port of loopback."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.middleware import AsyncioWSGIMiddleware

from support.tls_server import certificate

MAX_BODY_BYTES = 1 << 20


def _write_certificate(folder: Path) -> tuple[str, str]:
    leaf = certificate("127.0.0.1")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(key)
    return str(chain), str(key)


def _with_a_piece(app: Any) -> Any:
    """The application, whose answers without a body have one empty piece: hypercorn makes 500 of those without any."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        answer = app(environ, start_response)
        try:
            pieces = iter(answer)
            yield next(pieces, b"")
            yield from pieces
        finally:
            answer.close()

    return application


@asynccontextmanager
async def httpbin_site() -> AsyncIterator[str]:
    """Serve it until the block ends; gives the origin, whose certificate is of our test authority."""
    from httpbin import app

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Config()
        config.certfile, config.keyfile = _write_certificate(Path(folder))
        config.bind = [f"fd://{listener.detach()}"]
        config.accesslog = config.errorlog = None
        # A server that drops idle connections may drop one in the moment when it is used again.
        config.keep_alive_timeout = 600
        stop = asyncio.Event()
        wrapped = AsyncioWSGIMiddleware(_with_a_piece(app), max_body_size=MAX_BODY_BYTES)
        serving = asyncio.create_task(serve(wrapped, config, shutdown_trigger=stop.wait))
        try:
            yield f"https://127.0.0.1:{port}"
        finally:
            stop.set()
            await asyncio.wait({serving})
