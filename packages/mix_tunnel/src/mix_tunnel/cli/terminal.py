"""What others sent, shown on a terminal: their control characters are written out instead of obeyed.

A terminal takes orders from what it shows: to change its title, to rewrite what stands above, to answer as if a person
had typed. So only what cannot be an order reaches it; files and pipes get every byte as it came.
"""

from __future__ import annotations

import codecs
import logging
import re
import sys

import click

# C0 but for tab and line feed, DEL, C1; marks that reorder text or end lines; bytes that are no UTF-8, as surrogates.
_ORDERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]"
)


def plain(text: str) -> str:
    r"""The text with its control characters written as `\x1b` or `\u202e`; line breaks and tabs stay."""
    return _ORDERS.sub(_written_out, text.replace("\r\n", "\n"))


def plain_line(text: str) -> str:
    r"""The same in one line: line breaks are written as `\n`."""
    return plain(text).replace("\n", r"\n")


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # by the error handler "surrogateescape"
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def say(text: str) -> None:
    """Tell the person a line on standard error."""
    click.echo(plain_line(text) if sys.stderr.isatty() else text, err=True)


class PlainStream:
    """Makes bytes that arrive in pieces fit for a terminal; they are taken for UTF-8."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._return = ""

    def feed(self, data: bytes, *, end: bool = False) -> bytes:
        """The next piece; `end` gives what was kept back because more could have followed."""
        text = self._return + self._decoder.decode(data, end)
        # A return at the very end may be half of a line break.
        self._return = "\r" if text.endswith("\r") and not end else ""
        return plain(text.removesuffix("\r") if self._return else text).encode()


class PlainFormatter(logging.Formatter):
    """Log lines for a terminal: each record is one line, whatever it quotes."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line; a traceback keeps its lines."""
        record.message = plain_line(record.getMessage())
        if self.usesTime():
            record.asctime = self.formatTime(record, self.datefmt)
        text = self.formatMessage(record)
        if record.exc_info:
            text += "\n" + plain(self.formatException(record.exc_info))
        return text
