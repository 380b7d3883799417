"""`mix_fetch` over real HTTP, DNS and TLS, without a mixnet below."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from support.http_server import serve_answers, serve_conversations
from support.kernel_tunnel import kernel_tunnel
from support.tls_server import certificate, server_context

import mix_fetch as package
from mix_fetch import HttpTimeouts, fetch, mix_fetch
from mix_fetch.errors import BadArgument, BodyNotJson, BodyUsed
from mix_protocol.errors import MixError, NetworkFailure, UsageError
from mix_tunnel.runtime.http.errors import BodyCut


async def echo(conversation, received):
    kind = received.headers.get("content-type", "application/octet-stream")
    await conversation.respond(body=received.body, Content_Type=kind, X_Method=received.method)


async def test_a_get_over_https():
    async with (
        kernel_tunnel() as tunnel,
        serve_answers(echo, server_context(certificate("demo.test"))) as server,
    ):
        response = await mix_fetch(f"https://demo.test:{server.port}/x", tunnel=tunnel)
        assert (response.status, response.ok, response.status_text) == (200, True, "Reason")
        assert response.headers["x-method"] == "GET"
        assert response.url == f"https://demo.test:{server.port}/x"
        assert not response.redirected
        assert not response.body_used
        assert await response.bytes() == b""
        assert response.body_used


async def test_the_body_can_be_read_whole_in_every_form():
    async with kernel_tunnel() as tunnel, serve_answers(echo) as server:
        data = json.dumps({"ä": [1, None]}).encode()
        response = await mix_fetch(server.url(), method="POST", body=data, tunnel=tunnel)
        assert await response.bytes() == data
        assert await response.json() == {"ä": [1, None]}
        assert await response.text() == data.decode()


async def test_the_body_can_be_read_piece_by_piece_once():
    async with kernel_tunnel() as tunnel, serve_answers(echo) as server:
        response = await mix_fetch(server.url(), method="POST", body=bytes(300_000), tunnel=tunnel)
        assert sum([len(piece) async for piece in response]) == 300_000
        with pytest.raises(BodyUsed):
            await response.bytes()


async def test_text_is_sent_as_utf8():
    async with kernel_tunnel() as tunnel, serve_answers(echo) as server:
        response = await mix_fetch(server.url(), method="POST", body="grüß", tunnel=tunnel)
        assert response.headers["content-type"] == "text/plain;charset=UTF-8"
        assert await response.text() == "grüß"
        response = await mix_fetch(
            server.url(), method="POST", body="{}", headers={"content-type": "application/json"}, tunnel=tunnel
        )
        assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [bytearray(b"abc"), memoryview(b"abc"), b"abc"])
async def test_other_bodies(body):
    async with kernel_tunnel() as tunnel, serve_answers(echo) as server:
        assert await (await mix_fetch(server.url(), method="PUT", body=body, tunnel=tunnel)).bytes() == b"abc"


async def test_a_streamed_body():
    async def pieces():
        yield b"abc"
        yield b"def"

    async with kernel_tunnel() as tunnel, serve_answers(echo) as server:
        assert await (await mix_fetch(server.url(), method="PUT", body=pieces(), tunnel=tunnel)).bytes() == b"abcdef"


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("text/plain; charset=iso-8859-1", b"\xe4", "ä"),
        ("text/plain; charset=nonsense", "ä".encode(), "ä"),
        ("text/plain", b"\xef\xbb\xbfa\xff", "a\ufffd"),
        ('text/html; charset="utf-16le"', "hé".encode("utf-16-le"), "hé"),
    ],
)
async def test_the_text_encoding(kind, data, text):
    async with kernel_tunnel() as tunnel, serve_answers(echo) as server:
        headers = [("Content-Type", kind)]
        response = await mix_fetch(server.url(), method="POST", body=data, headers=headers, tunnel=tunnel)
        assert await response.text() == text


async def test_what_is_not_json():
    async with kernel_tunnel() as tunnel, serve_answers(echo) as server:
        response = await mix_fetch(server.url(), method="POST", body="<html>", tunnel=tunnel)
        with pytest.raises(BodyNotJson):
            await response.json()


async def test_errors_of_the_server_are_answers():
    async def answer(conversation, received):
        await conversation.respond(500, b"oh")

    async with kernel_tunnel() as tunnel, serve_answers(answer) as server:
        response = await mix_fetch(server.url(), tunnel=tunnel)
        assert (response.status, response.ok, await response.text()) == (500, False, "oh")


async def test_redirects():
    async def answer(conversation, received):
        if received.target == "/a":
            await conversation.respond(302, Location="/b")
            return
        await conversation.respond(body=b"there")

    async with kernel_tunnel() as tunnel, serve_answers(answer) as server:
        followed = await mix_fetch(server.url("/a"), tunnel=tunnel)
        assert (followed.url, followed.redirected) == (server.url("/b"), True)
        manual = await mix_fetch(server.url("/a"), redirect="manual", tunnel=tunnel)
        assert (manual.status, manual.headers["location"]) == (302, "/b")


async def test_a_cut_body():
    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    async with kernel_tunnel() as tunnel, serve_conversations(talk) as server:
        response = await mix_fetch(server.url(), tunnel=tunnel)
        with pytest.raises(BodyCut) as caught:
            await response.bytes()
        assert caught.value.code == "http.body_cut"


async def test_leaving_the_block_gives_the_rest_up():
    ended = asyncio.Event()

    async def talk(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
        try:
            await conversation.reader.read()
        except ConnectionResetError:
            ended.set()

    async with kernel_tunnel() as tunnel, serve_conversations(talk) as server:
        async with await mix_fetch(server.url(), tunnel=tunnel) as response:
            assert response.status == 200
        await ended.wait()


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": 1},
        {"body": 1},
        {"body": ["a"]},
        {"headers": {"a": 1}},
        {"headers": ["ab", "c"]},
        {"headers": 5},
        {"method": "GE T"},
        {"redirect": "maybe"},
        {"redirect": None},
        {"max_redirects": -1},
        {"max_redirects": "5"},
        {"timeout_s": 0},
        {"timeout_s": "soon"},
        {"timeouts": 5},
        {"integrity": None},
        {"credentials": "all"},
        {"decode": None},
        {"method": 5},
        {"url": "ftp://a.test/"},
        {"headers": {"a": "b\r\nc"}},
    ],
)
async def test_wrong_arguments_are_refused_at_once(arguments):
    async with kernel_tunnel() as tunnel:
        with pytest.raises((BadArgument, MixError)) as caught:
            await mix_fetch(**{"url": "http://a.test/", "tunnel": tunnel, **arguments})
        assert caught.value.code.startswith("fetch.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"timeout_s": -1}, "timeout_s must be a number of seconds above 0"),
        ({"body": 5}, "body must be text, bytes, or an asynchronous iterable of bytes"),
        ({"max_redirects": 1000}, "max_redirects must be a whole number from 0 to 100"),
    ],
)
async def test_a_refusal_says_which_and_what_is_allowed(arguments, sentence):
    async with kernel_tunnel() as tunnel:
        with pytest.raises(UsageError) as caught:
            await mix_fetch("http://a.test/", tunnel=tunnel, **arguments)
        assert str(caught.value) == sentence


async def test_a_limit_for_everything():
    async def half(conversation):
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await conversation.reader.read()

    async with kernel_tunnel() as tunnel, serve_conversations(half) as server:
        response = await mix_fetch(server.url(), timeout_s=2, timeouts=HttpTimeouts(idle_s=100), tunnel=tunnel)
        with pytest.raises(NetworkFailure) as caught:
            await response.bytes()
        assert caught.value.code.endswith("timed_out")


async def test_options_reach_the_engine():
    async def answer(conversation, received):
        await conversation.respond(302, b"there", Location=received.target + "x")

    async with kernel_tunnel() as tunnel, serve_answers(answer) as server:
        with pytest.raises(MixError) as caught:
            await mix_fetch(server.url(), max_redirects=1, tunnel=tunnel)
        assert (caught.value.code, len(server.requests)) == ("fetch.too_many_redirects", 2)
        with pytest.raises(MixError) as caught:
            await mix_fetch(server.url(), redirect="manual", integrity="sha256-" + "A" * 43 + "=", tunnel=tunnel)
        assert "integrity" in caught.value.code


async def test_a_body_as_it_was_on_the_wire():
    async def answer(conversation, received):
        await conversation.respond(200, gzip.compress(b"plain"), Content_Encoding="gzip")

    async with kernel_tunnel() as tunnel, serve_answers(answer) as server:
        decoded = await mix_fetch(server.url(), tunnel=tunnel)
        assert (await decoded.text(), "content-encoding" in decoded.headers) == ("plain", False)
        raw = await mix_fetch(server.url(), decode=False, tunnel=tunnel)
        assert (gzip.decompress(await raw.bytes()), raw.headers["content-encoding"]) == (b"plain", "gzip")


async def test_a_tunnel_by_name():
    with pytest.raises(MixError) as caught:
        await mix_fetch("http://a.test/", tunnel="no such tunnel")
    assert caught.value.code == "tunnel.not_set_up"
    with pytest.raises(MixError, match="tunnel must be"):
        await mix_fetch("http://a.test/", tunnel=5)


async def test_without_a_tunnel():
    with pytest.raises(MixError, match="setup_mix_tunnel"):
        await mix_fetch("http://a.test/")


def test_exports():
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert fetch is mix_fetch
    assert {"mix_fetch", "setup_mix_tunnel", "disconnect_mix_tunnel", "get_tunnel_state"} <= set(package.__all__)
