"""Reads a program's TOML file so that whatever is wrong is told with its line, its key and what would be right."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from mix_network.errors import InvalidConfiguration

T = TypeVar("T")

_LINE_IN_MESSAGE = re.compile(r"at line (\d+)")
_SECTION = re.compile(r"\s*\[([A-Za-z0-9_.-]+)\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")


class Configuration:
    """One table of a TOML file. Each key is asked for once; `finish` tells which were never asked for."""

    def __init__(self, values: dict[str, Any], path: str = "", lines: dict[str, int] | None = None) -> None:
        self._values = dict(values)
        self._path = path
        self._lines = lines or {}
        self._known: list[str] = []

    @classmethod
    def parse(cls, content: bytes) -> Configuration:
        """Read a file. Raises `InvalidConfiguration`, as all of this does."""
        try:
            text = content.decode("utf-8")
            values = tomllib.loads(text)
        except UnicodeDecodeError:
            raise InvalidConfiguration("the configuration is not UTF-8 text", line=0, key="") from None
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            found = _LINE_IN_MESSAGE.search(str(error))
            line = int(found[1]) if found else 0
            raise InvalidConfiguration(f"line {line} is no TOML: {error}", line=line, key="") from None
        return cls(values, lines=dict(_find_lines(text)))

    def section(self, name: str) -> Configuration:
        """The table of this name, empty if it is not there."""
        value = self._take(name, {})
        if not isinstance(value, dict):
            self.fail(name, f"it is a section, which begins with [{name}]")
        return Configuration(value, self._path_of(name), self._lines)

    def text(self, name: str, default: str) -> str:
        """Text."""
        return self._typed(name, default, str, "text in quotes")

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """A number within bounds."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.fail(name, f"it is a number from {least:g} to {most:g}")
        return value

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.fail(name, f"it is a whole number from {least} to {most}")
        return value

    def port(self, name: str, default: int) -> int:
        """A port; 0 stands for a free one."""
        return self.whole(name, default, least=0, most=0xFFFF)

    def flag(self, name: str, default: bool) -> bool:
        """true or false."""
        return self._typed(name, default, bool, "true or false")

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """One of some words."""
        value = self._take(name, default)
        if value not in choices:
            self.fail(name, f"it is one of {', '.join(choices)}")
        return str(value)

    def texts(self, name: str, default: Sequence[str], check: Callable[[str], bool], what: str) -> tuple[str, ...]:
        """A list of texts, each of which passes `check`; `what` says what they are."""
        value = self._take(name, list(default))
        if not isinstance(value, list) or not all(isinstance(each, str) and check(each) for each in value):
            self.fail(name, f"it is a list of {what}")
        return tuple(value)

    def other(self, name: str, default: T, check: Callable[[Any], bool], what: str) -> T:
        """Whatever passes `check`."""
        value = self._take(name, default)
        if not check(value):
            self.fail(name, f"it is {what}")
        return value  # type: ignore[no-any-return]

    def finish(self) -> None:
        """Insist that there are no keys but those that were asked for."""
        for name in self._values:
            near = get_close_matches(name, self._known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self._known)}"
            self.fail(name, f"there is no such key here; {hint}")

    def fail(self, name: str, why: str) -> NoReturn:
        """Say what is wrong with a key."""
        key = self._path_of(name)
        line = self._lines.get(key, 0)
        place = f"line {line}: " if line else ""
        raise InvalidConfiguration(f"{place}{key}: {why}", line=line, key=key)

    def _typed(self, name: str, default: T, kind: type[T], what: str) -> T:
        value = self._take(name, default)
        if not isinstance(value, kind):
            self.fail(name, f"it is {what}")
        return value

    def _take(self, name: str, default: Any) -> Any:
        self._known.append(name)
        return self._values.pop(name, default)

    def _path_of(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def is_ip_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_web_address(text: str) -> bool:
    """Whether it is an http or https URL with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _find_lines(text: str) -> Iterator[tuple[str, int]]:
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _SECTION.match(line):
            section = found[1]
            yield section, number
        elif found := _KEY.match(line):
            yield (f"{section}.{found[1]}" if section else found[1]), number
