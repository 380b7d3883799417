"""What starts as a whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Lifecycle(ABC):
    """Something to use as an async context manager, or by `start` and `close`."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start everything; what has started is closed again when something can't."""
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise

    @abstractmethod
    async def close(self) -> None:
        """End everything, also what has only begun to start."""

    @abstractmethod
    async def _start(self) -> None: ...
