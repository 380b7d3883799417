"""Long work of a core that has no event loop, done on one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TypeVar

from mix_protocol.codec.steps import Steps, run_in_turns

T = TypeVar("T")

_next_turn = partial(asyncio.sleep, 0)


async def unhurried(steps: Steps[T]) -> T:
    """Do long work in steps; packets have their turn, and time limits hold, between them."""
    return await run_in_turns(steps, _next_turn)
