"""What breaks, and for how long: drawn beforehand, so that a run can be repeated."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soak.directory import Honesty

SLOW = "delay=400ms jitter=200ms"
LOSSY = "delay=30ms jitter=60ms loss=3%"


@dataclass(frozen=True)
class Fault:
    """One thing that breaks.

    kind -- its row in the table
    verb -- what is done to `node`: kill, stop, slow, starve (stopped for most of the time); or `link`, `rotate-keys`,
        `directory`
    lasts_s -- seconds until it is undone
    link -- for slow and link
    honesty -- what the directory does meanwhile; with it goes the death of an entry gateway, since nobody else asks
    """

    kind: str
    verb: str
    lasts_s: float
    node: str = ""
    link: str | None = None
    honesty: Honesty = Honesty.HONEST


@dataclass(frozen=True)
class Shape:
    """How long a run is, and how much goes on in it.

    calm_s -- before the first fault, and after each one that everybody has got over
    rounds -- how often each fault comes
    epochs -- options of `mix-network up` about epochs. Each draws the layers anew; what nodes remember of packets goes
        with the keys, so that memory levels off where keys change
    few -- only those that take little time
    programs -- whether the directory and each node is a program of its own
    """

    clients: int
    processes: int
    calm_s: float
    rounds: int
    limit_s: float
    pause_s: float
    most_bytes: int
    mixes: str
    epochs: tuple[str, ...] = ()
    few: bool = False
    programs: bool = False


FULL = Shape(50, 4, calm_s=5.0, rounds=1, limit_s=90.0, pause_s=6.0, most_bytes=100_000, mixes="3x3")
EPOCHS = ("--epoch", "60s", "--rotation", "2")
SHORT = Shape(6, 1, calm_s=1.0, rounds=1, limit_s=60.0, pause_s=0.5, most_bytes=20_000, mixes="3x2", few=True)


def plan(shape: Shape, nodes: Mapping[str, Sequence[str]], seed: int) -> list[Fault]:
    """Every fault of a run, in its order.

    nodes -- names by role: mix, entry, exit; of programs also directory
    """
    chance = random.Random(seed)  # noqa: S311 -- it has to repeat
    return [
        Fault(kind, verb, lasts_s, chance.choice(list(nodes[role])) if role else "", **more)
        for _ in range(shape.rounds)
        for kind, verb, role, lasts_s, more in _rows(shape)
    ]


_Row = tuple[str, str, str, float, dict[str, Any]]
_KILLS: list[_Row] = [
    ("a mix node is killed and restarted", "kill", "mix", 4.0, {}),
    ("an entry gateway is killed and restarted", "kill", "entry", 2.0, {}),
    ("an exit is killed and restarted", "kill", "exit", 2.0, {}),
    ("all keys are rotated", "rotate-keys", "", 1.0, {}),
]
_STOPS: list[_Row] = [
    ("a mix node is stopped", "stop", "mix", 15.0, {}),
    ("an entry gateway is stopped", "stop", "entry", 15.0, {}),
    ("an exit is stopped", "stop", "exit", 15.0, {}),
]
_LINKS: list[_Row] = [
    ("a mix node is slow", "slow", "mix", 15.0, {"link": SLOW}),
    ("an entry gateway is slow", "slow", "entry", 15.0, {"link": SLOW}),
    ("an exit is slow", "slow", "exit", 15.0, {"link": SLOW}),
    ("all links lose and delay packets", "link", "", 20.0, {"link": LOSSY}),
]
_LIES: list[_Row] = [
    ("an entry gateway dies, the directory is away", "directory", "entry", 15.0, {"honesty": Honesty.AWAY}),
    ("an entry gateway dies, the directory sends garbage", "directory", "entry", 15.0, {"honesty": Honesty.GARBAGE}),
    ("an entry gateway dies, the directory sends what is old", "directory", "entry", 15.0, {"honesty": Honesty.STALE}),
    ("an entry gateway dies, the directory sends false keys", "directory", "entry", 15.0, {"honesty": Honesty.KEYS}),
]
_HUNGER: list[_Row] = [
    ("a mix node gets a fifth of the time", "starve", "mix", 15.0, {}),
    ("an entry gateway gets a fifth of the time", "starve", "entry", 15.0, {}),
    ("an exit gets a fifth of the time", "starve", "exit", 15.0, {}),
]
_DIRECTORY: list[_Row] = [("the directory is killed and restarted", "kill", "directory", 4.0, {})]


def _rows(shape: Shape) -> list[_Row]:
    """Programs change their keys by the clock alone, and links between them are as this machine is."""
    kills = [row for row in _KILLS if row[1] == "kill" or not shape.programs]
    if shape.few:
        return kills
    middle = [*_DIRECTORY, *_STOPS, *_HUNGER] if shape.programs else [*_STOPS, *_LINKS]
    return [*kills, *middle, *_LIES]
