"""What is said over the socket: one line of JSON asks, one answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

MAX_LINE_BYTES = 1 << 20

Verb = Literal["status", "add-mix", "kill", "restart", "stop", "slow", "resume", "rotate-keys", "set-link"]


@dataclass(frozen=True)
class Command:
    """A question or an order.

    node -- whom it is about: for kill, restart, stop, slow and resume
    layer -- for add-mix
    link -- for slow and set-link
    """

    verb: Verb
    node: str = ""
    layer: int | None = None
    link: str | None = None


@dataclass(frozen=True)
class Failure:
    """Why it was not done: an error's code, text and fields."""

    code: str
    message: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came of it."""

    result: dict[str, Any] | None = None
    failure: Failure | None = None
