"""Names across the border: Python's snake_case inside, JavaScript's camelCase outside. Converted here and only here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_CAPITAL = re.compile(r"[A-Z]")
_OTHER_NAMES = {
    "total_s": "timeoutMs",
    "connect_s": "connectTimeoutMs",
    "response_s": "responseTimeoutMs",
    "idle_s": "idleTimeoutMs",
    "open_timeout_s": "openTimeoutMs",
    "ping_interval_s": "pingIntervalMs",
    "subprotocols": "protocols",
}
"""Options whose names differ in more than their capitals: seconds in Python are milliseconds in JavaScript."""
_UNDERSCORE = re.compile(r"_+([a-z0-9])")


_LONGEST_NAME = 64
"""Longer ones are none of ours, and stay as they are."""


@lru_cache(maxsize=1024)
def to_camel(name: str) -> str:
    """`max_redirects` to `maxRedirects`."""
    return name if len(name) > _LONGEST_NAME else _UNDERSCORE.sub(lambda match: match[1].upper(), name)


@lru_cache(maxsize=1024)
def to_snake(name: str) -> str:
    """`maxRedirects` to `max_redirects`."""
    return name if len(name) > _LONGEST_NAME else _CAPITAL.sub(lambda match: f"_{match[0].lower()}", name)


def spell_option(name: str, value: str | None) -> str:
    """An option as JavaScript writes it: `forceTls`, or `forceTls: false`."""
    name = _OTHER_NAMES.get(name) or to_camel(name)
    return name if value is None else f"{name}: {value.lower()}"


def fields_to_camel(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An error's fields in JavaScript's names, and so the option that it names."""
    named: dict[str, Any] = keys_to_camel(fields)
    option = named.get("option")
    return {**named, "option": spell_option(option, None)} if isinstance(option, str) else named


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
