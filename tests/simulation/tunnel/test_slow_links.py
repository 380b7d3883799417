"""1 MB each way through a tunnel on slow links, on a virtual clock, against a table that is kept beside this file.

Every change that is pushed runs some of the rows. All of them are run, and the table is written, by

    make simulate
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.memory_internet import pattern
from support.slow_world import SlowWorld

SNAPSHOT = Path(__file__).parent / "snapshots" / "slow_links.md"
SIZE = 1_000_000
JUMPS = "0.3, then 3"
QUICK_S, SLOW_S = 3.0, 10.0

HEADER = [
    "# 1 MB each way through a tunnel on slow links, by the virtual clock",
    "",
    "Written by `make simulate`. Round trip: between client and entry gateway; mix nodes add a tenth of a second.",
    f'"{JUMPS}" changes after {QUICK_S:.0f} s and back after {SLOW_S:.0f} s, over and over. Loss: of each packet, each',
    "way. Again / lost: fragments that the client sent again, and those that were lost, or whose acknowledgement was.",
    "TCP: the same for TCP at both ends and the replies to the client, which TCP alone repeats.",
    "",
    "| round trip | loss | cover | download | again / lost | TCP | upload | again / lost | TCP |",
    "|---|---|---|---|---|---|---|---|---|",
]


@dataclass(frozen=True)
class Case:
    round_trip: float | str
    loss: float
    cover: bool

    @property
    def name(self) -> str:
        round_trip = self.round_trip if isinstance(self.round_trip, str) else f"{self.round_trip:g}"
        return f"| {round_trip} s | {self.loss * 100:.0f} % | {'on' if self.cover else 'off'} |"

    @property
    def round_trip_s(self) -> Callable[[float], float]:
        """The round trip at a time."""
        if isinstance(self.round_trip, str):
            return lambda now: 0.3 if now % (QUICK_S + SLOW_S) < QUICK_S else 3.0
        constant = self.round_trip
        return lambda now: constant


CASES = [
    Case(round_trip, loss, cover)
    for round_trip in (0.2, 1.0, 2.0, 4.0, 8.0, JUMPS)
    for loss in (0.0, 0.01, 0.05)
    for cover in (False, True)
]
ALWAYS_RUN = [
    Case(0.2, 0.0, False),
    Case(0.2, 0.01, True),
    Case(1.0, 0.05, False),
    Case(2.0, 0.01, True),
    Case(4.0, 0.0, False),
    Case(8.0, 0.0, False),
    Case(8.0, 0.05, False),
    Case(JUMPS, 0.0, True),
    Case(JUMPS, 0.01, False),
]
DOWNLOAD, UPLOAD = 4, 7  # columns of the table
IS_WRITING = bool(os.environ.get("UPDATE_SNAPSHOTS"))


def simulate(case: Case) -> str:
    """Run a case, each direction in a world of its own; gives its row of the table."""
    cells = []
    for is_upload in (False, True):
        world = SlowWorld(case.round_trip_s, case.loss, cover=case.cover, size=SIZE)
        seconds = world.upload(pattern(SIZE)) if is_upload else world.download()
        counters, losses = world.client.counters, world.link.losses
        cells.append(f" {seconds:.1f} s, {SIZE / seconds / 1000:.1f} kB/s ")
        cells.append(f" {counters.retransmitted_packets} / {losses.fragments + losses.acks} ")
        cells.append(f" {world.segments_resent} / {losses.replies} ")
    return case.name + "|".join(cells) + "|"


def rows() -> list[str]:
    return [line for line in SNAPSHOT.read_text().splitlines() if line.startswith("| ")][1:]


def keep(case: Case, row: str) -> None:
    """Write a row in the table; several processes may do so."""
    SNAPSHOT.parent.mkdir(exist_ok=True)
    with SNAPSHOT.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = {line for line in file.read().splitlines() if not line.startswith(case.name)} | {row}
        ordered = [line for other in CASES for line in lines if line.startswith(other.name)]
        file.truncate(0)
        file.write("\n".join([*HEADER, *ordered]) + "\n")


def seconds(row: str, column: int) -> float:
    return float(row.split("|")[column].split()[0])


def is_sparing(row: str, column: int) -> bool:
    """Whether hardly anything was sent again that was not lost.

    One more is allowed: where nothing is known about a path yet, or it has just become slow, one fragment asks.
    """
    again, lost = map(int, row.split("|")[column].split("/"))
    return again <= 1.2 * lost + 1 + (JUMPS in row)


@pytest.mark.parametrize(
    "case",
    CASES if IS_WRITING else ALWAYS_RUN,
    ids=lambda case: case.name.strip("| ").replace(" ", "").replace("|", "-"),
)
def test_a_transfer_goes_as_the_table_has_it(case: Case):
    """To a factor of two: which packets are lost changes with every draw of randomness in the client."""
    row = simulate(case)
    if IS_WRITING:
        keep(case, row)
        return
    [kept] = [line for line in rows() if line.startswith(case.name)]
    for column in (DOWNLOAD, UPLOAD):
        assert seconds(kept, column) / 2 < seconds(row, column) < seconds(kept, column) * 2, (row, kept)
        assert case.round_trip == 0.2 or is_sparing(row, column + 1), row


def test_the_table_is_complete():
    assert [row[: len(case.name)] for row, case in zip(rows(), CASES, strict=True)] == [case.name for case in CASES]
    assert SNAPSHOT.read_text().splitlines()[: len(HEADER)] == HEADER


@pytest.mark.parametrize("column", [5, 8], ids=["download", "upload"])
def test_hardly_anything_is_sent_again_that_was_not_lost(column: int):
    for row, case in zip(rows(), CASES, strict=True):
        assert case.round_trip == 0.2 or is_sparing(row, column), row


def test_an_upload_leaves_repeating_to_the_mixnet():
    for row in rows():
        again, lost = map(int, row.split("|")[9].split("/"))
        assert again <= 2 + lost // 10, row
