"""`python -m fuzz [--seconds N] [TARGET …]`: look for inputs that break what reads them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click

from fuzz.judging import describe, judge, nothing_hidden
from fuzz.registry import Target, all_targets
from fuzz.running import FINDINGS, Outcome, keep, run_unguided

RESULTS = Path("build/fuzz.json")
_LEAST_ROOM_MB = 1024
_SECONDS_AN_INPUT = 20
_ENDING_S = 120.0


@click.command()
@click.argument("names", nargs=-1, metavar="[TARGET]...")
@click.option("--seconds", type=click.FloatRange(min=0), default=60.0, show_default=True, help="For each target.")
@click.option("--number", default=0, show_default=True, help="Another one makes other inputs.")
@click.option("--unguided", is_flag=True, help="Do without atheris, which is used where it is installed.")
@click.option("--again", type=click.Path(exists=True, path_type=Path), help="Run one target with this file's bytes.")
@click.option("--list", "list_them", is_flag=True, help="Print the targets' names.")
def main(
    names: tuple[str, ...], seconds: float, number: int, unguided: bool, again: Path | None, list_them: bool
) -> None:
    """Give TARGETs (all without any) inputs that nobody would send, and tell which break them."""
    targets = all_targets()
    unknown = sorted(set(names) - set(targets))
    if unknown:
        raise click.UsageError(f"no target is called {', '.join(unknown)}; --list prints the names")
    if list_them:
        click.echo("\n".join(targets))
        return
    chosen = [targets[name] for name in names] if names else list(targets.values())
    if again is not None:
        for target in chosen:
            _run_again(target, again.read_bytes())
        return
    guided = not unguided and importlib.util.find_spec("atheris") is not None
    click.echo(f"{len(chosen)} targets, {seconds:g} s each, {'with' if guided else 'without'} atheris")
    outcomes = {}
    for target in chosen:
        run = run_guided if guided else run_unguided
        outcome = run(target, seconds=seconds, number=number)
        outcomes[target.name] = outcome
        said = f"{outcome.finding}"
        if outcome.file is not None:
            said += f" (again: python -m fuzz {target.name} --again {outcome.file})"
        click.echo(f"{target.name:24} {outcome.inputs:>9,} inputs  {said if outcome.finding else 'nothing'}")
    _write(outcomes, seconds, guided)
    if any(outcome.finding for outcome in outcomes.values()):
        sys.exit(1)


def run_guided(target: Target, *, seconds: float, number: int) -> Outcome:
    """Run a target under atheris, in a process of its own."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    # libFuzzer keeps the corpus growing from run to run; 0 would mean any seed.
    options = [
        f"-max_total_time={max(1, round(seconds))}",
        f"-seed={number + 1}",
        f"-artifact_prefix={FINDINGS}/{target.name}-",
        f"-rss_limit_mb={_LEAST_ROOM_MB}",
        f"-timeout={_SECONDS_AN_INPUT}",
        "-max_len=131072",
        "-print_final_stats=1",
    ]
    command = [sys.executable, "-m", "fuzz.guided", target.module, target.name, *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _ENDING_S, check=False)
    except subprocess.TimeoutExpired:
        return Outcome(0, f"it had not ended {_ENDING_S:.0f} s after its time")
    said = done.stdout + done.stderr
    runs = re.search(r"number_of_executed_units:\s*(\d+)", said)
    inputs = int(runs[1]) if runs else 0
    if done.returncode == 0:
        return Outcome(inputs)
    file = re.search(r"Test unit written to (\S+)", said)
    if file is None:
        return Outcome(inputs, f"it ended with {done.returncode}: {said[-600:]}")
    finding = re.search(r"Uncaught Python exception.*?\n(.*?)\n\n|ERROR: libFuzzer: (.*)", said, re.DOTALL)
    return Outcome(inputs, (finding[0] if finding else "it crashed").strip()[:600], Path(file[1]))


def _run_again(target: Target, data: bytes) -> None:
    began = time.thread_time()
    try:
        with nothing_hidden():
            judge(target, data)
    except Exception as error:
        click.echo(f"{target.name}: {describe(error)} ({keep(target.name, data)})")
        raise
    click.echo(f"{target.name}: nothing, in {time.thread_time() - began:.3f} s")


def _write(outcomes: dict[str, Outcome], seconds: float, guided: bool) -> None:
    rows = {name: {"inputs": outcome.inputs, "finding": outcome.finding} for name, outcome in outcomes.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    results = {"seconds": seconds, "guided": guided, "cores": os.cpu_count(), "targets": rows}
    RESULTS.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
