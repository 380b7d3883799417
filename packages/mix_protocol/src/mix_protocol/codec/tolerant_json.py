"""JSON lists of which some rows can't be read: those are left out, and the others are of use all the same.

A directory lists hundreds of nodes, each of which tells of itself what it likes and runs the software that it likes.
One odd row must not hide the network.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from mix_protocol.codec.json import check_nesting, decode_checked
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.codec.steps import Steps

T = TypeVar("T")

_ROWS_IN_A_STEP = 100


class JsonObject:
    """A JSON object whose members are decoded one by one, on demand."""

    def __init__(self, data: bytes, what: str) -> None:
        """Raises `MalformedMessage` unless `data` is one well-formed object."""
        check_nesting(data, what)
        self._what = what
        self._members = _split(data, what)

    @classmethod
    def of_checked(cls, data: bytes, what: str) -> JsonObject:
        """Of a text that has passed `check_nesting` already; raises `MalformedMessage` as well."""
        made = cls.__new__(cls)
        made._what, made._members = what, _split(data, what)
        return made

    def member(self, name: str, kind: type[T]) -> T:
        """A member that must be there and fit; raises `MalformedMessage`."""
        return decode_checked(self._raw(name), kind, self._what)

    def object(self, name: str) -> JsonObject:
        """A member that is an object itself; raises `MalformedMessage`."""
        return self.of_checked(self._raw(name), self._what)

    def rows(self, name: str, limit: int) -> list[bytes]:
        """The items of a member that is a list of at most `limit`, not decoded; raises `MalformedMessage`."""
        import msgspec

        rows = decode_checked(self._raw(name), list[msgspec.Raw], self._what)
        if len(rows) > limit:
            raise MalformedMessage(self._what, f"it lists more than {limit}")
        return typing.cast(list[bytes], rows)

    def _raw(self, name: str) -> bytes:
        raw = self._members.get(name)
        if raw is None:
            raise MalformedMessage(self._what, f"it lacks `{name}`")
        return raw


def decode_readable(rows: list[bytes], kind: type[T], what: str) -> Steps[list[T]]:
    """The rows that can be read as this dataclass, in order."""
    readable = []
    for number, row in enumerate(rows, 1):
        with contextlib.suppress(MalformedMessage):
            readable.append(decode_tolerantly(row, kind, what))
        if number % _ROWS_IN_A_STEP == 0:
            yield
    return readable


def decode_tolerantly(data: bytes, kind: type[T], what: str) -> T:
    """Decode a dataclass; members that have a default and can't be read count as absent, at every depth.

    The nesting of `data` must have been checked. Raises `MalformedMessage`.
    """
    try:
        return decode_checked(data, kind, what)
    except MalformedMessage:
        return _build(data, kind, what)


def _build(data: bytes, kind: type[T], what: str) -> T:
    """The slow way, member by member."""
    members = _split(data, what)
    values: dict[str, Any] = {}
    for part, hint, nested in _parts(typing.cast(type, kind)):
        raw = members.get(part.name)
        if raw is None:
            continue
        try:
            values[part.name] = _read(raw, hint, nested, what)
        except MalformedMessage:
            if _is_required(part):
                raise
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise MalformedMessage(what, str(error)) from None


def _read(raw: bytes, hint: Any, nested: type | None, what: str) -> object:
    try:
        return decode_checked(raw, hint, what)
    except MalformedMessage:
        if nested is None:
            raise
        return _build(raw, nested, what)


@functools.cache
def _parts(kind: type) -> tuple[tuple[dataclasses.Field[Any], Any, type | None], ...]:
    """A dataclass's fields, each with its type and, where that is a dataclass or nothing, the dataclass."""
    hints = typing.get_type_hints(kind)
    parts = []
    for part in dataclasses.fields(kind):
        hint = hints[part.name]
        nested = next((option for option in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(option)), None)
        if typing.get_origin(hint) in (list, dict, tuple):
            nested = None
        parts.append((part, hint, typing.cast("type | None", nested)))
    return tuple(parts)


def _is_required(part: dataclasses.Field[Any]) -> bool:
    return part.default is dataclasses.MISSING and part.default_factory is dataclasses.MISSING


def _split(data: bytes, what: str) -> Mapping[str, bytes]:
    import msgspec

    return typing.cast(Mapping[str, bytes], decode_checked(data, dict[str, msgspec.Raw], what))
