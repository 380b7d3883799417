"""Long work of a core that has no event loop, done on one."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from mix_protocol.codec.steps import Steps

T = TypeVar("T")


async def unhurried(steps: Steps[T]) -> T:
    """Do long work in steps; others have their turn, and time limits hold, between them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)
