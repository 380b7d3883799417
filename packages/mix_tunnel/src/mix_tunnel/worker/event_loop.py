"""The event loop of a worker's Python: Pyodide's, with all that is ready in one task of the browser's.

Pyodide's own makes each call a task of the browser's, with a JavaScript function made for it, and each future two of
them. A small fetch had forty, and where others use the machine each waits for its turn.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Callable, Coroutine
from typing import Any

import js
from pyodide.ffi import create_proxy
from pyodide.webloop import WebLoop, scheduleCallback

from mix_tunnel.worker.turns import Turns


class WorkerLoop(WebLoop):  # type: ignore[misc]
    """Runs from when it is made; there is one in a worker."""

    def __init__(self) -> None:
        super().__init__()
        self._timer: int | None = None
        self._turns = Turns(self.time, self._post, self._wake_in)
        self._run_proxy = create_proxy(self._run)
        self._wake_proxy = create_proxy(self._wake)

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Call in this turn or the next, in order."""
        handle = asyncio.Handle(callback, args, self, context)
        self._turns.add(handle)
        return handle

    def call_after_events(self, callback: Callable[..., Any], *args: Any) -> asyncio.Handle:
        """Call in a task of its own, behind what the browser has for us now, such as messages that have come."""
        handle: asyncio.Handle = WebLoop.call_later(self, 0, callback, *args)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call after so many seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call at a time of this loop's clock."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if when != math.inf:
            self._turns.add_later(handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._turns.note_cancelled()

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of the standard library's."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        """Make a task of the standard library's."""
        return asyncio.Task(coro, loop=self, **options)

    def _run(self, *_: Any) -> None:
        self._install_running_loop()
        self._install_asyncgen_hooks()
        self._turns.run()

    def _wake(self, *_: Any) -> None:
        self._install_running_loop()
        self._install_asyncgen_hooks()
        self._turns.wake()

    def _post(self) -> None:
        scheduleCallback(self._run_proxy, 0)

    def _wake_in(self, delay_s: float) -> None:
        if self._timer is not None:
            js.clearTimeout(self._timer)
        # Browsers count whole milliseconds. Were it less, what is to be done then would be asked for until it is time.
        self._timer = js.setTimeout(self._wake_proxy, min(math.ceil(delay_s * 1000), _LONGEST_MS))


_LONGEST_MS = 0x7FFFFFFF
"""Browsers take longer times for none at all."""
