"""The list of targets, which is found by itself: every function under `fuzz/targets` that `target` marks."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Run = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """One thing that is fuzzed.

    run -- takes an input; it returns, or raises what the target's layer promises, and anything else is a finding
    seeds -- makes inputs to begin with, which reach as much of the code as a plain conversation does
    module -- where it stands
    """

    name: str
    module: str
    run: Run
    seeds: Callable[[], Iterable[bytes]]


_TARGETS: dict[str, Target] = {}


def target(seeds: Callable[[], Iterable[bytes]]) -> Callable[[Run], Run]:
    """Mark a function as a target; its name is the target's."""

    def mark(run: Run) -> Run:
        name, module = run.__name__, getattr(run, "func", run).__module__
        assert name not in _TARGETS, f"two targets are called {name}"
        _TARGETS[name] = Target(name, module, run, seeds)
        return run

    return mark


def registered(name: str) -> Target:
    """A target of a module that has been imported."""
    return _TARGETS[name]


def all_targets() -> dict[str, Target]:
    """Every target by name."""
    from fuzz import targets

    for module in pkgutil.iter_modules(targets.__path__):
        importlib.import_module(f"fuzz.targets.{module.name}")
    return dict(sorted(_TARGETS.items()))
