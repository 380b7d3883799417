"""Cookies in whole fetches: redirects store and send them too."""

from __future__ import annotations

import time

import pytest
from support.http_client import loopback_client
from support.http_server import serve_answers

from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.cookies.jar import MAX_PER_SITE


@pytest.fixture
def jar() -> CookieJar:
    return CookieJar(time.time)


async def answer(conversation, received):
    """/set sets a cookie; /login sets one and redirects to /; /away?URL redirects there."""
    path, _, query = received.target.partition("?")
    if path == "/set":
        await conversation.respond(Set_Cookie="a=1; Path=/")
    elif path == "/login":
        await conversation.respond(302, Location="/", Set_Cookie="session=secret; HttpOnly")
    elif path == "/away":
        await conversation.respond(307, Location=query, Set_Cookie="left=1; Path=/")
    elif path == "/flood":
        cookies = "".join(f"Set-Cookie: {n}={'x' * 10}\r\n" for n in range(8_000))
        await conversation.send(f"HTTP/1.1 200 OK\r\n{cookies}Content-Length: 0\r\n\r\n".encode())
    else:
        await conversation.respond(body=received.headers.get("cookie", "").encode())


async def test_off_by_default():
    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url("/set"))
        assert response.header("set-cookie") == "a=1; Path=/"
        assert await client.get(server.url(), credentials="include") == b""


async def test_a_cookie_comes_back(jar):
    async with loopback_client(cookies=jar) as client, serve_answers(answer) as server:
        await client.get(server.url("/set"))
        assert await client.get(server.url()) == b"a=1"
        assert await client.get(server.url(), credentials="omit") == b""
        assert await client.get(server.url(), headers=[("Cookie", "own=1")]) == b"own=1"
        jar.clear()
        assert await client.get(server.url()) == b""


async def test_nothing_is_stored_by_a_fetch_that_omits(jar):
    async with loopback_client(cookies=jar) as client, serve_answers(answer) as server:
        await client.get(server.url("/set"), credentials="omit")
        assert len(jar) == 0


async def test_a_redirects_cookie_goes_with_the_next_request(jar):
    async with loopback_client(cookies=jar) as client, serve_answers(answer) as server:
        assert await client.get(server.url("/login")) == b"session=secret"
        assert [each["http_only"] for each in jar.export()] == [True]


async def test_another_origin_gets_its_cookies_only_with_include(jar):
    async with (
        loopback_client(names=("other.test",), cookies=jar) as client,
        serve_answers(answer) as here,
        serve_answers(answer) as there,
    ):
        there.host = "other.test"
        await client.get(there.url("/set"))
        away = here.url("/away?" + there.url("/echo"))
        assert await client.get(away) == b""
        assert await client.get(away, credentials="include") == b"a=1"
        assert b"left" not in await client.get(there.url("/echo"))


async def test_a_flood(jar):
    async with loopback_client(cookies=jar) as client, serve_answers(answer) as server:
        await client.get(server.url("/flood"))
        assert len(jar) == MAX_PER_SITE
        sent = await client.get(server.url())
        assert sent.startswith(b"7820=")
        assert sent.count(b"=") == MAX_PER_SITE
