"""This project's page beside the published client's, by turns on one local network.

    python -m bench --only side_by_side [--links plain,home,mainnet] [--cover off,on] [--rounds 5] [--slow-rounds 2]

A machine that is shared, or busy with nodes and browser, makes times worth little; that both have had the same machine
makes their ratio worth something. `rows` has what is measured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.side_by_side.cell import COVERS, LINKS, Cell
from bench.side_by_side.loaded import loaded_files
from bench.side_by_side.machine import describe_machine
from bench.side_by_side.rounds import Turn
from bench.side_by_side.rows import all_rows
from bench.side_by_side.statistics import Summary, ratio
from bench.side_by_side.visit import CLIENTS
from bench.side_by_side.world import World, running_world


@dataclass(frozen=True)
class Choice:
    """What to measure.

    slow_rounds -- how many on slow links, where a round takes minutes
    cover_minutes -- how much cover traffic is sent before memory is looked at; 0 leaves that out
    """

    links: Sequence[str] = tuple(LINKS)
    covers: Sequence[str] = COVERS
    rounds: int = 5
    slow_rounds: int = 2
    cover_minutes: float = 5

    @property
    def cells(self) -> list[Cell]:
        return [Cell(link, cover) for link in self.links for cover in self.covers]  # type: ignore[arg-type]

    def rounds_of(self, cell: Cell) -> int:
        """How often both clients take their turns."""
        return self.rounds if cell.is_plain else self.slow_rounds


def measure(choice: Choice) -> dict[str, Any]:
    """All of the matrix, as it stands in build/bench.json."""
    cells: list[dict[str, Any]] = []
    sent: dict[str, list[dict[str, Any]]] = {}
    with running_world() as world:
        for cell in choice.cells:
            world.set_link(cell.link_option)
            turns: list[Turn] = []
            for number in range(choice.rounds_of(cell)):
                turns += one_round(cell, world, number, choice)
            cells.append(describe(cell, turns))
            sent = sent or {turn.client: turn.sent for turn in turns}
    say("compressing what was loaded, unless that is known")
    loaded = {client: loaded_files(sent[client]) for client in CLIENTS}
    return {"measured": describe_machine(), "cells": cells, "loaded": loaded}


def one_round(cell: Cell, world: World, number: int, choice: Choice) -> list[Turn]:
    """Both clients, one after the other; who comes first changes with each round."""
    turns = []
    for client in CLIENTS if number % 2 == 0 else reversed(CLIENTS):
        label = f"{cell}, round {number + 1} of {choice.rounds_of(cell)}, {client}"
        turn = Turn(client, cell, world, number, lambda text, label=label: say(f"{label}: {text}"))  # type: ignore[misc]
        turn.take(choice.cover_minutes if number == 0 and cell.is_plain else 0)
        turns.append(turn)
    return turns


def say(text: str) -> None:
    """Progress."""
    print(f"bench: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def describe(cell: Cell, turns: Sequence[Turn]) -> dict[str, Any]:
    """A cell in build/bench.json."""
    failures = [{"client": t.client, "row": key, "why": why} for t in turns for key, why in t.failures.items()]
    failed = {failure["row"] for failure in failures}
    rows = {}
    for row in all_rows():
        samples = {c: [t.figures[row.key] for t in turns if t.client == c and row.key in t.figures] for c in CLIENTS}
        if not any(samples.values()) and row.key not in failed:
            continue
        ours, theirs = (Summary.of(samples[client]) for client in CLIENTS)
        rows[row.key] = {
            "ours": ours and asdict(ours),
            "theirs": theirs and asdict(theirs),
            "ratio": ratio(ours, theirs),
            "samples": samples,
        }
    return {
        "link": cell.link,
        "cover": cell.cover,
        "load": [turn.load for turn in turns],
        "rows": rows,
        "failures": failures,
    }
