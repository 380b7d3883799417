"""DNS over HTTPS against servers whose every byte the test writes: what we ask, and what we take for an answer."""

from __future__ import annotations

import dns.message
import pytest
from support.http_server import serve_answers
from support.name_server import respond
from support.tls_server import certificate, server_context

from mix_protocol.errors import MixError
from mix_tunnel.runtime.dns.errors import HttpsRefused, MalformedAnswer

KIND = "application/dns-message"


def wire_answer(body: bytes) -> bytes:
    query = dns.message.from_wire(body)
    return respond(query, f"{query.question[0].name} 60 IN A 192.0.2.1").to_wire()


def serve_dns(answer):
    return serve_answers(answer, server_context(certificate("dns.test")))


async def good(conversation, received):
    await conversation.respond(200, wire_answer(received.body), Content_Type=KIND)


async def test_what_is_asked(resolve_by):
    async with serve_dns(good) as server:
        resolver = resolve_by(f"https://dns.test:{server.port}/q?own=1#127.0.0.1")
        for name in ("a.test", "a-much-longer-name.test"):
            assert (await resolver.resolve(name)).transport == "https"
        assert server.connections == 1
        for received in server.requests:
            assert (received.method, received.target) == ("POST", "/q?own=1")
            assert received.headers["content-type"] == received.headers["accept"] == KIND
            assert not {"user-agent", "cookie", "accept-language", "referer"} & received.headers.keys()
            assert len(received.body) % 128 == 0  # the length tells nothing about the name
            assert dns.message.from_wire(received.body).id == 0


async def refuse(conversation, received):
    await conversation.respond(403, b"no", Content_Type="text/plain")


async def redirect(conversation, received):
    await conversation.respond(302, Location="https://elsewhere.test/dns-query")


async def page(conversation, received):
    await conversation.respond(200, b"<p>hello", Content_Type="text/html")


async def untyped(conversation, received):
    await conversation.respond(200, wire_answer(received.body))


async def other_question(conversation, received):
    other = dns.message.make_query("b.test", "A", id=0)
    await conversation.respond(200, respond(other, "b.test. 60 IN A 192.0.2.66").to_wire(), Content_Type=KIND)


async def endless(conversation, received):
    await conversation.send(f"HTTP/1.1 200 OK\r\nContent-Type: {KIND}\r\nContent-Length: 1000000000\r\n\r\n".encode())
    while True:
        await conversation.send(bytes(65_536))


async def garbage(conversation, received):
    await conversation.respond(200, wire_answer(received.body)[:20] + b"\xc0\xff" * 50, Content_Type=KIND)


async def empty(conversation, received):
    await conversation.respond(200, b"", Content_Type=KIND)


async def not_http(conversation, received):
    await conversation.send(b"\x00" * 100)
    conversation.writer.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refuse, HttpsRefused),
        (redirect, HttpsRefused),
        (page, HttpsRefused),
        (untyped, HttpsRefused),
        (other_question, MalformedAnswer),
        (endless, MalformedAnswer),
        (garbage, MalformedAnswer),
        (empty, MalformedAnswer),
        (not_http, MixError),
    ],
    ids=lambda value: value.__name__,
)
async def test_what_is_no_answer(resolve_by, answer, error):
    async with serve_dns(answer) as server:
        resolver = resolve_by(f"https://dns.test:{server.port}/dns-query#127.0.0.1", attempts=1)
        with pytest.raises(error):
            await resolver.resolve("a.test")


async def test_a_kept_connection_that_is_dead_costs_one_more(resolve_by):
    async def answer(conversation, received):
        if conversation.number == 1 and sum(other.connection == 1 for other in server.requests) > 1:
            conversation.writer.transport.abort()
            return
        await good(conversation, received)

    async with serve_dns(answer) as server:
        resolver = resolve_by(f"https://dns.test:{server.port}/dns-query#127.0.0.1", attempts=1)
        for name in ("a.test", "b.test"):
            assert (await resolver.resolve(name)).records
        assert server.connections == 2
