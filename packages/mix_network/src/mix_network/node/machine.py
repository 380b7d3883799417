"""How busy the machine is that a node runs on, by what Linux tells in /proc (proc(5)); elsewhere nothing is known."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mix_protocol.node_api.load import NodeLoad

CACHED_S: Final = 30.0
_FIVE_MINUTES: Final = 1
"""The second of the three load averages."""
_INTERFACES: Final = ("eth", "en")
_RECEIVED, _SENT = 0, 8
"""Columns of /proc/net/dev: bytes."""


class LoadMeter:
    """Assesses the load anew every half a minute at most, however often it is asked.

    clock -- monotonic seconds
    """

    def __init__(
        self, clock: Callable[[], float], proc: Path = Path("/proc"), processors: int = os.cpu_count() or 1
    ) -> None:
        self._clock = clock
        self._proc = proc
        self._processors = processors
        self._passed = self._traffic()
        self._passed_at = clock()
        self._told: NodeLoad | None = None

    def assess(self) -> NodeLoad:
        """The load."""
        now = self._clock()
        elapsed_s = now - self._passed_at
        if self._told is not None and elapsed_s < CACHED_S:
            return self._told
        before, self._passed = self._passed, self._traffic()
        received, sent = (
            8 * max(0, after - earlier) / elapsed_s if elapsed_s > 0 else math.nan
            for earlier, after in zip(before, self._passed, strict=True)
        )
        self._passed_at = now
        memory = self._memory()
        swap_bytes = memory.get("SwapTotal", 0)
        self._told = NodeLoad.assess(
            cpu=self._load_average() / self._processors,
            memory=_used(memory.get("MemTotal", 0), memory.get("MemAvailable", 0)),
            swap=_used(swap_bytes, memory.get("SwapFree", 0)),
            swap_bytes=swap_bytes,
            received_bits_per_second=received,
            sent_bits_per_second=sent,
        )
        return self._told

    def _load_average(self) -> float:
        try:
            return float(self._read("loadavg").split()[_FIVE_MINUTES])
        except (IndexError, ValueError):
            return math.nan

    def _memory(self) -> dict[str, int]:
        """Bytes, by the names of /proc/meminfo."""
        lines = (line.split() for line in self._read("meminfo").splitlines())
        return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 1 and words[1].isdigit()}

    def _traffic(self) -> tuple[int, int]:
        """Bytes received and sent by the machine's wired interfaces, as the Nym spec has it."""
        counted = list(self._interfaces())
        return sum(each[_RECEIVED] for each in counted), sum(each[_SENT] for each in counted)

    def _interfaces(self) -> Iterator[list[int]]:
        for line in self._read("net/dev").splitlines():
            name, colon, figures = line.strip().partition(":")
            if colon and name.startswith(_INTERFACES):
                yield [int(figure) for figure in figures.split()]

    def _read(self, name: str) -> str:
        try:
            return (self._proc / name).read_text("ascii", "replace")
        except OSError:
            return ""


def _used(total: int, free: int) -> float:
    return (total - free) / total if total > 0 else math.nan
