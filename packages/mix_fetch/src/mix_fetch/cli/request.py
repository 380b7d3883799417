"""The options of `mix fetch` that say what is asked for."""

from __future__ import annotations

import asyncio
import functools
import os
import secrets
import stat
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

import click

from mix_fetch.cli.cookie_files import read_cookie_file
from mix_fetch.cli.multipart import FormField, encode_form
from mix_protocol.errors import UsageError
from mix_tunnel.api import Body, HttpRequest, prepare
from mix_tunnel.cli.running import usage

F = TypeVar("F", bound=Callable[..., Any])

_FORM = "application/x-www-form-urlencoded"
_PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What the command line asks for, beside the URL."""

    method: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: Body = field(repr=False)
    cookies: list[dict[str, Any]] | None = field(default=None, repr=False)
    """What to put into the jar first; None without a file of cookies."""
    cookie_jar: str | None = None
    """Where to write the jar at the end."""

    @property
    def keeps_cookies(self) -> bool:
        """Whether the tunnel needs a jar."""
        return self.cookies is not None or self.cookie_jar is not None

    @property
    def head_only(self) -> bool:
        """Whether no body is wanted."""
        return self.method == "HEAD"

    def check(self, url: str) -> None:
        """Find mistakes before anything is set up: they are the caller's, not the network's."""
        try:
            prepare(HttpRequest(self.method, url, self.headers, self.body))
        except UsageError as error:
            raise usage(error) from error


def request_options(command: F) -> F:
    """Add the options; they arrive as the argument `asked`."""
    decorators = [
        click.option("-X", "--request", "method", metavar="METHOD", help="Request method. [GET; POST with -d, -F]"),
        click.option("-I", "--head", is_flag=True, help="Ask for the headers alone, and write them."),
        click.option(
            "-d", "--data", multiple=True, metavar="DATA", help="Send this; @FILE sends a file as it is, @- stdin."
        ),
        click.option(
            "-F", "--form", multiple=True, metavar="NAME=VALUE", help="Send a field of a form; NAME=@FILE sends a file."
        ),
        click.option(
            "-T",
            "--upload-file",
            type=click.File("rb"),
            metavar="FILE",
            help="PUT this file while it is read; - is stdin.",
        ),
        click.option("-H", "--header", "headers", multiple=True, metavar="HEADER", help='Add one, as "Name: value".'),
        click.option("-A", "--user-agent", metavar="NAME", help="Say this instead of a common browser's name."),
        click.option("-u", "--user", metavar="USER:PASSWORD", help="Authenticate (Basic); asks for what is missing."),
        click.option(
            "-b",
            "--cookie",
            metavar="COOKIES|FILE",
            help='Send "name=value; other=value", or what this file keeps.',
        ),
        click.option(
            "-c",
            "--cookie-jar",
            type=click.Path(dir_okay=False),
            metavar="FILE",
            help="Keep cookies, and write them here at the end; what is in the file can log in as you.",
        ),
    ]

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> Any:
        names = (
            "method",
            "head",
            "data",
            "form",
            "upload_file",
            "headers",
            "user_agent",
            "user",
            "cookie",
            "cookie_jar",
        )
        arguments["asked"] = _read(**{name: arguments.pop(name) for name in names})
        return command(**arguments)

    result: Any = wrapped
    for decorate in reversed(decorators):
        result = decorate(result)
    return result  # type: ignore[no-any-return]


def _read(
    *,
    method: str | None,
    head: bool,
    data: tuple[str, ...],
    form: tuple[str, ...],
    upload_file: BinaryIO | None,
    headers: tuple[str, ...],
    user_agent: str | None,
    user: str | None,
    cookie: str | None,
    cookie_jar: str | None,
) -> RequestOptions:
    if sum(map(bool, (head, data, form, upload_file))) > 1:
        raise click.UsageError("only one of -I, -d, -F and -T can be given")
    header_list = [_split_header(header) for header in headers]
    body: Body = None
    default = "HEAD" if head else "GET"
    if data:
        default, body = "POST", b"&".join(_read_data(item) for item in data)
        _add(header_list, "Content-Type", _FORM)
    elif form:
        boundary = f"----{secrets.token_hex(16)}"
        default, body = "POST", encode_form([_read_field(item) for item in form], boundary)
        _add(header_list, "Content-Type", f"multipart/form-data; boundary={boundary}")
    elif upload_file is not None:
        default, body = "PUT", _pieces(upload_file)
        information = os.fstat(upload_file.fileno())
        if stat.S_ISREG(information.st_mode):
            _add(header_list, "Content-Length", str(information.st_size))
    plain_cookie = cookie if cookie is not None and "=" in cookie else None
    for name, value in (("User-Agent", user_agent), ("Cookie", plain_cookie)):
        if value is not None:
            _add(header_list, name, value)
    if user is not None:
        _add(header_list, "Authorization", _basic(user))
    cookies = None if cookie is None or plain_cookie is not None else _read_cookies(cookie)
    return RequestOptions(method or default, header_list, body, cookies, cookie_jar)


def _add(headers: list[tuple[str, str]], name: str, value: str) -> None:
    """What -H says wins."""
    if not any(other.lower() == name.lower() for other, _ in headers):
        headers.append((name, value))


def _split_header(header: str) -> tuple[str, str]:
    name, colon, value = header.partition(":")
    if not colon:
        raise click.UsageError('a header has to look like "Name: value"')
    return name.strip(), value.strip()


def _basic(user: str) -> str:
    name, colon, password = user.partition(":")
    if not colon:
        password = click.prompt("Password", hide_input=True, err=True)
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


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


def _read_field(item: str) -> FormField:
    try:
        return FormField.parse(item)
    except ValueError as error:
        raise click.UsageError("a field has to look like NAME=VALUE or NAME=@FILE") from error
    except OSError as error:
        raise click.UsageError(f"the file given with -F can't be read: {error.strerror}") from error


def _read_cookies(path: str) -> list[dict[str, Any]]:
    try:
        return read_cookie_file(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise click.UsageError(f"the file given with -b can't be read: {reason}") from error


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    """A file as it is read, in a thread: a pipe may let us wait."""
    while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
        yield piece
