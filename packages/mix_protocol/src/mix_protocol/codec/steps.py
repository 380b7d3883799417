"""Work in steps: what takes long is a generator that yields between them, so that whoever runs it can do other things.

A core without an event loop can't let others have their turn; its caller can.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Each `next` does one step of some milliseconds at most; the generator's value is the result."""


def run(steps: Steps[T]) -> T:
    """Do all steps in a row."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


async def run_in_turns(steps: Steps[T], pause: Callable[[], Awaitable[None]]) -> T:
    """Do all steps, with a `pause` after each, in which others have their turn."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await pause()
