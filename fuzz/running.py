"""Runs a target without guidance: seeds and their mutants, for so long or for so many inputs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from fuzz.judging import bounded_memory, describe, judge, nothing_hidden
from fuzz.mutation import inputs
from fuzz.registry import Target

FINDINGS = Path("build/fuzz/findings")


@dataclass(frozen=True)
class Outcome:
    """What became of a target's run."""

    inputs: int
    finding: str | None = None
    file: Path | None = None
    """Where the input that made the finding is kept."""


def run_unguided(target: Target, *, seconds: float, most: int | None = None, number: int = 0) -> Outcome:
    """Give a target inputs until the time is over, or so many; the same ones for the same `number`.

    The first finding ends it. Never raises one.
    """
    end = time.monotonic() + seconds
    count = 0
    data = b""
    try:
        with nothing_hidden(), bounded_memory(target.name):
            seeds = list(target.seeds())
            for data in inputs(seeds, number):
                if count >= len(seeds) and (time.monotonic() >= end or count == most):
                    break
                judge(target, data)
                count += 1
    except Exception as error:
        return Outcome(count, describe(error), keep(target.name, data))
    return Outcome(count)


def keep(name: str, data: bytes) -> Path:
    """Write an input down, so that it can be run again with `--again`."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    path = FINDINGS / f"{name}-{hash(data) & 0xFFFFFFFF:08x}"
    path.write_bytes(data)
    return path
