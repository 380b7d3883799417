"""What a run came to."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from soak.clients import OVERRUN, RIGHT, SET_UP, UNTYPED, WRONG, Transfer
from soak.faults import Fault
from soak.watch import Sample, levels_off

_EVERY = 20
FORBIDDEN = (WRONG, OVERRUN, UNTYPED)


@dataclass(frozen=True)
class Happened:
    """A fault, and when it began, by the clock of the transfers."""

    fault: Fault
    began: float


@dataclass(frozen=True)
class Row:
    """One fault in the table.

    right, typed -- transfers that began between it and the next one, by how they ended
    median_s, slowest_s -- from the fault's beginning until a client had completed a transfer that began behind it: the
        half of the clients that were quickest, and all of them; None if somebody never did
    """

    kind: str
    verb: str
    lasts_s: float
    right: int
    typed: int
    codes: dict[str, int]
    median_s: float | None
    slowest_s: float | None


@dataclass(frozen=True)
class Report:
    """All that is known of a run.

    memory_mb, descriptors -- medians of each third of it
    network_mb -- of every twentieth second
    """

    clients: int
    seconds: float
    transfers: int
    right: int
    megabytes: float
    typed: dict[str, int]
    forbidden: list[dict[str, Any]]
    rows: list[Row]
    memory_mb: dict[str, list[float]]
    descriptors: dict[str, list[int]]
    network_mb: list[float]
    level: dict[str, bool]
    crashes: list[str]

    @property
    def is_good(self) -> bool:
        """Whether nothing happened that must not."""
        recovered = all(row.slowest_s is not None for row in self.rows)
        return not self.forbidden and not self.crashes and recovered and all(self.level.values()) and self.right > 0

    def as_json(self) -> dict[str, Any]:
        """For build/soak.json."""
        return asdict(self)


def make_report(
    clients: int,
    transfers: Sequence[Transfer],
    happened: Sequence[Happened],
    samples: Mapping[str, Sequence[Sample]],
    crashes: Sequence[str],
) -> Report:
    """Add everything up.

    crashes -- what processes said of exceptions that nobody expected
    """
    ended = max((each.began + each.took_s for each in transfers), default=0.0)
    begun = min((each.began for each in transfers), default=0.0)
    right = [each for each in transfers if each.outcome == RIGHT]
    forbidden = [each for each in transfers if each.outcome in FORBIDDEN]
    typed = Counter(each.outcome for each in transfers if each.outcome not in (RIGHT, *FORBIDDEN))
    until = [each.began for each in happened[1:]] + [ended]
    return Report(
        clients=clients,
        seconds=round(ended - begun, 1),
        transfers=len(transfers),
        right=len(right),
        megabytes=round(sum(each.bytes for each in right) / 1e6, 2),
        typed=dict(typed.most_common()),
        forbidden=[asdict(each) for each in forbidden],
        rows=[_row(each, end, clients, transfers) for each, end in zip(happened, until, strict=True)],
        memory_mb={name: _ends([each.memory_bytes / 1e6 for each in seen]) for name, seen in samples.items()},
        descriptors={
            name: [round(count) for count in _ends([each.descriptors for each in seen])]
            for name, seen in samples.items()
        },
        network_mb=[round(each.memory_bytes / 1e6, 1) for each in samples["network"][::_EVERY]],
        level={name: levels_off(seen) for name, seen in samples.items()},
        crashes=list(crashes),
    )


def recovered_after(moment: float, transfers: Sequence[Transfer]) -> dict[int, float]:
    """After how many seconds a client had completed a transfer that it had begun behind that moment, by client."""
    recovered: dict[int, float] = {}
    for each in transfers:
        if each.began >= moment and each.outcome == RIGHT and each.kind != SET_UP:
            done = each.began + each.took_s - moment
            recovered[each.client] = min(done, recovered.get(each.client, done))
    return recovered


def _ends(values: Sequence[float]) -> list[float]:
    """The medians of three thirds."""
    third = max(1, len(values) // 3)
    parts = (values[:third], values[third : 2 * third], values[2 * third :])
    return [round(statistics.median(part), 1) for part in parts if part]


def _row(happened: Happened, until: float, clients: int, transfers: Sequence[Transfer]) -> Row:
    behind = [each for each in transfers if happened.began <= each.began < until]
    codes = Counter(each.outcome for each in behind if each.outcome != RIGHT)
    times = sorted(recovered_after(happened.began, transfers).values())
    return Row(
        kind=happened.fault.kind,
        verb=happened.fault.verb,
        lasts_s=happened.fault.lasts_s,
        right=sum(each.outcome == RIGHT for each in behind),
        typed=sum(codes.values()),
        codes=dict(codes.most_common()),
        median_s=round(times[(clients - 1) // 2], 1) if len(times) > (clients - 1) // 2 else None,
        slowest_s=round(times[-1], 1) if len(times) == clients else None,
    )
