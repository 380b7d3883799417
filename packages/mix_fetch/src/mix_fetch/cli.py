"""`mix fetch`: one URL through the mixnet, for the shell."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import click

from mix_fetch.fetching import mix_fetch
from mix_fetch.response import Response
from mix_tunnel.api import TunnelOptions
from mix_tunnel.cli.output import Output
from mix_tunnel.cli.running import open_tunnel, run, tunnel_options


@click.command("fetch")
@click.argument("url")
@click.option("-X", "--request", "method", metavar="METHOD", help="Request method. [GET, or POST with -d]")
@click.option("-d", "--data", multiple=True, metavar="DATA", help="Send this; @FILE sends a file as it is, @- stdin.")
@click.option("-H", "--header", "headers", multiple=True, metavar="HEADER", help='Add a header, as "Name: value".')
@click.option("-i", "--include", is_flag=True, help="Write the status line and headers before the body.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE", help="Write here.")
@click.option("--max-redirects", type=click.IntRange(0, 100), metavar="N", help="Follow at most N redirects. [5]")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Give up after so long.")
@tunnel_options
def fetch_command(
    url: str,
    method: str | None,
    data: tuple[str, ...],
    headers: tuple[str, ...],
    include: bool,
    output: str | None,
    max_redirects: int | None,
    timeout: float | None,
    options: TunnelOptions,
) -> None:
    """Fetch URL through the mixnet and write the body to standard output or a file.

    \b
    Exit codes are curl's: 2 usage, 6 name not resolved, 7 no connection, 18 body cut,
    28 timed out, 47 too many redirects, 60 certificate; 97 when there is no tunnel.
    """
    if max_redirects is not None:
        options = replace(options, max_redirects=max_redirects)
    header_list = [_split_header(header) for header in headers]
    body = b"&".join(_read_data(item) for item in data) if data else None
    if body is not None and not any(name.lower() == "content-type" for name, _ in header_list):
        header_list.append(("Content-Type", "application/x-www-form-urlencoded"))
    method = method or ("GET" if body is None else "POST")
    _check(method, url, header_list, body)

    async def work() -> None:
        async with (
            open_tunnel(options) as tunnel,
            await mix_fetch(url, method=method, headers=header_list, body=body, tunnel=tunnel) as response,
        ):
            with Output(output) as sink:
                await _copy(response, sink, include=include)

    run(work(), timeout_s=timeout)


def _check(method: str, url: str, headers: list[tuple[str, str]], body: bytes | None) -> None:
    """Find mistakes before anything is set up: they are the caller's, not the network's."""
    from mix_protocol.errors import UsageError
    from mix_tunnel.api import HttpRequest, prepare

    try:
        prepare(HttpRequest(method, url, headers, body))
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def _split_header(header: str) -> tuple[str, str]:
    name, colon, value = header.partition(":")
    if not colon:
        raise click.UsageError('a header has to look like "Name: value"')
    return name.strip(), value.strip()


def _read_data(item: str) -> bytes:
    if not item.startswith("@"):
        return item.encode("utf-8", errors="surrogateescape")
    try:
        if item == "@-":
            return sys.stdin.buffer.read()
        with open(item[1:], "rb") as file:
            return file.read()
    except OSError as error:
        raise click.UsageError(f"the file given with -d can't be read: {error.strerror}") from error


async def _copy(response: Response, sink: Output, *, include: bool) -> None:
    if include:
        await sink.write(_head(response))
    progress = _Progress(response, shown=sys.stderr.isatty() and not sink.is_terminal)
    with progress:
        async for piece in response:
            await sink.write(piece)
            progress.advance(len(piece))


def _head(response: Response) -> bytes:
    lines = [f"HTTP/{response.http_version} {response.status} {response.status_text}".rstrip()]
    lines += [f"{name}: {value}" for name, value in response.headers.items_apart()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", errors="replace")


class _Progress:
    """A bar on standard error with bytes, speed and time left."""

    def __init__(self, response: Response, *, shown: bool) -> None:
        self._bar: Any = None
        if not shown:
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        length = response.headers.get("content-length", "")
        self._task = self._bar.add_task("", total=int(length) if length.isdecimal() else None)

    def __enter__(self) -> None:
        if self._bar is not None:
            self._bar.start()

    def advance(self, count: int) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, count)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
