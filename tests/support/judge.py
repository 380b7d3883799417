"""The program around Nym's published crates (`tests/interop/crates`), built when first needed and kept in a cache.

`versions.lock` there is cargo's lock file without the lines that name the registry, which is cargo's own affair.
`python -m support.judge` in `tests` writes it again, with the newest versions that Cargo.toml allows.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

CRATES = Path(__file__).parents[1] / "interop" / "crates"
PINNED = CRATES / "versions.lock"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mix-crates"
SOURCE = CACHE / "source"

_SOURCE_LINE = re.compile(r"^source = .*\n", re.MULTILINE)
_CHECKSUM_LINE = re.compile(r"^checksum = ", re.MULTILINE)


@functools.cache
def build_judge() -> Path:
    """The program; a test that asks for it is skipped where there is no cargo."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed: published crates can't judge here")
    SOURCE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        shutil.copytree(CRATES, SOURCE, dirs_exist_ok=True, ignore=shutil.ignore_patterns("Cargo.lock", "target"))
        _write_lock(PINNED.read_text())
        _cargo("build", "--quiet", "--locked", "--target-dir", str(CACHE / "target"))
    return CACHE / "target" / "debug" / "judge"


def _write_lock(pinned: str) -> None:
    """Complete the pinned versions by the registry that cargo has, as it names it itself."""
    lock = SOURCE / "Cargo.lock"
    known = _SOURCE_LINE.search(lock.read_text()) if lock.exists() else None
    if known is None:
        _cargo("generate-lockfile", "--quiet")
        known = _SOURCE_LINE.search(lock.read_text())
        assert known is not None
    complete = _CHECKSUM_LINE.sub(known[0].replace("\\", r"\\") + "checksum = ", pinned)
    if complete != lock.read_text():
        lock.write_text(complete)


def _cargo(*arguments: str) -> None:
    done = subprocess.run(["cargo", *arguments], cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@contextlib.asynccontextmanager
async def run_judge(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One command of it, with pipes; it is gone afterwards."""
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.to_thread(build_judge)
    judge = await asyncio.create_subprocess_exec(program, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield judge
    finally:
        with contextlib.suppress(ProcessLookupError):
            judge.kill()
        await judge.communicate()


class SphinxJudge:
    """Asks the crate `sphinx-packet`, question by question; bytes are given and taken as hexadecimal text."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([build_judge(), "sphinx"], stdin=pipe, stdout=pipe, text=True)

    def ask(self, question: str, **details: Any) -> dict[str, Any]:
        """The answer, which may be an `error`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"ask": question, **details}), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the program."""
        self._process.communicate(timeout=10)


if __name__ == "__main__":
    build_judge()
    _cargo("update", "--quiet")
    PINNED.write_text(_SOURCE_LINE.sub("", (SOURCE / "Cargo.lock").read_text()))
