"""Names across the border: Python's snake_case inside, JavaScript's camelCase outside. Converted here and only here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CAPITAL = re.compile(r"[A-Z]")
_UNDERSCORE = re.compile(r"_+([a-z0-9])")


def to_camel(name: str) -> str:
    """`max_redirects` to `maxRedirects`."""
    return _UNDERSCORE.sub(lambda match: match[1].upper(), name)


def to_snake(name: str) -> str:
    """`maxRedirects` to `max_redirects`."""
    return _CAPITAL.sub(lambda match: f"_{match[0].lower()}", name)


def keys_to_camel(value: Any) -> Any:
    """A JSON value with the names of all its objects' members in camelCase."""
    if isinstance(value, Mapping):
        return {to_camel(name): keys_to_camel(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [keys_to_camel(item) for item in value]
    return value


def keys_to_snake(value: Any) -> Any:
    """A JSON value with the names of all its objects' members in snake_case."""
    if isinstance(value, Mapping):
        return {to_snake(name): keys_to_snake(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [keys_to_snake(item) for item in value]
    return value
