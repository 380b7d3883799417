"""What a server says while a connection is opened: certificates, and the answer to a WebSocket's handshake."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import ssl
import time

import pytest
import trustme
from support.bounded_work import check_busy
from support.byte_pipe import byte_pipe

from mix_tunnel.runtime.websocket.errors import InvalidHandshake
from mix_tunnel.runtime.websocket.handshake import make_protocol, shake_hands
from mix_tunnel.runtime.websocket.options import WebSocketOptions
from mix_tunnel.runtime.websocket.url import WebSocketUrl

JUDGED = {
    "extensions": b"Sec-WebSocket-Extensions: permessage-deflate" + b";a=b" * 60_000,
    "many extensions": b"Sec-WebSocket-Extensions: " + b"permessage-deflate;a=b," * 11_000 + b"x",
    "an open quote": b'Sec-WebSocket-Extensions: x;a="' + b'\\"' * 100_000,
    "words of Connection": b"Connection: " + b"a," * 120_000 + b"Upgrade",
    "commas": b"Connection: " + b"," * 250_000 + b"Upgrade",
    "protocols of Upgrade": b"Upgrade: " + b"a/1," * 60_000 + b"websocket",
    "subprotocols": b"Sec-WebSocket-Protocol: " + b"a," * 120_000 + b"b",
    "cookies": b"Set-Cookie: a=b\r\n" * 9000 + b"X: y",
}


@pytest.mark.parametrize("case", JUDGED)
async def test_websocket_handshakes(case: str) -> None:
    ours, theirs = byte_pipe()

    async def answer() -> None:
        head = await theirs.receive()
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", head)
        assert key is not None
        digest = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        accept = b"Sec-WebSocket-Accept: " + base64.b64encode(digest)
        usual = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
        await theirs.send(b"HTTP/1.1 101 X\r\n" + usual + accept + b"\r\n" + JUDGED[case] + b"\r\n\r\n")

    options = WebSocketOptions(subprotocols=("b",))
    url = WebSocketUrl.parse("ws://a.test/")
    answering = asyncio.create_task(answer())
    longest_s, last = 0.0, time.thread_time()
    shaking = asyncio.create_task(shake_hands(ours, make_protocol(url, options), url, options))
    while not shaking.done():
        await asyncio.sleep(0)
        longest_s, last = max(longest_s, time.thread_time() - last), time.thread_time()
    await answering
    if shaking.exception() is not None:
        assert isinstance(shaking.exception(), InvalidHandshake)
    check_busy(longest_s)


def test_certificates_of_thousands_of_names() -> None:
    """OpenSSL takes no chain of more than 100 kB; among so many names it looks for ours."""
    authority = trustme.CA()
    certificate = authority.issue_cert(*[f"host-number-{number}.example.test" for number in range(2500)])
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    to_client, to_server, unused_client, unused_server = (ssl.MemoryBIO() for _ in range(4))
    client = client_context.wrap_bio(to_client, unused_client, server_hostname="host-number-2499.example.test")
    server = server_context.wrap_bio(to_server, unused_server, server_side=True)
    longest_s = 0.0
    for _ in range(4):
        began = time.thread_time()
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        longest_s = max(longest_s, time.thread_time() - began)
        to_server.write(unused_client.read())
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        to_client.write(unused_server.read())
    assert client.version() == "TLSv1.3"
    check_busy(longest_s)
