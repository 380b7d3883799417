"""Griffe's extension for our docstrings: lines such as `timeout -- seconds for everything` become a list."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ARGUMENT = re.compile(r"^(\w+) -- ", re.MULTILINE)


class ArgumentLists(griffe.Extension):
    """Turns our way of describing arguments into Markdown."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of whatever was loaded."""
        if obj.docstring is not None:
            obj.docstring.value = _ARGUMENT.sub(lambda match: f"- `{match[1]}`: ", obj.docstring.value)
