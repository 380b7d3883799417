"""An event loop for targets that need one: its clock jumps, so that no limit of time is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from support.virtual_time import VirtualTimeLoop


def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end; nothing may be left running then. Raises what the work raises, and what its tasks did."""
    faults: list[BaseException] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: _note(context, faults))
        await work
        await asyncio.sleep(0.01)  # what was closed gets to its end
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
    if faults:
        raise faults[0]


def _note(context: dict[str, Any], faults: list[BaseException]) -> None:
    faults.append(context.get("exception") or AssertionError(context["message"]))
