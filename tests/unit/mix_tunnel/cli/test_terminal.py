"""No byte that a server sends is an order for the terminal that shows it."""

from __future__ import annotations

import logging
import os
import pty
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_tunnel.cli import terminal
from mix_tunnel.cli.output import Output
from mix_tunnel.cli.terminal import PlainFormatter, PlainStream, plain, plain_line

TITLE = "\x1b]0;PWNED\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text\twith tabs\nand lines", "plain text\twith tabs\nand lines"),
        ("größer 日本 👨‍👩‍👧", "größer 日本 👨‍👩‍👧"),
        (TITLE, r"\x1b]0;PWNED\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb", r"a\x0db"),
        ("a\r\nb", "a\nb"),
        ("\x00\x7f", r"\x00\x7f"),
        ("abc\u202etxt.exe", r"abc\u202etxt.exe"),
        ("a\u2028b\u2066c", r"a\u2028b\u2066c"),
        ("\udcff", r"\xff"),
    ],
)
def test_orders_are_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_line_stays_one() -> None:
    assert plain_line("one\ntwo\r\nthree") == r"one\ntwo\nthree"


@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(1, 7), max_size=20))
def test_streams_are_shown_the_same_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    stream, rest, shown = PlainStream(), data, b""
    for cut in cuts:
        shown += stream.feed(rest[:cut])
        rest = rest[cut:]
    shown += stream.feed(rest) + stream.feed(b"", end=True)
    assert shown.decode() == plain(data.decode("utf-8", "surrogateescape"))
    assert not set(shown) & {*range(9), *range(11, 32), 127}


def read_terminal(descriptor: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(descriptor, 1024)
    return seen


async def test_a_terminal_gets_no_orders_and_a_file_gets_every_byte(monkeypatch, tmp_path) -> None:
    body = (TITLE + "shown é").encode() + b"\xff"
    master, slave = pty.openpty()
    with os.fdopen(slave, "wb", buffering=0) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with Output() as output:
            assert output.is_terminal
            for byte in body:
                await output.write(bytes((byte,)))
        monkeypatch.undo()
        assert read_terminal(master, rb"\xff") == r"\x1b]0;PWNED\x07shown é\xff".encode()
        with Output(os.ttyname(stdout.fileno())) as output:
            await output.write(b"\x1b[2J.")
        assert read_terminal(master, b".") == rb"\x1b[2J."
    os.close(master)
    path = tmp_path / "body"
    with Output(str(path)) as output:
        await output.write(body)
    assert path.read_bytes() == body


def test_what_is_said_about_a_server_is_one_line(monkeypatch, capsys) -> None:
    terminal.say(f"mix: closed: {TITLE}")
    assert capsys.readouterr().err == f"mix: closed: {TITLE}\n"  # a pipe
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    terminal.say(f"mix: closed: {TITLE}\nnext")
    assert capsys.readouterr().err == "mix: closed: \\x1b]0;PWNED\\x07\\nnext\n"


def test_log_lines_are_lines() -> None:
    record = logging.LogRecord(
        "x", logging.WARNING, "", 0, "the gateway says %s", (f"{TITLE}\nmix: all is well",), None
    )
    assert PlainFormatter("mix: warning: %(message)s").format(record) == (
        "mix: warning: the gateway says \\x1b]0;PWNED\\x07\\nmix: all is well"
    )


def test_a_log_line_may_have_its_time():
    record = logging.LogRecord("mix_tunnel", logging.INFO, "", 0, "tunnel %s", ("ready",), None)
    line = PlainFormatter("%(asctime)s %(name)s %(message)s").format(record)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} mix_tunnel tunnel ready", line)
