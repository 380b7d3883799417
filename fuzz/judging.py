"""What is asked of a target for each input: an answer within bounded time and memory, and no exception but those that
its layer promises."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator

from fuzz.registry import Target
from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError, PeerIncompatible, PeerMisbehaved

PROMISED = (PeerMisbehaved, PeerIncompatible)
"""What a decoder may raise; targets of other layers take their own errors themselves."""
BUSY_S = 2.0
"""Longest work for one input, in seconds of this thread. Inputs are many messages, of which each may take 50 ms."""
GROWTH_BYTES = 512 << 20
"""How much a target's memory may grow, whatever its inputs."""


class Finding(Exception):
    """A target did with an input what it must not do."""


def judge(target: Target, data: bytes) -> None:
    """Run a target once. Raises whatever it does that it must not."""
    began = time.thread_time()
    with contextlib.suppress(*PROMISED):
        target.run(data)
    busy_s = time.thread_time() - began
    if busy_s > BUSY_S:
        raise Finding(f"{target.name} was busy for {busy_s:.1f} s with one input")


@contextlib.contextmanager
def nothing_hidden() -> Iterator[None]:
    """Let exceptions that isolation would keep in one place come out as findings."""
    note = CrashLog.note

    def reveal(log: CrashLog, error: Exception, ended: str) -> None:
        del log, ended
        raise error

    CrashLog.note = reveal  # type: ignore[method-assign]
    try:
        yield
    finally:
        CrashLog.note = note  # type: ignore[method-assign]


@contextlib.contextmanager
def bounded_memory(name: str) -> Iterator[None]:
    """Raise a finding if this process grows by more than a target may."""
    before = _peak_bytes()
    yield
    grown = _peak_bytes() - before
    if grown > GROWTH_BYTES:
        raise Finding(f"{name} took {grown >> 20} MiB")


def describe(error: BaseException) -> str:
    """One line about a finding."""
    what = f"{error}" if isinstance(error, (Finding, MixError)) else type(error).__name__
    return f"{what} at {_place(error)}"


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "?"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
