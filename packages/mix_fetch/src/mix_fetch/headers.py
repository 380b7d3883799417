"""Headers of a response: a mapping without case, that keeps repeated ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Headers(Mapping[str, str]):
    """Maps a header's name, in any case, to its value; repeated ones are joined by ", " as in the Fetch standard.

    `get_all` and `items_apart` keep repeated headers apart, which Set-Cookie needs.
    """

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = tuple(items)

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._items))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._items})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def get_all(self, name: str) -> list[str]:
        """Every value of a header, in the order in which they came."""
        lower = name.lower()
        return [value for other, value in self._items if other.lower() == lower]

    def items_apart(self) -> list[tuple[str, str]]:
        """Every header as the server wrote it, in its order."""
        return list(self._items)

    def __repr__(self) -> str:
        """Names alone: values log people in."""
        return f"<Headers {', '.join(name for name, _ in self._items)}>"
