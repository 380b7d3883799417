"""Plain http: warned about once, or refused, in redirects too."""

from __future__ import annotations

import logging

import pytest
from support.http_client import loopback_client
from support.http_server import serve_answers
from support.tls_server import certificate, server_context

from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.http.errors import InsecureRedirect, PlainHttpRefused
from mix_tunnel.runtime.http.options import HttpOptions

HTTPS_ONLY = HttpOptions(https_only=True)


async def greet(conversation, received):
    await conversation.respond(body=b"hello")


def to(url: str):
    async def redirect(conversation, received):
        await conversation.respond(302, Location=url)

    return redirect


def tls():
    return server_context(certificate("demo.test"), alpn=["http/1.1"])


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "mix_tunnel"]


async def test_a_warning_once(caplog):
    async with loopback_client() as client, serve_answers(greet) as server:
        for _ in range(3):
            assert await client.get(server.url("/secret-path")) == b"hello"
    (warning,) = warnings(caplog)
    assert "the exit can read" in warning
    assert "secret-path" not in warning
    assert "127.0.0.1" not in warning


async def test_a_redirect_from_https_is_warned_about(caplog):
    async with (
        loopback_client() as client,
        serve_answers(greet) as plain,
        serve_answers(to(plain.url()), tls()) as secure,
    ):
        secure.host = "demo.test"
        for _ in range(2):
            assert await client.get(secure.url()) == b"hello"
    (warning,) = warnings(caplog)
    assert "redirected from https" in warning


async def test_https_is_nothing_to_warn_about(caplog):
    async with loopback_client(HTTPS_ONLY) as client, serve_answers(greet, tls()) as server:
        server.host = "demo.test"
        with caplog.at_level(logging.DEBUG):
            assert await client.get(server.url()) == b"hello"
    assert warnings(caplog) == []


async def test_refused_before_anything_is_sent():
    async with loopback_client(HTTPS_ONLY) as client, serve_answers(greet) as server:
        with pytest.raises(PlainHttpRefused):
            await client.fetch(server.url())
        assert client.network.streams == []


async def test_refused_in_a_redirect():
    async with (
        loopback_client(HTTPS_ONLY) as client,
        serve_answers(greet) as plain,
        serve_answers(to(plain.url()), tls()) as secure,
    ):
        secure.host = "demo.test"
        with pytest.raises(InsecureRedirect):
            await client.fetch(secure.url())
        assert plain.connections == 0
        # Whoever looks at redirects himself still gets this one.
        assert (await client.fetch(secure.url(), redirect="manual")).status == 302


def test_the_tunnels_option():
    assert HttpOptions.from_tunnel(TunnelOptions(https_only=True)).https_only
    assert not HttpOptions.from_tunnel(TunnelOptions()).https_only
