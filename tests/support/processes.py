"""Starts the project's programs as a user does: as processes of their own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
_TESTS = Path(__file__).resolve().parents[1]
READY_SECONDS = 100
STOP_SECONDS = 60


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the block ends, then stop it with SIGTERM; it must go by itself."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    errors: list[str] = []
    drain = threading.Thread(target=lambda: errors.extend(process.stderr), daemon=True)
    drain.start()
    process.errors = errors
    process.drain = drain
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{command[0]} did not stop after SIGTERM:\n{''.join(errors)}") from None
        finally:
            process.stdout.close()
            drain.join()
            process.stderr.close()


def supporting(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of these, wherever the tests were started."""
    find = f"import runpy, sys; sys.path.insert(0, {str(_TESTS)!r}); "
    start = f"{find}runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return [sys.executable, "-c", start, *arguments]


def ended(process: subprocess.Popen[str], seconds: float = STOP_SECONDS) -> int:
    """Wait until a program has ended and all that it said is read; gives its exit code."""
    code = process.wait(seconds)
    process.drain.join()
    return code


def first_line(process: subprocess.Popen[str]) -> str:
    """The first line that a program prints when it is ready."""
    watchdog = threading.Timer(READY_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    if not line:
        ended(process)
        raise AssertionError(f"it ended with {process.returncode} before it was ready:\n{''.join(process.errors)}")
    return line


@contextlib.contextmanager
def local_network(*arguments: str) -> Iterator[dict[str, Any]]:
    """`mix-network up --json` with more arguments; gives what its one line says."""
    with running([str(BIN / "mix-network"), "up", "--json", *arguments]) as process:
        yield json.loads(first_line(process))
