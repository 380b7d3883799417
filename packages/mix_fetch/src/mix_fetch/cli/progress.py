"""The bar on standard error while a body is written to a file."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from mix_fetch.response import Response


class Progress:
    """A bar with bytes, speed and time left; none unless a person sits there and the body goes elsewhere."""

    def __init__(self, response: Response, *, to_terminal: bool) -> None:
        self._bar: Any = None
        if to_terminal or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bar

        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=Console(stderr=True))
        length = response.headers.get("content-length", "")
        self._task = self._bar.add_task("", total=int(length) if length.isdecimal() else None)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def advance(self, count: int) -> None:
        """So many bytes more have been written."""
        if self._bar is not None:
            self._bar.advance(self._task, count)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
