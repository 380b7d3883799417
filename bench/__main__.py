"""Measure Sphinx, a client's steps, nodes, HTTP/2, TCP, native tunnels, the page, its start, timing: build/bench.json.

    python -m bench [--only sphinx steps nodes http2 buffers native page tabs start departures side_by_side]
                    [--output build/bench.json] [--rounds 5] [--baseline DIRECTORY]
                    [--links plain,home,mainnet] [--cover off,on] [--slow-rounds 2] [--cover-minutes 5]

Parts that were not measured keep the figures that build/bench.json has of them.

Times on a shared machine are noise by themselves, so each figure stands beside another of the same run: wasm beside
native, the tunnel beside the same fetch without it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import sphinx
from bench.playground import Playground, running_playground
from bench.side_by_side.cell import COVERS, LINKS

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    "sphinx",
    "steps",
    "nodes",
    "http2",
    "buffers",
    "native",
    "page",
    "tabs",
    "start",
    "departures",
    "side_by_side",
)


def measure_sphinx() -> dict[str, Any]:
    """Packets and SURBs a second on one core, natively and in Pyodide: in Python and compiled."""
    return {"native": sphinx.measure_native(), "pyodide": sphinx.measure_in_pyodide()}


def measure_steps(playground: Playground) -> dict[str, Any]:
    """Microseconds of each step of a packet and a request, natively and in Pyodide; what an idle tunnel costs."""
    from bench import steps

    return steps.measure(playground)


def measure_buffers(playground: Playground) -> dict[str, Any]:
    """A native tunnel for each of several sizes of TCP's buffers, by turns."""
    from bench import buffers

    return buffers.measure(playground)


def measure_native(playground: Playground) -> dict[str, Any]:
    """A tunnel in this process, without cover traffic, beside the same fetches without a tunnel."""
    from bench import native

    return native.measure(playground)


def measure_page(playground: Playground) -> dict[str, Any]:
    """A tunnel in a page's worker, without cover traffic."""
    from bench import page

    return page.measure(playground)


def measure_tabs(playground: Playground) -> dict[str, Any]:
    """What tabs with a tunnel each, and with one together, cost the browser."""
    from bench import tabs

    return tabs.measure(playground)


def measure_departures(playground: Playground) -> dict[str, Any]:
    """When packets leave, with the default cover traffic."""
    from bench import departures

    return departures.measure(playground)


def words(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    """A reader of `one,two` in which only some words may be."""

    def read(text: str) -> list[str]:
        found = text.split(",")
        if not set(found) <= set(allowed):
            raise argparse.ArgumentTypeError(f"they are {', '.join(allowed)}")
        return found

    return read


def show(results: dict[str, Any]) -> None:
    """Print what was measured as a table."""
    table = Table("what", "figure")
    for part, figures in results.items():
        for name, value in flatten(figures):
            table.add_row(f"{part} · {name}", f"{value:,}" if isinstance(value, float | int) else str(value))
    Console().print(table)


def flatten(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        rows += flatten(value, f"{prefix}{name} · ") if isinstance(value, dict) else [(prefix + name, value)]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and write build/bench.json.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    parser.add_argument("--rounds", type=int, default=5, help="of the page's start, and side by side (5)")
    parser.add_argument("--baseline", type=Path, help="another web/dist, whose page's start takes turns with ours")
    parser.add_argument("--links", type=words([*LINKS]), default=[*LINKS], help="side by side: plain,home,mainnet")
    parser.add_argument("--cover", type=words(COVERS), default=[*COVERS], help="side by side: off,on")
    parser.add_argument("--slow-rounds", type=int, default=2, help="side by side: rounds on slow links (2)")
    parser.add_argument("--cover-minutes", type=float, default=5, help="side by side: memory after so much cover (5)")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench.json")
    arguments = parser.parse_args()
    results: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    }
    if "sphinx" in arguments.only:
        print("bench: Sphinx packets", file=sys.stderr)
        results["sphinx"] = measure_sphinx()
    if "nodes" in arguments.only:
        from bench import nodes

        print("bench: nodes", file=sys.stderr)
        results["nodes"] = nodes.measure()
    if "http2" in arguments.only:
        from bench import http2

        print("bench: HTTP/2 and TLS sessions", file=sys.stderr)
        results["http2"] = http2.measure()
    if "start" in arguments.only:
        from bench import start

        print("bench: a page's start", file=sys.stderr)
        results["start"] = start.measure(arguments.rounds, arguments.baseline)
    if "side_by_side" in arguments.only:
        from bench import side_by_side

        print("bench: this project's page beside the published client's", file=sys.stderr)
        choice = side_by_side.Choice(
            arguments.links, arguments.cover, arguments.rounds, arguments.slow_rounds, arguments.cover_minutes
        )
        results["side_by_side"] = side_by_side.measure(choice)
    tunnels: dict[str, Callable[[Playground], dict[str, Any]]] = {
        "steps": measure_steps,
        "buffers": measure_buffers,
        "native": measure_native,
        "page": measure_page,
        "tabs": measure_tabs,
        "departures": measure_departures,
    }
    for part, measure in tunnels.items():
        if part in arguments.only:
            print(f"bench: {part}", file=sys.stderr)
            with running_playground() as playground:
                results[part] = measure(playground)
    both = results.pop("side_by_side", None)
    show(results)
    if both is not None:
        from bench.side_by_side.report import tables

        results["side_by_side"] = both
        print("\n\n".join(f"{name}\n\n{table}" for name, table in tables(both).items() if name != "rows"))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(arguments.output.read_text()) if arguments.output.is_file() else {}
    arguments.output.write_text(json.dumps({**kept, **results}, indent=1) + "\n")
    print(f"bench: written to {arguments.output}", file=sys.stderr)


if __name__ == "__main__":
    main()
