"""One client's turn: its visits, one after the other. What fails costs its own row only."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.side_by_side import long_cover
from bench.side_by_side.cell import Cell
from bench.side_by_side.devtools import DevtoolsError
from bench.side_by_side.measurement import Measurement, Row
from bench.side_by_side.renderer import NoRenderer
from bench.side_by_side.rows import MEMORY_COVER, SETUP, STARTING, WORK
from bench.side_by_side.visit import Client, Visit, new_user
from bench.side_by_side.world import World

START_S = 30
"""How long a page may take until the first byte, on plain links."""
STORED_S = 12
"""Chromium keeps what it has compiled of WebAssembly once nothing more came for two seconds; our page has Python's
memory kept once it was quiet for five seconds, and that takes some more."""
FAILURES = (DevtoolsError, NoRenderer, OSError)

Say = Callable[[str], None]


@dataclass
class Turn:
    """What one client did in one round.

    number -- of the round, from 0
    figures -- by the rows' keys
    failures -- why there is none, by the rows' keys
    sent -- what the pages' server sent in the first visit
    load -- the machine's load at the end, a minute's mean
    """

    client: Client
    cell: Cell
    world: World
    number: int
    say: Say
    figures: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    load: float = 0.0

    def take(self, cover_minutes: float) -> None:
        """Everything.

        cover_minutes -- how much cover traffic is waited for; 0 for none
        """
        self._start()
        self._work()
        if cover_minutes and self.cell.cover == "on":
            self._long_cover(cover_minutes)
        self.load = os.getloadavg()[0]

    def _start(self) -> None:
        """A page that does everything at once, on the first and on the second visit."""
        rows = [*STARTING["first"].values(), *STARTING["second"].values()]
        with self._blaming(rows), new_user(self.client, self.cell, self.world) as user:
            base = user.world.https if self.client == "ours" else user.world.http
            asked = {"setup": user.setup_options, "fetch": f"{base}/bytes/1000"}
            self.world.take_sent()
            with user.visit(asked) as visit:
                self._note_start("first", visit)
                self.sent = self.world.take_sent()
                time.sleep(STORED_S)
            if self.cell.is_plain:
                with user.visit(asked) as visit:
                    self._note_start("second", visit)

    def _work(self) -> None:
        """Everything that a tunnel is good for. A page in which something hangs is left; a new one does the rest."""
        waiting = deque(measurement for measurement in WORK if measurement.is_for(self.cell, self.number))
        waiting.remove(SETUP)
        while waiting:
            attempted = len(waiting)
            with self._blaming(SETUP.rows), new_user(self.client, self.cell, self.world) as user:
                with user.visit({"preload": True}) as visit:
                    self._note_start("preload_first", visit)
                    self._add(SETUP.measure(visit))
                    while waiting and self._has_measured(waiting.popleft(), visit):
                        pass
                if not waiting and self.cell.is_plain:
                    with user.visit({"preload": True}) as visit:
                        self._note_start("preload_second", visit)
            if len(waiting) == attempted:
                self._fail(
                    [row for measurement in waiting for row in measurement.rows], DevtoolsError("there was no tunnel")
                )
                return

    def _long_cover(self, minutes: float) -> None:
        """Memory after a lot of cover traffic."""
        with (
            self._blaming([MEMORY_COVER]),
            new_user(self.client, self.cell, self.world) as user,
            user.visit({"preload": True}) as visit,
        ):
            visit.started(START_S)
            self._add(long_cover.measure(visit, minutes))

    def _has_measured(self, measurement: Measurement, visit: Visit) -> bool:
        """Measure; gives whether the page can be used further."""
        try:
            self._add(measurement.measure(visit))
        except FAILURES as error:
            self._fail(measurement.rows, error)
            return False
        return True

    def _note_start(self, name: str, visit: Visit) -> None:
        marks = visit.started(START_S * self.cell.patience)
        marks["cpu"] = 1000 * visit.renderer.cpu_s()
        self._add({row.key: marks[mark] for mark, row in STARTING[name].items()})

    @contextlib.contextmanager
    def _blaming(self, rows: Iterable[Row]) -> Iterator[None]:
        """What fails in the block costs those of these rows that have no figure yet."""
        try:
            yield
        except FAILURES as error:
            self._fail([row for row in rows if row.key not in self.figures], error)

    def _add(self, figures: Mapping[str, float]) -> None:
        for key, figure in figures.items():
            self.figures.setdefault(key, figure)
            self.say(f"{key} {figure:,.4g}")

    def _fail(self, rows: Iterable[Row], error: Exception) -> None:
        why = str(error).splitlines()[0][:300]
        for row in rows:
            self.failures[row.key] = why
            self.say(f"{row.key} failed: {why}")
