"""Real exchanges with servers that write HTTP/1.1 as some servers do, beside what curl makes of the same bytes."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from support.http_client import loopback_client, read_all
from support.http_server import serve_conversations
from support.odd_answers import BY_NAME, CURL, ODD_ANSWERS, OddAnswer, converse, path_of

from mix_protocol.errors import NetworkFailure, PeerMisbehaved

PATIENCE_S = 30.0
NAMES = tuple(BY_NAME)


@pytest.mark.parametrize("name", NAMES)
async def test_read_or_refused_at_once(name):
    answer = BY_NAME[name]
    async with loopback_client() as client, serve_conversations(converse) as server, asyncio.timeout(PATIENCE_S):
        if answer.body is None:
            with pytest.raises((PeerMisbehaved, NetworkFailure)) as caught:
                await client.get(server.url(path_of(answer)))
            assert caught.value.code in ("http.malformed_response", "http.body_cut", "http.no_response")
        else:
            assert await client.get(server.url(path_of(answer))) == answer.body
        # Nothing of it may pass for another answer.
        assert await client.get(server.url("/plain")) == b"/plain"


@pytest.mark.parametrize("name", ["two lengths", "chunked twice", "lines without CR", "a length before chunked"])
async def test_a_connection_whose_answer_was_odd_is_not_used_again(name):
    async with loopback_client() as client, serve_conversations(converse) as server, asyncio.timeout(PATIENCE_S):
        await client.get(server.url("/plain"))
        await client.get(server.url("/plain"))
        assert server.connections == 1
        try:
            await client.get(server.url(path_of(BY_NAME[name])))
        except PeerMisbehaved:
            assert BY_NAME[name].body is None
        await client.get(server.url("/plain"))
        assert server.connections == 2


async def test_what_is_told_of_the_head():
    async with loopback_client() as client, serve_conversations(converse) as server:
        response = await client.fetch(server.url(path_of(BY_NAME["folded lines"])))
        assert response.headers == [("Content-Length", "2"), ("X-A", "b c d")]
        response = await client.fetch(server.url(path_of(BY_NAME["names that are no tokens"])))
        assert response.headers == [("Content-Length", "2")]
        response = await client.fetch(server.url(path_of(BY_NAME["a length before chunked"])))
        assert response.headers == [("Transfer-Encoding", "chunked")]
        response = await client.fetch(server.url(path_of(BY_NAME["Latin-1 and UTF-8"])))
        assert response.header("x-a") == "café"
        response = await client.fetch(server.url(path_of(BY_NAME["a reason in Latin-1"])))
        assert (response.status, response.reason, response.http_version) == (200, "Dé", "1.1")
        response = await client.fetch(server.url(path_of(BY_NAME["space before the colon"])))
        assert (response.header("x-a"), await read_all(response)) == ("b", b"ok")


async def test_a_head_answer_has_no_body_whatever_it_says():
    async def talk(conversation):
        while True:
            await conversation.request()
            await conversation.send(b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n")

    async with loopback_client() as client, serve_conversations(talk) as server, asyncio.timeout(PATIENCE_S):
        for _ in range(2):
            assert (await client.fetch(server.url(), "HEAD")).status == 404
        assert server.connections == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl, the other judge, is not installed")
async def test_curl_reads_what_we_read():
    async def judge(url: str, answer: OddAnswer) -> str | None:
        command = ("curl", "-sS", "--noproxy", "*", "--max-time", "20", url + path_of(answer))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        body, _ = await process.communicate()
        same = process.returncode if answer.body is None else (process.returncode, body) == (0, answer.body)
        return None if same else f"{answer.name}: {process.returncode} {body!r}"

    async with serve_conversations(converse) as server:
        judged = [answer for answer in ODD_ANSWERS if CURL in answer.agree]
        verdicts = await asyncio.gather(*(judge(server.url(""), answer) for answer in judged))
    assert not [verdict for verdict in verdicts if verdict]
