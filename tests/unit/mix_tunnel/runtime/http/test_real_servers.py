"""The HTTP client against servers that others wrote: uvicorn with Starlette, and the standard library's."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import json
import socket
import threading
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from support.kernel_tunnel import kernel_tunnel
from support.tls_server import certificate

from mix_fetch import mix_fetch
from mix_tunnel.runtime.http.errors import BodyCut

BODY = hashlib.shake_256(b"body").digest(2_000_000)


async def stream(request: Request) -> Response:
    async def pieces():
        for start in range(0, len(BODY), 7_777):
            yield BODY[start : start + 7_777]

    return StreamingResponse(pieces())


async def broken(request: Request) -> Response:
    async def pieces():
        yield b"half"
        raise ConnectionError

    return StreamingResponse(pieces())


async def digest(request: Request) -> Response:
    hasher = hashlib.sha256()
    async for piece in request.stream():
        hasher.update(piece)
    return JSONResponse({"method": request.method, "sha256": hasher.hexdigest(), "headers": dict(request.headers)})


async def form(request: Request) -> Response:
    return RedirectResponse("/digest", status_code=303)


APP = Starlette(
    routes=[
        Route("/stream", stream),
        Route("/broken", broken),
        Route("/digest", digest, methods=["GET", "POST", "PUT", "DELETE"]),
        Route("/form", form, methods=["POST"]),
    ]
)


@asynccontextmanager
async def serve(tmp_path, *, tls: bool):
    """Run uvicorn on a free port."""
    files = {}
    if tls:
        leaf = certificate("demo.test")
        chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
        chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key.write_bytes(leaf.private_key_pem.bytes())
        files = {"ssl_certfile": str(chain), "ssl_keyfile": str(key)}
    server = uvicorn.Server(uvicorn.Config(APP, log_level="critical", lifespan="off", **files))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for this
            await asyncio.sleep(0.005)
        try:
            yield f"{'https' if tls else 'http'}://demo.test:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.mark.parametrize("tls", [False, True])
async def test_uvicorn(tmp_path, tls):
    async def pieces():
        for start in range(0, len(BODY), 10_000):
            yield BODY[start : start + 10_000]

    expected = hashlib.sha256(BODY).hexdigest()
    async with kernel_tunnel() as tunnel, serve(tmp_path, tls=tls) as site:
        down = await (await mix_fetch(site + "/stream", tunnel=tunnel)).bytes()
        assert hashlib.sha256(down).hexdigest() == expected
        for body in (BODY, pieces()):
            up = await (await mix_fetch(site + "/digest", method="PUT", body=body, tunnel=tunnel)).json()
            assert (up["method"], up["sha256"]) == ("PUT", expected)
        after = await mix_fetch(site + "/form", method="POST", body=b"a=b", tunnel=tunnel)
        assert after.redirected
        assert (await after.json())["method"] == "GET"
        head = await mix_fetch(site + "/stream", method="HEAD", tunnel=tunnel)
        assert (head.status, await head.bytes()) == (200, b"")
        missing = await mix_fetch(site + "/missing", tunnel=tunnel)
        assert (missing.status, await missing.text()) == (404, "Not Found")
        with pytest.raises(BodyCut):
            await (await mix_fetch(site + "/broken", tunnel=tunnel)).bytes()
        many = await asyncio.gather(*(mix_fetch(site + "/digest", tunnel=tunnel) for _ in range(30)))
        assert [response.status for response in many] == [200] * 30
        assert tunnel.http.transport.pool.idle <= 6


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
async def test_the_standard_librarys_server(tmp_path, protocol):
    (tmp_path / "file").write_bytes(BODY)

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = protocol

        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path))

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            async with kernel_tunnel() as tunnel:
                for _ in range(2):
                    response = await mix_fetch(f"http://demo.test:{server.server_port}/file", tunnel=tunnel)
                    assert hashlib.sha256(await response.bytes()).digest() == hashlib.sha256(BODY).digest()
                assert tunnel.http.transport.pool.idle == (1 if protocol == "HTTP/1.1" else 0)
        finally:
            await asyncio.to_thread(server.shutdown)
            thread.join()


NODE_SERVERS = """
const http = require("node:http");
let listening = 0;
const servers = Array.from({ length: 24 }, () => {
  const server = http.createServer((request, response) => request.resume().on("end", () => response.end("ok")));
  server.keepAliveTimeout = 1_000;
  return server.listen(0, "127.0.0.1", () => {
    if (++listening === servers.length) console.log(JSON.stringify(servers.map((each) => each.address().port)));
  });
});
"""


async def test_no_post_is_lost_when_nodes_servers_close_idle_connections():
    """Node's server says `Keep-Alive: timeout=1` and closes then, perhaps while the next request is under way."""
    process = await asyncio.create_subprocess_exec("node", "-e", NODE_SERVERS, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        ports = json.loads(await process.stdout.readline())

        async def post_twice(tunnel, port, pause_s):
            url = f"http://127.0.0.1:{port}/"
            first = await (await mix_fetch(url, method="POST", body=b"{}", tunnel=tunnel)).text()
            await asyncio.sleep(pause_s)
            return first, await (await mix_fetch(url, method="POST", body=b"{}", tunnel=tunnel)).text()

        async with kernel_tunnel() as tunnel:
            pairs = [post_twice(tunnel, port, 0.3 + index * 0.05) for index, port in enumerate(ports)]
            assert await asyncio.gather(*pairs) == [("ok", "ok")] * len(ports)
    finally:
        process.kill()
        await process.wait()
