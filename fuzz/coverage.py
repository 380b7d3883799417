"""Which functions read what others send, and which of them the targets reach: so that a new one can't be forgotten."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

from fuzz.judging import judge
from fuzz.registry import Target

ROOMS = (
    "mix_protocol",
    "mix_tunnel.mixnet",
    "mix_tunnel.runtime.dns",
    "mix_tunnel.runtime.http",
    "mix_tunnel.runtime.websocket",
    "mix_network.directory",
    "mix_network.exit",
    "mix_network.gateway",
    "mix_network.mixnode",
    "mix_network.node",
)
"""Packages that face the network. Their modules called `options` read what an operator or a user writes."""
STARTS = ("decode", "decrypt_from", "feed", "parse", "process_packet", "read_", "receive", "split_", "unwrap")
EXACT = ("belongs_to", "from_text", "interpret", "open_frame", "open_header", "shake_hands")


def readers() -> dict[str, CodeType]:
    """The code of every public function and method whose name says that it reads, by its name."""
    found: dict[str, CodeType] = {}
    for module in _modules():
        if module.__name__.endswith(".options"):
            continue
        for name, function in _functions(module):
            called = name.rpartition(".")[2]
            if called.startswith(STARTS) or called in EXACT:
                found[f"{module.__name__}.{name}"] = function.__code__
    return found


def reached(targets: Iterable[Target]) -> set[CodeType]:
    """The code that runs when targets get their seeds."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            seen.add(frame.f_code)

    for target in targets:
        seeds = list(target.seeds())
        sys.setprofile(note)
        try:
            for seed in seeds:
                judge(target, seed)
        finally:
            sys.setprofile(None)
    return seen


def _modules() -> Iterator[Any]:
    for room in ROOMS:
        package = importlib.import_module(room)
        yield package
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            with contextlib.suppress(ImportError):  # what runs in a browser only
                yield importlib.import_module(module.name)


def _functions(module: Any) -> Iterator[tuple[str, FunctionType]]:
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and not getattr(value, "_is_protocol", False):
            for method_name, method in vars(value).items():
                function = method.__func__ if isinstance(method, classmethod | staticmethod) else method
                if inspect.isfunction(function) and not method_name.startswith("_"):
                    yield f"{name}.{method_name}", function
