"""The directory's web server."""

import ssl
from datetime import UTC, datetime

import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mix_network.directory.certificates import issue_server_certificate
from mix_network.directory.server import DirectoryServer
from mix_network.http.front import KEEP_ALIVE_S


async def hello(request: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def test_http_and_https_say_the_same():
    certificate = issue_server_certificate(["127.0.0.1"], datetime.now(UTC))
    server = DirectoryServer(Starlette(routes=[Route("/", hello)]), certificate)
    await server.start()
    context = ssl.create_default_context(cadata=certificate.authority_pem.decode())
    async with httpx.AsyncClient(verify=context, timeout=60) as client:
        for url in (f"http://127.0.0.1:{server.http_port}/", f"https://127.0.0.1:{server.https_port}/"):
            assert (await client.get(url)).text == "hello"
    await server.close()


async def test_a_client_gives_an_idle_connection_up_before_the_directory_does():
    pool = httpx.AsyncHTTPTransport()._pool
    assert 0 < pool._keepalive_expiry < KEEP_ALIVE_S
