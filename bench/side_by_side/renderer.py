"""Chromium's processes as Linux sees them: the renderer has the page's thread and the worker's, so it counts both."""

from __future__ import annotations

import os
import re
from pathlib import Path

PROC = Path("/proc")
_WORKER_THREAD = "DedicatedWorker"


class NoRenderer(Exception):
    """No renderer has a worker (any more)."""


class Renderer:
    """The renderer process of a page that has a worker."""

    def __init__(self, pid: int) -> None:
        self._folder = PROC / str(pid)

    def cpu_s(self) -> float:
        """Seconds of CPU that all of its threads have used."""
        return cpu_ticks(_read(self._folder / "stat")) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Its private memory, as Chromium's task manager counts it on Linux: all that isn't a file's."""
        return private_kib(_read(self._folder / "status")) * 1024 / 1e6


def cpu_ticks(stat: str) -> int:
    """User's and system's time in a line of /proc/PID/stat, whose second field may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def private_kib(status: str) -> int:
    """Anonymous memory in /proc/PID/status, in KiB."""
    return sum(int(size) for size in re.findall(r"^(?:RssAnon|VmSwap):\s*(\d+) kB$", status, re.MULTILINE))


def find_renderer(profile: Path) -> Renderer:
    """The renderer, of the browser with this profile, that runs a worker. Raises `NoRenderer`."""
    for pid, command in _processes(profile):
        if "--type=renderer" in command and any(
            _read(thread / "comm").startswith(_WORKER_THREAD) for thread in (PROC / str(pid) / "task").iterdir()
        ):
            return Renderer(pid)
    raise NoRenderer(f"no renderer of {profile} runs a worker")


def _processes(profile: Path) -> list[tuple[int, str]]:
    """Those that were started with this profile, each with its command."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdigit() and f"--user-data-dir={profile}" in (command := _read(folder / "cmdline")):
            found.append((int(folder.name), command))
    return found


def _read(path: Path) -> str:
    """What a file of /proc says; nothing when its process has just ended."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
