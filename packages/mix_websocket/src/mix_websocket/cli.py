"""`mix ws`: a conversation over a WebSocket through the mixnet, for the shell."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import click

from mix_protocol.errors import UsageError
from mix_tunnel.api import (
    Compression,
    TunnelOptions,
    WebSocketConnection,
    WebSocketConnectionClosed,
    WebSocketOptions,
    check_websocket_url,
)
from mix_tunnel.cli.output import Output
from mix_tunnel.cli.running import open_tunnel, run, tunnel_options, usage
from mix_tunnel.cli.terminal import say

MAX_WAITING_LINES = 16
READ_BYTES = 65_536


@click.command("ws")
@click.argument("url")
@click.option("--text", "kind", flag_value="text", default="text", help="Send each line as a text message. [default]")
@click.option("--binary", "kind", flag_value="binary", help="Send each line as a binary message, bytes as they are.")
@click.option("-H", "--header", "headers", multiple=True, metavar="HEADER", help='Add a header, as "Name: value".')
@click.option("--subprotocol", "subprotocols", multiple=True, metavar="NAME", help="Offer a subprotocol; repeatable.")
@click.option("--origin", metavar="ORIGIN", help="Send this Origin header. [none]")
@click.option("--no-compression", is_flag=True, help="Do not offer permessage-deflate.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Give up after so long.")
@tunnel_options
def websocket_command(
    url: str,
    kind: str,
    headers: tuple[str, ...],
    subprotocols: tuple[str, ...],
    origin: str | None,
    no_compression: bool,
    timeout: float | None,
    options: TunnelOptions,
) -> None:
    """Talk to the WebSocket server at URL: lines of standard input are sent, messages are written to standard output.

    The end of input (Ctrl-D) closes the connection; what the server still sends until it has closed too is written.
    Text messages end with a line break; binary ones are written as they are, or as hexadecimal digits on a terminal.

    \b
    mix ws wss://example.org/echo
    echo hello | mix ws wss://example.org/echo

    \b
    Exit codes: 0 closed in order, 2 usage, 6 name not resolved, 7 no connection, 8 no
    WebSocket's answer, 22 refused with an HTTP status, 28 timed out, 35 and 60 TLS,
    56 the connection broke or was closed with an error, 97 no tunnel.
    """
    try:
        check_websocket_url(url, secure_only=options.https_only)
        websocket_options = WebSocketOptions(
            headers=[_split_header(header) for header in headers],
            subprotocols=subprotocols,
            origin=origin,
            compression=None if no_compression else Compression(),
        )
    except UsageError as error:
        raise usage(error) from error

    async def work() -> None:
        async with open_tunnel(options) as tunnel:
            await _converse(await tunnel.connect_websocket(url, websocket_options), is_text=kind == "text")

    run(work(), timeout_s=timeout)


def _split_header(header: str) -> tuple[str, str]:
    name, colon, value = header.partition(":")
    if not colon:
        raise click.UsageError('a header has to look like "Name: value"')
    return name.strip(), value.strip()


async def _converse(websocket: WebSocketConnection, *, is_text: bool) -> None:
    _note(f"connected{f', subprotocol {websocket.subprotocol}' if websocket.subprotocol else ''}")
    sending = asyncio.create_task(_send_lines(websocket, is_text=is_text))
    try:
        with Output() as output:
            async for message in websocket:
                await output.write(_shown(message, is_terminal=output.is_terminal))
    finally:
        sending.cancel()
        await asyncio.wait({sending})
        websocket.abort()
    if not sending.cancelled() and (error := sending.exception()) is not None:
        raise error
    _note(f"closed with code {websocket.close_code}{f': {websocket.close_reason}' if websocket.close_reason else ''}")


async def _send_lines(websocket: WebSocketConnection, *, is_text: bool) -> None:
    try:
        async for line in _lines():
            await websocket.send(line.decode(errors="replace") if is_text else line)
        await (await websocket.ping())  # gives the answer to the last line the time of one round trip
        await websocket.close()
    except WebSocketConnectionClosed:
        pass  # who receives says why


async def _lines() -> AsyncIterator[bytes]:
    """Standard input's lines. A thread that nobody waits for reads them: it may be stuck in that when all is over."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING_LINES)

    def read() -> None:
        try:
            for line in _read_lines(sys.stdin.fileno()):
                asyncio.run_coroutine_threadsafe(waiting.put(line), loop).result()
            asyncio.run_coroutine_threadsafe(waiting.put(None), loop).result()
        except (RuntimeError, OSError, ValueError):
            pass  # the loop or the input has been closed meanwhile

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while (line := await waiting.get()) is not None:
        yield line.removesuffix(b"\r")


def _read_lines(descriptor: int) -> Iterator[bytes]:
    """Lines without breaks. Not by `sys.stdin`: an interpreter that ends while a thread is stuck there aborts."""
    rest = b""
    while piece := os.read(descriptor, READ_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _shown(message: str | bytes, *, is_terminal: bool) -> bytes:
    if isinstance(message, str):
        return message.encode() + b"\n"
    return message.hex().encode() + b"\n" if is_terminal else message


def _note(text: str) -> None:
    if sys.stderr.isatty():
        say(f"mix: {text}")
