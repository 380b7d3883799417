"""One program of the network as a process, from its start to its end, and again."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mix_network.processes.errors import ProgramNotReady

READY_S: Final = 60.0
STOP_S: Final = 3.0
_PR_SET_PDEATHSIG: Final = 1
_LOG_NAME: Final = "log.txt"
_TOLD_BYTES: Final = 2000


def _end_with_parent() -> Callable[[], None] | None:
    """What a new process does first, so that it ends when this one does, however that ends (prctl(2)); on Linux.

    By SIGKILL, which ends one that is stopped, too: who ends in order has ended the others before.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has ended meanwhile
            os._exit(1)

    return prepare


class Program:
    """`mix-network node run` or `mix-network directory run` with a home.

    kind -- `node` or `directory`
    """

    def __init__(self, kind: str, home: Path) -> None:
        self._kind = kind
        self.home = home
        self._process: asyncio.subprocess.Process | None = None
        self.told: Mapping[str, Any] = {}
        self._is_ready = False

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Its number; None if there is none."""
        return self._process.pid if self._process is not None and self.is_running else None

    async def start(self) -> Mapping[str, Any]:
        """Start it; gives what it says when it works. Raises `ProgramNotReady`."""
        with (self.home / _LOG_NAME).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "mix_network", self._kind, "run", "--home", str(self.home), "--json"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                process_group=0,  # Ctrl-C is for the process that started the network, which then ends the others
                preexec_fn=_end_with_parent(),
            )
        self._process, self._is_ready = process, False
        assert process.stdout is not None
        line = b""
        try:
            async with asyncio.timeout(READY_S):
                line = await process.stdout.readline()
        except TimeoutError:
            await self.kill()
        if not line:
            raise ProgramNotReady(program=self.home.name, why=self._last_words())
        self.told = json.loads(line)
        self._is_ready = True
        return self.told

    def reload(self) -> None:
        """Let it read its configuration again; one that is only starting reads it anyway, and would be ended."""
        if self._is_ready:
            self.send(signal.SIGHUP)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self._process is not None and self.is_running:
            self._process.send_signal(number)

    async def kill(self) -> None:
        """End it at once."""
        await self._end(signal.SIGKILL, None)

    async def stop(self) -> None:
        """End it in order; after a while it has to."""
        self.send(signal.SIGCONT)
        await self._end(signal.SIGTERM, STOP_S)

    async def _end(self, number: signal.Signals, patience_s: float | None) -> None:
        process = self._process
        if process is None:
            return
        self.send(number)
        try:
            async with asyncio.timeout(patience_s):
                await process.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await process.wait()

    def _last_words(self) -> str:
        text = (self.home / _LOG_NAME).read_text("utf-8", "replace")[-_TOLD_BYTES:]
        return text.strip() or "it has said nothing"
