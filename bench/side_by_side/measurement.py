"""What is measured in a visit, and the rows that it gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from bench.side_by_side.cell import Cell
from bench.side_by_side.visit import Visit

Samples = Sequence[float]
IDLE_S = 10
SETTLE_S = 12
"""Our page has had Python's memory kept by then."""
ALWAYS = 1_000
"""Rounds."""


@dataclass(frozen=True)
class Aim:
    """What ours should be at most: so much of theirs, or so much in the row's own unit.

    reason -- why it is not met, where that is known
    """

    ratio: float | None = None
    most: float | None = None
    reason: str = ""

    def text(self, unit: str) -> str:
        """As a table says it."""
        return f"≤ {self.ratio:g} ×" if self.ratio is not None else f"≤ {self.most:g} {unit}"


AHEAD = Aim(ratio=1.0)


@dataclass(frozen=True)
class Row:
    """A row of the table.

    key -- its name in build/bench.json
    how -- how it is measured, as a phrase
    figure -- what becomes of a round's samples
    """

    key: str
    name: str
    unit: str
    how: str
    aim: Aim = AHEAD
    figure: Callable[[Samples], float] = median


class Measurement(Protocol):
    """Something to measure in a visit whose tunnel is ready (or, for `ready`, becomes so)."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All that it may give."""
        ...

    def is_for(self, cell: Cell, number: int) -> bool:
        """Whether it tells anything new in this cell, in the round of this number (from 0)."""
        ...

    def measure(self, visit: Visit) -> Mapping[str, float]:
        """Figures by the rows' keys. Raises `DevtoolsError`."""
        ...


@dataclass(frozen=True)
class InPage:
    """A script that runs in each page, and the renderer's CPU meanwhile.

    script -- `async (client, site) => …`; gives one sample or many
    timeout_s -- on plain links
    cpu -- the row of the renderer's CPU time, in milliseconds
    rounds -- in how many rounds at most; what takes long need not be done as often
    """

    rows: tuple[Row, ...]
    script: str
    timeout_s: float = 20
    cpu: Row | None = None
    rounds: int = ALWAYS
    rounds_on_slow_links: int = ALWAYS

    def is_for(self, cell: Cell, number: int) -> bool:
        return number < (self.rounds if cell.is_plain else self.rounds_on_slow_links)

    def measure(self, visit: Visit) -> Mapping[str, float]:
        cell, renderer = visit.user.cell, visit.renderer
        before_s = renderer.cpu_s()
        given = visit.call(self.script, visit.user.site, self.timeout_s * cell.patience)
        samples = given if isinstance(given, list) else [given]
        return {
            row.key: 1000 * (renderer.cpu_s() - before_s) if row is self.cpu else row.figure(samples)
            for row in self.rows
        }


@dataclass(frozen=True)
class Memory:
    """The renderer's memory, after `script` if there is one."""

    row: Row
    script: str = ""
    timeout_s: float = 300
    covers: tuple[str, ...] = ("off", "on")
    rounds: int = ALWAYS

    @property
    def rows(self) -> tuple[Row, ...]:
        return (self.row,)

    def is_for(self, cell: Cell, number: int) -> bool:
        return cell.is_plain and cell.cover in self.covers and number < self.rounds

    def measure(self, visit: Visit) -> Mapping[str, float]:
        if self.script:
            visit.call(self.script, visit.user.site, self.timeout_s)
        return {self.row.key: visit.memory_mb()}


@dataclass(frozen=True)
class Idle:
    """The share of a core that the renderer takes while nobody uses the tunnel."""

    row: Row
    rounds: int = 3

    @property
    def rows(self) -> tuple[Row, ...]:
        return (self.row,)

    def is_for(self, cell: Cell, number: int) -> bool:
        return cell.is_plain and number < self.rounds

    def measure(self, visit: Visit) -> Mapping[str, float]:
        time.sleep(SETTLE_S)
        renderer = visit.renderer
        before_s = renderer.cpu_s()
        time.sleep(IDLE_S)
        return {self.row.key: 100 * (renderer.cpu_s() - before_s) / IDLE_S}
