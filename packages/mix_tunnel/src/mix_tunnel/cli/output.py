"""Where a body goes: standard output or a file, without ever stopping the tunnel while the reader is slow.

A terminal gets no byte that it would take for an order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from types import TracebackType
from typing import Self

from mix_tunnel.cli.exit_codes import ExitCode
from mix_tunnel.cli.running import Failure
from mix_tunnel.cli.terminal import PlainStream

_PIPE_CHUNK_BYTES = 4096  # POSIX: a pipe that select calls writable takes PIPE_BUF bytes at least


class Output:
    """Writes bytes to a path, or to standard output when the path is None or "-". A context manager."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path if path != "-" else None
        self._descriptor = -1
        self._plain: PlainStream | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads along: control characters are written out then."""
        return os.isatty(self._descriptor) if self._descriptor >= 0 else self._path is None and sys.stdout.isatty()

    def __enter__(self) -> Self:
        if self._path is None:
            self._descriptor = sys.stdout.fileno()
        else:
            try:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            except OSError as error:
                raise Failure(ExitCode.WRITE_FAILED, f"the output file can't be written: {error.strerror}") from error
        self._plain = PlainStream() if self.is_terminal else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._plain is not None and (rest := self._plain.feed(b"", end=True)):
            with contextlib.suppress(OSError):
                os.write(self._descriptor, rest)
        if self._path is not None:
            os.close(self._descriptor)

    async def write(self, data: bytes) -> None:
        """Write all of `data`, letting the event loop run while a pipe is full."""
        try:
            view = memoryview(data if self._plain is None else self._plain.feed(data))
            while view:
                waited = await self._writable()
                view = view[os.write(self._descriptor, view[:_PIPE_CHUNK_BYTES] if waited else view) :]
        except BrokenPipeError as error:  # the reader has had enough, as `head` has: nothing to complain about
            raise Failure(ExitCode.WRITE_FAILED) from error
        except OSError as error:
            raise Failure(ExitCode.WRITE_FAILED, f"the output can't be written: {error.strerror}") from error

    async def _writable(self) -> bool:
        """Wait until the descriptor takes bytes; False when it is a file, which always does."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_writer(self._descriptor, ready.set)
        except (PermissionError, NotImplementedError):  # epoll does not watch files
            return False
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._descriptor)
        return True
