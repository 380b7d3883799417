"""Exceptions that nobody expected: kept where they happened, and logged once each.

One bad peer must end its own connection, flow, request or session, and nothing else. Where one such thing is handled
among many, the handling runs inside `CrashLog.isolated`.
"""

from __future__ import annotations

import logging
from types import TracebackType

_MOST_KINDS = 256
_SHOWN_FRAMES = 6


class CrashLog:
    """Logs each kind of crash once: who can cause one can cause thousands.

    A kind is an exception's class and the line that raised it. The exception's text is not logged, for it may hold what
    a peer has sent, addresses and keys included.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._seen: set[tuple[str, str]] = set()
        self.count = 0

    def note(self, error: Exception, ended: str) -> None:
        """Count a crash and log it, if it is the first of its kind.

        ended -- what it has cost, to end the sentence "an error in this software has ended …"
        """
        self.count += 1
        frames = _frames(error.__traceback__)
        kind = (type(error).__qualname__, frames[-1] if frames else "")
        if kind in self._seen or len(self._seen) >= _MOST_KINDS:
            return
        self._seen.add(kind)
        self._logger.error(
            "an error in this software has ended %s; please report it: %s at %s",
            ended,
            kind[0],
            ", ".join(reversed(frames[-_SHOWN_FRAMES:])) or "an unknown place",
        )

    def isolated(self, ended: str) -> Isolation:
        """A context manager that lets no exception out of its block; `ended` is as for `note`."""
        return Isolation(self, ended)


class Isolation:
    """Made by `CrashLog.isolated`."""

    __slots__ = ("_ended", "_log")

    def __init__(self, log: CrashLog, ended: str) -> None:
        self._log = log
        self._ended = ended

    def __enter__(self) -> None:
        pass

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        self._log.note(error, self._ended)
        return True


def _frames(traceback: TracebackType | None) -> list[str]:
    """`module:line in function`, the innermost last."""
    frames = []
    while traceback is not None:
        frame = traceback.tb_frame
        frames.append(f"{frame.f_globals.get('__name__', '?')}:{traceback.tb_lineno} in {frame.f_code.co_name}")
        traceback = traceback.tb_next
    return frames
