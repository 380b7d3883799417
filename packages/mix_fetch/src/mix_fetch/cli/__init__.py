"""`mix fetch`: one URL through the mixnet, for the shell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import click

from mix_fetch.cli.cookie_files import write_cookie_file
from mix_fetch.cli.progress import Progress
from mix_fetch.cli.request import RequestOptions, request_options
from mix_fetch.fetching import mix_fetch
from mix_fetch.response import Response
from mix_tunnel.api import Tunnel, TunnelOptions
from mix_tunnel.cli.exit_codes import ExitCode
from mix_tunnel.cli.output import Output
from mix_tunnel.cli.running import Failure, open_tunnel, run, tunnel_options

_SECONDS = click.FloatRange(0, min_open=True)
_FIRST_ERROR_STATUS = 400


@click.command("fetch")
@click.argument("url")
@request_options
@click.option("-L/ ", "--location/--no-location", default=True, help="Follow redirects. [yes, unlike curl]")
@click.option(
    "--max-redirs", "--max-redirects", type=click.IntRange(0, 100), metavar="N", help="Follow at most N redirects. [5]"
)
@click.option("-m", "--max-time", "--timeout", type=_SECONDS, metavar="SECONDS", help="Give up after so long.")
@click.option("--connect-timeout", type=_SECONDS, metavar="SECONDS", help="Time to reach the server with TLS. [60]")
@click.option("-i", "--include", is_flag=True, help="Write the status line and headers before the body.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE", help="Write here.")
@click.option("-f", "--fail", is_flag=True, help="End with 22, without output, for a status from 400 on.")
@click.option("--compressed/--raw", default=True, help="Decode gzip, deflate, br and zstd, or not. [yes]")
@click.option("--integrity", default="", metavar="HASHES", help='Refuse a body that does not fit, as "sha256-…".')
@tunnel_options
def fetch_command(
    url: str,
    asked: RequestOptions,
    location: bool,
    max_redirs: int | None,
    max_time: float | None,
    connect_timeout: float | None,
    include: bool,
    output: str | None,
    fail: bool,
    compressed: bool,
    integrity: str,
    options: TunnelOptions,
) -> None:
    """Fetch URL through the mixnet and write the body to standard output or a file.

    The options are curl's where curl has them. TLS ends here, not at the exit.

    \b
    mix fetch https://example.org/
    mix fetch -o page.html --max-time 30 https://example.org/
    mix fetch -d name=value -H 'X-Own: 1' -i https://example.org/form
    mix fetch -F text=hello -F file=@photo.png https://example.org/upload
    mix fetch -T big.iso https://example.org/put
    mix fetch -u user:password https://example.org/private
    mix fetch -b jar -c jar -d user=me https://example.org/login

    \b
    Exit codes are curl's: 2 usage, 6 name not resolved, 7 no connection, 18 body cut,
    22 status from 400 on with --fail, 28 timed out, 47 too many redirects,
    60 certificate; and 97 when the tunnel can't be set up.
    """
    asked.check(url)
    if asked.keeps_cookies:
        options = replace(options, cookies=True)

    async def work() -> None:
        async with open_tunnel(options) as tunnel, _jar(asked, tunnel):
            limits = tunnel.http.timeouts
            response = await mix_fetch(
                url,
                method=asked.method,
                headers=asked.headers,
                body=asked.body,
                redirect="follow" if location else "manual",
                max_redirects=max_redirs,
                timeouts=replace(limits, connect_s=connect_timeout) if connect_timeout else None,
                integrity=integrity,
                decode=compressed,
                tunnel=tunnel,
            )
            async with response:
                if fail and response.status >= _FIRST_ERROR_STATUS:
                    raise Failure(ExitCode.HTTP_ERROR, f"the server answered with status {response.status}")
                with Output(output) as sink:
                    await _copy(response, sink, include=include or asked.head_only)

    run(work(), timeout_s=max_time)


@asynccontextmanager
async def _jar(asked: RequestOptions, tunnel: Tunnel) -> AsyncIterator[None]:
    """Fill the tunnel's jar at the beginning, write it at the end, whatever becomes of the body."""
    if asked.cookies:
        tunnel.cookies.load(asked.cookies)
    try:
        yield
    finally:
        if asked.cookie_jar is not None:
            try:
                write_cookie_file(asked.cookie_jar, tunnel.cookies.export())
            except OSError as error:
                raise Failure(ExitCode.WRITE_FAILED, f"the cookies can't be written: {error.strerror}") from error


async def _copy(response: Response, sink: Output, *, include: bool) -> None:
    if include:
        await sink.write(_head(response))
    with Progress(response, to_terminal=sink.is_terminal) as progress:
        async for piece in response:
            await sink.write(piece)
            progress.advance(len(piece))


def _head(response: Response) -> bytes:
    lines = [f"HTTP/{response.http_version} {response.status} {response.status_text}".rstrip()]
    lines += [f"{name}: {value}" for name, value in response.headers.items_apart()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", errors="replace")
