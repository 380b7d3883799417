"""Runs an asynchronous server in a thread of its own, for tests that start programs and wait for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_thread(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enter `server` in a new event loop in a new thread; leave it at the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    async def enter() -> T:
        return await server.__aenter__()

    async def leave() -> None:
        await server.__aexit__(None, None, None)

    try:
        value = wait(enter())
        try:
            yield value
        finally:
            wait(leave())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
