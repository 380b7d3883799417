"""Sites to talk to by WebSocket, good and bad ones, for tests in a browser: each on a port of loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection

from support.threaded import in_thread
from support.tls_server import certificate, server_context
from support.websocket_server import answering, deflated, drain, frame, serving, speaking


class Reading:
    """Whether the server of `/held` reads yet."""

    def __init__(self) -> None:
        self.allowed = threading.Event()
        self.received: list[int] = []


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say a last word after the client's close frame."""
    await reader.read(1)
    writer.write(frame(1, b"farewell") + frame(8, (1000).to_bytes(2, "big")))


def routes(reading: Reading) -> Callable[[ServerConnection], Any]:
    async def converse(websocket: ServerConnection) -> None:
        headers = websocket.request.headers
        match websocket.request.path.split("/")[1:]:
            case ["headers"]:
                names = ("X-Token", "Authorization", "Origin", "Sec-WebSocket-Extensions", "User-Agent")
                await websocket.send("\n".join(headers.get(name, "none") for name in names))
                await websocket.wait_closed()
            case ["send", size]:
                await websocket.send(bytes(int(size)))
                await websocket.wait_closed()
            case ["close", code, reason]:
                await websocket.send("last")
                await websocket.close(int(code), reason)
            case ["held"]:
                await asyncio.to_thread(reading.allowed.wait)
                async for message in websocket:
                    reading.received.append(len(message))
            case _:
                async for message in websocket:
                    await websocket.send(message)

    return converse


@contextmanager
def websocket_sites(reading: Reading) -> Iterator[dict[str, str]]:
    """Gives URLs by name."""
    good = server_context(certificate("demo.test"))
    strange = server_context(certificate("demo.test", ca="a stranger"))
    converse = routes(reading)
    deflate = b"Sec-WebSocket-Extensions: permessage-deflate"
    hostile = {
        "fragmented ping": frame(9, b"x", fin=False),
        "masked": b"\x81\x81abcd\x00",
        "no text": frame(1, b"\xff"),
        "too large": b"\x82\x7f" + (2**62).to_bytes(8, "big"),
        "bomb": frame(2, deflated(bytes(100_000_000)), rsv1=True),
    }
    servers = {
        "wss": serving(
            converse, good, max_size=None, max_queue=1, select_subprotocol=lambda _, names: names[-1] if names else None
        ),
        "ws": serving(converse, max_size=None, max_queue=1),
        "stranger": serving(converse, strange),
        "forbidding": answering(lambda request: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", drain),
        "no http": answering(lambda request: b"SSH-2.0-OpenSSH\r\n", drain),
        "endless": answering(lambda request: b"HTTP/1.1 101 OK\r\n" + b"X: y\r\n" * 50_000, drain),
        "silent": answering(lambda request: b"", drain),
        "mute": speaking(b""),
        "parting": speaking(b"", then=part),
        "cut": speaking(frame(1, b"before"), then=hang_up),
        **{name: speaking(frame(1, b"before") + frames, deflate) for name, frames in hostile.items()},
    }
    with ExitStack() as stack:
        ports = {name: stack.enter_context(in_thread(server)) for name, server in servers.items()}
        stack.callback(reading.allowed.set)  # nobody waits for it at the end
        yield {
            "refused": "ws://demo.test:1/",
            "unknown": "ws://nobody.invalid/",
            **{
                name: f"{'wss' if name in ('wss', 'stranger') else 'ws'}://demo.test:{port}/"
                for name, port in ports.items()
            },
        }
