"""Programs around Nym's published crates (folders of `tests/interop`), built when first needed and kept in a cache.

`versions.lock` there is cargo's lock file without the lines that name the registry, which is cargo's own affair.
`python -m support.judge FOLDER` in `tests` writes it again, with the newest versions that Cargo.toml allows.
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
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

FAST = "crates"
SLOW = "api_crates"
NATIVE = "native_crates"
_ASKED_FOR = {SLOW: ("MIX_SLOW_JUDGES", "ten minutes"), NATIVE: ("MIX_NATIVE_JUDGES", "an hour")}
"""Judges that are asked only where an environment variable is 1, for they take so long to build."""

_FOLDERS = Path(__file__).parents[1] / "interop"
_CACHES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
_SOURCE_LINE = re.compile(r"^source = .*\n", re.MULTILINE)
_CHECKSUM_LINE = re.compile(r"^checksum = ", re.MULTILINE)


@functools.cache
def build_judge(folder: str) -> Path:
    """The program of a folder; a test that asks for it is skipped where there is no cargo, or too little time."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed: published crates can't judge here")
    wanted, time_to_build = _ASKED_FOR.get(folder, ("", ""))
    if wanted and os.environ.get(wanted) != "1":
        pytest.skip(f"these crates take {time_to_build} to build: set {wanted}=1 to let them judge")
    cache = _cache(folder)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        ignored = shutil.ignore_patterns("Cargo.lock", "target")
        shutil.copytree(_FOLDERS / folder, cache / "source", dirs_exist_ok=True, ignore=ignored)
        _write_lock(folder)
        _cargo(folder, "build", "--quiet", "--locked", "--target-dir", str(cache / "target"))
    return cache / "target" / "debug" / "judge"


def _cache(folder: str) -> Path:
    return _CACHES / f"mix-{folder.replace('_', '-')}"


def _write_lock(folder: str) -> None:
    """Complete the pinned versions by the registry that cargo has, as it names it itself."""
    lock = _cache(folder) / "source" / "Cargo.lock"
    known = _SOURCE_LINE.search(lock.read_text()) if lock.exists() else None
    if known is None:
        _cargo(folder, "generate-lockfile", "--quiet")
        known = _SOURCE_LINE.search(lock.read_text())
        assert known is not None
    pinned = (_FOLDERS / folder / "versions.lock").read_text()
    complete = _CHECKSUM_LINE.sub(known[0].replace("\\", r"\\") + "checksum = ", pinned)
    if complete != lock.read_text():
        lock.write_text(complete)


def _cargo(folder: str, *arguments: str) -> None:
    source = _cache(folder) / "source"
    done = subprocess.run(["cargo", *arguments], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@contextlib.asynccontextmanager
async def run_judge(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One command of the fast one, with pipes; it is gone afterwards."""
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.to_thread(build_judge, FAST)
    judge = await asyncio.create_subprocess_exec(program, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield judge
    finally:
        with contextlib.suppress(ProcessLookupError):
            judge.kill()
        await judge.communicate()


class LineJudge:
    """Asks a program question by question; bytes are given and taken as hexadecimal text."""

    def __init__(self, folder: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [build_judge(folder), *arguments],
            stdin=pipe,
            stdout=pipe,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, question: str, **details: Any) -> dict[str, Any]:
        """The answer, which may be an `error`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"ask": question, **details}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"the judge ended when it was asked: {question}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the program."""
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


if __name__ == "__main__":
    _folder = sys.argv[1]
    build_judge(_folder)
    _cargo(_folder, "update", "--quiet")
    _lock = (_cache(_folder) / "source" / "Cargo.lock").read_text()
    (_FOLDERS / _folder / "versions.lock").write_text(_SOURCE_LINE.sub("", _lock))
