"""Questions to other programs over HTTP, whose answers are strangers' words: bounded in bytes, and in time by callers.

Nothing encoded is asked for or taken, for httpx unpacks whatever has arrived in one go: 809 bytes of Brotli become a
gigabyte then, and no time-out is heard meanwhile.
"""

from __future__ import annotations

import httpx

from mix_protocol.codec.json import decode_json
from mix_protocol.errors import MixError, PeerMisbehaved


def make_client(timeout_s: float, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client that goes through no proxy, follows nobody, and asks for plain bytes.

    timeout_s -- for connecting, and for each piece that is sent or received
    """
    headers = {"Accept-Encoding": "identity"}
    return httpx.AsyncClient(timeout=timeout_s, trust_env=False, transport=transport, headers=headers)


async def read_plain(response: httpx.Response, most_bytes: int) -> bytes:
    """The body of a streamed answer. Raises `PeerMisbehaved` if it is longer or encoded, and what httpx raises."""
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise PeerMisbehaved("an answer is encoded, which nobody asked for")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most_bytes:
            raise PeerMisbehaved("an answer is longer than any")
    return bytes(body)


def message_in(refusal: bytes, most_letters: int) -> str:
    """Why somebody refuses, by the `message` of its JSON: one line without control characters."""
    try:
        message = decode_json(refusal, dict[str, object], "refusal").get("message")
    except MixError:
        message = None
    text = message if isinstance(message, str) else "it does not say why"
    return "".join(each if each.isprintable() else " " for each in text[:most_letters])
