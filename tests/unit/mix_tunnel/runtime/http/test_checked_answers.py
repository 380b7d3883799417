"""`integrity`: nothing of a body is given before all of it is the right one."""

from __future__ import annotations

import base64
import gzip
import hashlib

import pytest
from support.http_client import loopback_client, read_all
from support.http_server import serve_answers

from mix_tunnel.runtime.http import integrity
from mix_tunnel.runtime.http.errors import BadIntegrity, BodyCut, IntegrityTooLarge

BODY = hashlib.shake_256(b"a program").digest(200_000)
RIGHT = "sha384-" + base64.b64encode(hashlib.sha384(BODY).digest()).decode()
WRONG = "sha256-" + base64.b64encode(hashlib.sha256(b"another").digest()).decode()


async def answer(conversation, received):
    if received.target == "/moved":
        await conversation.respond(302, Location="/")
    elif received.target == "/gzip":
        await conversation.respond(body=gzip.compress(BODY), Content_Encoding="gzip")
    elif received.target == "/cut":
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + BODY[:1000])
        conversation.writer.close()
    else:
        await conversation.respond(body=BODY)


@pytest.mark.parametrize("path", ["/", "/moved", "/gzip"])
async def test_the_right_body(path):
    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url(path), integrity=RIGHT)
        assert response.redirected == (path == "/moved")
        assert await read_all(response) == BODY


@pytest.mark.parametrize("path", ["/", "/moved", "/gzip"])
async def test_another_body_is_no_response(path):
    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises(BadIntegrity):
            await client.fetch(server.url(path), integrity=WRONG)


async def test_metadata_that_nobody_understands_checks_nothing():
    async with loopback_client() as client, serve_answers(answer) as server:
        assert await client.get(server.url(), integrity="md5-abc") == BODY


async def test_a_body_that_is_cut():
    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises(BodyCut):
            await client.fetch(server.url("/cut"), integrity=RIGHT)


async def test_a_body_too_large_to_be_kept(monkeypatch):
    monkeypatch.setattr(integrity, "MAX_CHECKED_BYTES", 100_000)
    async with loopback_client() as client, serve_answers(answer) as server:
        with pytest.raises(IntegrityTooLarge):
            await client.fetch(server.url(), integrity=RIGHT)
        assert client.client.transport.pool.open == 0


async def test_small_pieces():
    async with loopback_client() as client, serve_answers(answer) as server:
        response = await client.fetch(server.url(), integrity=RIGHT)
        assert await response.read(3) == BODY[:3]
        assert await response.read(3) == BODY[3:6]
        assert await read_all(response) == BODY[6:]
