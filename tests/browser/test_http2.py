"""`mixFetch` in Chromium speaks HTTP/2 to hypercorn: many requests over one TLS connection, each aborted alone."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from support.http_server import Conversation, HttpServer, Received, serve_answers
from support.hypercorn_server import Http2Server, serve_http2
from support.threaded import in_thread
from support.tls_server import authority, certificate, pem_of, server_context

from .conftest import NO_COVER, Playground, read_json, watch


@pytest.fixture(scope="module")
def server() -> Iterator[Http2Server]:
    with in_thread(serve_http2("127.0.0.1")) as running:
        yield running


@pytest.fixture(scope="module")
def page(browser: Any, playground: Playground, server: Http2Server) -> Iterator[Any]:
    told = read_json(f"{playground.url}playground.json")
    authorities = [*told["caCertificates"], pem_of(authority())]
    options = {"directoryUrl": f"{playground.url}api", "caCertificates": authorities, **NO_COVER}
    with watch(browser, playground) as watched_page:

        def run(code: str) -> Any:
            script = f"""async (values) => {{
              const {{ mixFetch, setupMixTunnel }} = await import("/mix-fetch/index.js");
              const {{ options, site }} = values;
              {code}
            }}"""
            return watched_page.page.evaluate(script, {"options": options, "site": server.url().rstrip("/")})

        run("await setupMixTunnel(options)")
        yield run


def test_the_server_sees_http2_and_one_connection(page: Any, server: Http2Server):
    got = page("""
      const answers = await Promise.all(Array.from({ length: 20 }, () => mixFetch(site + "/version")));
      return Promise.all(answers.map(async (answer) => [answer.status, answer.statusText, await answer.json()]));
    """)
    assert got == [[200, "", {"version": "2", "method": "GET"}]] * 20
    assert (len(server.peers), server.handshakes) == (1, 1)


def test_one_of_many_is_aborted_alone(page: Any, server: Http2Server):
    got = page("""
      const controller = new AbortController();
      const endless = await mixFetch(site + "/endless", { signal: controller.signal });
      const reader = endless.body.getReader();
      await reader.read();
      const bytes = mixFetch(site + "/bytes/300000").then((answer) => answer.arrayBuffer());
      controller.abort();
      const rest = async () => { while (!(await reader.read()).done) {} };
      return [await rest().catch((error) => error.name), (await bytes).byteLength];
    """)
    assert got == ["AbortError", 300_000]
    assert server.handshakes == 1


def test_an_upload(page: Any, server: Http2Server):
    size = page("""
      const answer = await mixFetch(site + "/echo", { method: "POST", body: new Uint8Array(200_000) });
      return (await answer.arrayBuffer()).byteLength;
    """)
    assert size == 200_000
    assert server.handshakes == 1


@pytest.fixture(scope="module")
def leaving() -> Iterator[tuple[HttpServer, ssl.SSLContext]]:
    """A server that closes its connection after each answer."""
    context = server_context(certificate("127.0.0.1"), alpn=["http/1.1"])

    async def answer(conversation: Conversation, received: Received) -> None:
        await conversation.respond(body=b"bye", Connection="close")
        conversation.writer.close()

    with in_thread(serve_answers(answer, context)) as running:
        yield running, context


def test_new_connections_take_the_tls_session_up(page: Any, leaving: tuple[HttpServer, ssl.SSLContext]):
    site, context = leaving
    got = page(f"""
      const texts = [];
      for (let n = 0; n < 3; n++) texts.push(await (await mixFetch("{site.url()}")).text());
      return texts;
    """)
    assert got == ["bye"] * 3
    stats = context.session_stats()
    assert (stats["accept_good"], stats["hits"]) == (3, 2)
