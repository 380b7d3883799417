"""Tables in a Markdown file, each between two comments, of which the first has its name."""

from __future__ import annotations

import re

END = "<!-- end of bench -->"


class NoMark(Exception):
    """The text has no place for a table."""


def mark_of(name: str) -> str:
    """The comment before a table."""
    return f"<!-- bench: {name} -->"


def put(text: str, name: str, table: str) -> str:
    """The text with this table between the marks of its name. Raises `NoMark`."""
    begin = mark_of(name)
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(END)})", re.DOTALL)
    changed, count = pattern.subn(lambda match: f"{match[1]}{table}\n{match[2]}", text, count=1)
    if not count:
        raise NoMark(f"there is no {begin} with {END} after it")
    return changed
