"""`mix_fetch` over real HTTP, DNS and TLS, without a mixnet below."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.http_server import serve_answers, serve_conversations
from support.kernel_tunnel import kernel_tunnel
from support.tls_server import certificate, server_context

import mix_fetch as package
from mix_fetch import mix_fetch
from mix_fetch.errors import BadArgument, BodyNotJson, BodyUsed
from mix_protocol.errors import MixError
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
        {"url": "ftp://a.test/"},
        {"headers": {"a": "b\r\nc"}},
    ],
)
async def test_wrong_arguments_are_refused_at_once(arguments):
    async with kernel_tunnel() as tunnel:
        with pytest.raises((BadArgument, MixError)) as caught:
            await mix_fetch(**{"url": "http://a.test/", "tunnel": tunnel, **arguments})
        assert caught.value.code.startswith("fetch.")


async def test_without_a_tunnel():
    with pytest.raises(MixError, match="setup_mix_tunnel"):
        await mix_fetch("http://a.test/")


def test_exports():
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert {"mix_fetch", "setup_mix_tunnel", "disconnect_mix_tunnel", "get_tunnel_state"} <= set(package.__all__)
