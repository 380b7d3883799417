"""`python -m soak`: clients at work while one thing after another breaks."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from pathlib import Path

import click

from soak.faults import EPOCHS, FULL, SHORT
from soak.running import run

RESULTS, RESULTS_OF_PROGRAMS = Path("build/soak.json"), Path("build/soak-programs.json")


@click.command()
@click.option("--short", is_flag=True, help="Few clients and faults, in less than a minute.")
@click.option("--clients", type=click.IntRange(1, 500), help="How many.")
@click.option("--rounds", type=click.IntRange(1, 100), help="How often each fault comes.")
@click.option("--epochs", is_flag=True, help="Draw the layers anew each minute, and change the keys each other one.")
@click.option("--processes", is_flag=True, help="Run the directory and every node as a program; implies --epochs.")
@click.option("--seed", default=1, show_default=True, help="Another one breaks other nodes.")
def main(short: bool, clients: int | None, rounds: int | None, epochs: bool, processes: bool, seed: int) -> None:
    """Let clients transfer through a local network in which nodes die, stop, are slow and lie.

    Writes build/soak.json, or build/soak-programs.json. Fails if a byte was wrong, a transfer ended neither right nor
    with a typed error within its limit, a client did not come back, or a process took more and more.
    """
    shape = SHORT if short else FULL
    shape = dataclasses.replace(shape, clients=clients or shape.clients, rounds=rounds or shape.rounds)
    shape = dataclasses.replace(shape, epochs=EPOCHS if epochs or processes else (), programs=processes)
    report = asyncio.run(run(shape, seed=seed, say=click.echo))
    results = RESULTS_OF_PROGRAMS if processes else RESULTS
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(report.as_json(), indent=1))
    click.echo(f"{report.transfers} transfers, {report.right} right, {report.megabytes} MB; typed: {report.typed}")
    for row in report.rows:
        click.echo(f"  {row.kind:60} {row.right:5} right {row.typed:4} typed; {row.median_s} s, all {row.slowest_s} s")
    click.echo(f"memory {report.memory_mb}\nfiles {report.descriptors}, level {report.level}")
    for crash in report.crashes:
        click.echo(f"  must not be: {crash}")
    for transfer in report.forbidden[:20]:
        click.echo(f"  must not be: {transfer}")
    sys.exit(0 if report.is_good else 1)


if __name__ == "__main__":
    main()
