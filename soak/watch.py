"""What processes take of the machine, looked at again and again."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_EVERY_S = 1.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MORE_BYTES, _MORE_DESCRIPTORS = 24 << 20, 40
_MORE_SHARE = 1.15


@dataclass(frozen=True)
class Sample:
    """One look: resident memory in bytes, and open files."""

    at: float
    memory_bytes: int
    descriptors: int


@dataclass
class Watch:
    """Looks at processes.

    processes -- gives their numbers by what each is; those of programs that are restarted change
    """

    processes: Callable[[], Mapping[str, int]]
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look(asyncio.get_running_loop().time())
            await asyncio.sleep(_EVERY_S)

    def look(self, now: float) -> None:
        """Look once."""
        for name, pid in self.processes().items():
            try:
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                descriptors = len(os.listdir(f"/proc/{pid}/fd"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            if not pages:
                continue  # it has ended, and nobody has asked how yet
            self.samples.setdefault(name, []).append(Sample(now, pages * _PAGE_BYTES, descriptors))


def homes_of(pid: int) -> dict[int, Path]:
    """The programs that `mix-network up --processes` runs, each with its home; none without."""
    homes = {}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            try:
                words = Path(f"/proc/{child}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if "--home" in words[:-1]:
                homes[int(child)] = Path(words[words.index("--home") + 1])
    return homes


def programs_of(pid: int) -> dict[str, int]:
    """Their numbers by what they are."""
    return {home.name: child for child, home in homes_of(pid).items()}


def levels_off(samples: Sequence[Sample]) -> bool:
    """Whether the last third of a run took no more than the one before it, but for what differs anyway."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    if not middle:
        return True
    memory = [statistics.median(each.memory_bytes for each in part) for part in (middle, last)]
    files = [statistics.median(each.descriptors for each in part) for part in (middle, last)]
    return memory[1] <= memory[0] * _MORE_SHARE + _MORE_BYTES and files[1] <= files[0] * _MORE_SHARE + _MORE_DESCRIPTORS
