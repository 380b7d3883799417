"""`python -m research.anonymity`: simulate, and write tables and plots into docs/anonymity.md."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click
from bench.marks import NoMark, put

from research.anonymity.plots import draw
from research.anonymity.results import work_out
from research.anonymity.tables import agreement, tables

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/anonymity.md"
PICTURES = ROOT / "docs/pictures"
RESULTS = ROOT / "build/anonymity.json"
REAL_S = 40.0


@click.command()
@click.option("--clients", type=click.IntRange(10, 100_000), default=10_000, show_default=True, help="At most.")
@click.option(
    "--route-clients", type=click.IntRange(10, 100_000), default=200, show_default=True, help="For each line."
)
@click.option("--seed", default=1, show_default=True, help="Another one is another network.")
@click.option("--print", "only_prints", is_flag=True, help="Leave the document alone.")
@click.option("--real", is_flag=True, help="Compare real clients in processes with simulated ones, and nothing else.")
@click.option("--real-clients", type=click.IntRange(2, 1000), default=100, show_default=True, help="With --real.")
@click.option("--again", is_flag=True, help="Write what build/anonymity.json has, and simulate nothing.")
def main(
    clients: int, route_clients: int, seed: int, only_prints: bool, real: bool, real_clients: int, again: bool
) -> None:
    """How likely each client is to have sent a message, as far as others can tell; of networks on a virtual clock.

    Writes build/anonymity.json, and the tables and plots of docs/anonymity.md.
    """
    if real:
        from research.anonymity.real import compare

        compared = compare(real_clients, REAL_S, click.echo)
        _write({"anonymity, agreement": agreement(compared)}, only_prints)
        return
    if again:
        results = json.loads(RESULTS.read_text())
    else:
        began = time.monotonic()
        results = work_out(clients, seed=seed, route_clients=route_clients, say=click.echo)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1))
        click.echo(f"{time.monotonic() - began:.0f} s")
    _write(tables(results), only_prints)
    if only_prints:
        return
    try:
        draw(results, PICTURES)
    except ImportError:
        click.echo("no matplotlib: the plots stay as they are")


def _write(written: dict[str, str], only_prints: bool) -> None:
    for name, table in written.items():
        click.echo(f"\n{name}\n{table}")
    if only_prints:
        return
    text = DOCUMENT.read_text()
    for name, table in written.items():
        try:
            text = put(text, name, table)
        except NoMark as error:
            sys.exit(f"{DOCUMENT}: {error}")
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
