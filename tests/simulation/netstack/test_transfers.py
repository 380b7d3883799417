"""1 MB each way between two stacks over bad links, on a virtual clock, against a table that is kept beside this file.

A change of the table is a change of behaviour: look at it, and if it is meant write the table again with

    UPDATE_SNAPSHOTS=1 python -m pytest -p no:xdist tests/simulation/netstack/test_transfers.py
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import FaultInjector, NetworkStack, TcpConnection
from mix_protocol.netstack.link import Link

SNAPSHOT = Path(__file__).parent / "snapshots" / "transfer_times.md"
SIZE = 1_000_000
LEAST_JITTER_S = 0.02
MIX_DELAY_S = 0.015
PATIENCE_S = 3600.0

HEADER = [
    "# 1 MB each way at once, by the virtual clock",
    "",
    "Reordered: each packet takes the delay and up to as long again (at least 20 ms), drawn for itself.",
    "Mixed: each packet takes the delay and is held by three mix nodes, 15 ms each in the mean.",
    "Lost: packets that the link dropped. Needless: retransmissions beyond the data segments among those.",
    "",
    "| loss | delay | order | done after | segments | retransmitted | lost | needless |",
    "|---|---|---|---|---|---|---|---|",
]


@dataclass(frozen=True)
class Case:
    loss: float
    delay_s: float
    order: Literal["in order", "reordered", "mixed"]

    @property
    def name(self) -> str:
        return f"| {self.loss * 100:.0f} % | {self.delay_s * 1000:.0f} ms | {self.order} |"

    @property
    def faults(self) -> dict[str, float]:
        """What this asks of a FaultInjector."""
        faults = {"loss": self.loss, "delay_s": self.delay_s}
        if self.order == "reordered":
            faults["jitter_s"] = max(self.delay_s, LEAST_JITTER_S)
        elif self.order == "mixed":
            faults |= {"hops": 3, "hop_delay_s": MIX_DELAY_S}
        return faults


CASES = [
    Case(loss, delay_s, order)
    for order in ("in order", "reordered", "mixed")
    for loss in (0.0, 0.01, 0.05)
    for delay_s in (0.0, 0.05, 0.3)
]


class Transfer:
    """One end: sends its file, closes, and reads until the other end has closed."""

    def __init__(self, connection: TcpConnection, seed: str) -> None:
        self.connection = connection
        self.file = SeededRandom(seed)(SIZE)
        self._sent = 0
        self._received = hashlib.sha256()
        self.finished = False
        connection.on_event = self.work
        self.work()

    def work(self) -> None:
        connection = self.connection
        while self._sent < SIZE and (taken := connection.send(memoryview(self.file)[self._sent :])):
            self._sent += taken
        if self._sent == SIZE:
            connection.close()
        while data := connection.receive():
            self._received.update(data)
        self.finished = connection.at_eof

    def received(self, other: Transfer) -> bool:
        return self._received.digest() == hashlib.sha256(other.file).digest()


class LossCounter(FaultInjector):
    """Knows how many of the packets that it lost carried data."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.lost_data = 0

    def _inject(self, line: object, packet: bytes, now: float) -> None:
        lost = self.counts.lost
        super()._inject(line, packet, now)  # type: ignore[arg-type]
        header = 20 + (packet[32] >> 4) * 4
        self.lost_data += self.counts.lost > lost and len(packet) > header


def test_reordering_alone_resends_next_to_nothing() -> None:
    """The point of loss detection by time: what a mixnet does all day is not mistaken for loss."""
    rows = [line.split("|") for line in SNAPSHOT.read_text().splitlines() if line.startswith("| 0 % |")]
    assert len(rows) == 9
    for row in rows:
        assert int(row[6]) <= int(row[5]) // 100, row


def simulate(case: Case) -> str:
    """Run a case; gives its row of the table."""
    left = NetworkStack(SeededRandom("left"), addresses=["10.0.0.1"])
    right = NetworkStack(SeededRandom("right"), addresses=["10.0.0.2"])
    faults = LossCounter(right, SeededRandom(f"faults {case.name}"), **case.faults)
    link = Link(left, faults)
    listener = right.listen_tcp(port=80)
    ends = [Transfer(left.connect_tcp(("10.0.0.2", 80), link.now), "up")]

    def accept() -> None:
        while (connection := listener.accept()) is not None:
            ends.append(Transfer(connection, "down"))

    listener.on_event = accept
    assert link.run(lambda: len(ends) == 2 and all(end.finished for end in ends), PATIENCE_S), "it never ends"
    assert ends[0].received(ends[1])
    assert ends[1].received(ends[0])
    finished_at = link.now
    # The farewell: both ends forget the connection, none of them by an error.
    assert link.run(lambda: not left.connection_count and not right.connection_count, PATIENCE_S)
    assert [end.connection.error for end in ends] == [None, None]
    segments = sum(end.connection.statistics.sent_segments for end in ends)
    resent = sum(end.connection.statistics.retransmitted_segments for end in ends)
    needless = resent - faults.lost_data
    return f"{case.name} {finished_at:.3f} s | {segments} | {resent} | {faults.counts.lost} | {needless} |"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.strip("| ").replace(" ", "").replace("|", "-"))
def test_a_transfer_takes_as_long_as_it_did(case: Case) -> None:
    row = simulate(case)
    kept = SNAPSHOT.read_text().splitlines() if SNAPSHOT.exists() else []
    if os.environ.get("UPDATE_SNAPSHOTS"):
        rows = {line for line in kept if not line.startswith(case.name)} | {row}
        ordered = [line for other in CASES for line in rows if line.startswith(other.name)]
        SNAPSHOT.write_text("\n".join([*HEADER, *ordered]) + "\n")
        return
    assert row in kept, f"the table has {[line for line in kept if line.startswith(case.name)]}"


def test_the_same_case_gives_the_same_row_twice() -> None:
    case = Case(0.05, 0.05, "mixed")
    assert simulate(case) == simulate(case)
