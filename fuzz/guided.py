"""Runs one target under atheris, which sees what code an input reaches: `python -m fuzz.guided MODULE TARGET …`.

A process of its own for each target: libFuzzer ends the process, and instruments what is imported behind it.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import atheris

_INSTRUMENTED = ["mix_protocol", "mix_tunnel", "mix_network", "h2", "hpack", "h11", "websockets", "dns"]


def main(module: str, name: str, options: list[str]) -> None:
    """Fuzz a target with libFuzzer's own options."""
    with atheris.instrument_imports(include=_INSTRUMENTED, enable_loader_override=False):
        importlib.import_module(module)
    from fuzz.judging import judge, nothing_hidden
    from fuzz.registry import registered

    target = registered(name)
    corpus = Path("build/fuzz/corpus") / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    with nothing_hidden():
        atheris.Setup([sys.argv[0], *options, os.fspath(corpus)], lambda data: judge(target, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
