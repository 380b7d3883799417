"""Answers to the handshake that browsers take: each opens the WebSocket, and what comes with it is received."""

from __future__ import annotations

import base64
import hashlib

import pytest
from support.kernel_connector import KernelConnector
from support.websocket_server import accept, answering, frame

from mix_tunnel.runtime.websocket import WebSocketOptions, connect_websocket

HI_AND_BYE = frame(1, b"hi") + frame(8, b"\x03\xe8")


def replacing(old: bytes, new: bytes):
    """A right answer in which something is written in another way."""

    def answer(request: bytes) -> bytes:
        usual = accept(request)
        assert old in usual
        return usual.replace(old, new)

    return answer


def adding(*headers: bytes):
    return lambda request: accept(request, *headers)


def with_the_accept_folded(request: bytes) -> bytes:
    return replacing(b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Accept:\r\n\t ")(request)


STATUS = b"HTTP/1.1 101 Switching Protocols"
CONNECTION = b"Connection: Upgrade"
ANSWERS = {
    "no reason phrase": replacing(STATUS, b"HTTP/1.1 101 "),
    "not even the space before it": replacing(STATUS, b"HTTP/1.1 101"),
    "a reason in Latin-1": replacing(STATUS, b"HTTP/1.1 101 \xdcbergang"),
    "a line of 9 kB": adding(b"Content-Security-Policy: " + b"a" * 9000),
    "140 lines": adding(*[b"Set-Cookie: a=b"] * 140),
    "200 kB of headers": adding(*[b"X-Filler: " + b"a" * 10_000] * 20),
    "folded lines": with_the_accept_folded,
    "a folded policy": adding(b"Content-Security-Policy: default-src\r\n  'self'"),
    "lines that end in LF": lambda request: accept(request).replace(b"\r\n", b"\n"),
    "several tokens": replacing(CONNECTION, b"Connection: keep-alive, Upgrade"),
    "several fields": replacing(CONNECTION, b"Connection: keep-alive\r\nConnection: upgrade"),
    "empty tokens": replacing(CONNECTION, b"Connection: , Upgrade ,"),
    "other letters": replacing(b"Upgrade: websocket", b"UPGRADE: WebSocket"),
    "space before the colon": replacing(CONNECTION, b"Connection : Upgrade"),
    "a name that is none": adding(b"X Powered By: someone"),
    "a quoted parameter": adding(b'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="15"'),
    "control characters in a value": adding(b"X-Filler: a\x1fb\x7f"),
    "a lifeless hint before": lambda request: b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + accept(request),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_an_odd_answer_opens_the_websocket(kind):
    async with answering(lambda request: ANSWERS[kind](request) + HI_AND_BYE) as port:
        websocket = await connect_websocket(
            KernelConnector(), f"ws://demo.test:{port}/", WebSocketOptions(ping_interval_s=None)
        )
        assert [message async for message in websocket] == ["hi"]
        assert websocket.response.status_code == 101


async def test_what_the_answer_says_can_be_read():
    headers = (b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X-Name: \xfc")
    async with answering(lambda request: accept(request, *headers) + HI_AND_BYE) as port:
        websocket = await connect_websocket(
            KernelConnector(), f"ws://demo.test:{port}/", WebSocketOptions(ping_interval_s=None)
        )
        assert websocket.response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert websocket.response.headers["X-Name"] == "\u00fc"
        websocket.abort()


def test_the_helper_makes_the_answer_of_the_standard():
    request = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    digest = hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    assert base64.b64encode(digest) in accept(request)
