"""What a soak makes of what it has seen."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from soak.clients import OVERRUN, RIGHT, SET_UP, UNTYPED, WRONG, Transfer
from soak.docs import table
from soak.faults import FULL, SHORT, Fault, plan
from soak.report import Happened, Report, make_report, recovered_after
from soak.watch import Sample, Watch, levels_off, programs_of

NODES = {"mix": ["mix-1", "mix-2"], "entry": ["entry"], "exit": ["exit", "exit-2"]}
MB = 1 << 20


def transfer(client: int, began: float, outcome: str = RIGHT, kind: str = "echo", took_s: float = 1.0) -> Transfer:
    return Transfer(client, kind, began, took_s, 1000, outcome)


def report(*transfers: Transfer, crashes: tuple[str, ...] = ()) -> Report:
    happened = [Happened(Fault("a mix node is killed", "kill", 4.0, "mix-1"), 10.0)]
    samples = {"network": [Sample(0.0, 50 * MB, 20)] * 9}
    return make_report(2, transfers, happened, samples, crashes)


def test_everybody_is_back_after_what_they_began_behind_it():
    made = report(transfer(0, 9.9), transfer(0, 10.5), transfer(1, 11.0, "tcp.timed_out"), transfer(1, 13.0))
    assert (made.rows[0].median_s, made.rows[0].slowest_s) == (1.5, 4.0)
    assert (made.rows[0].right, made.rows[0].typed, made.rows[0].codes) == (2, 1, {"tcp.timed_out": 1})
    assert made.typed == {"tcp.timed_out": 1}
    assert made.is_good


def test_a_set_up_tunnel_is_no_recovery_yet():
    assert recovered_after(10.0, [transfer(0, 11.0, kind=SET_UP)]) == {}


def test_who_never_comes_back_is_told():
    made = report(transfer(0, 11.0), transfer(1, 9.0))
    assert made.rows[0].slowest_s is None
    assert not made.is_good


@pytest.mark.parametrize("outcome", [WRONG, OVERRUN, UNTYPED])
def test_what_must_not_be_spoils_it(outcome: str):
    made = report(transfer(0, 11.0), transfer(1, 11.0), transfer(1, 12.0, outcome))
    assert [each["outcome"] for each in made.forbidden] == [outcome]
    assert made.typed == {}
    assert not made.is_good


def test_so_does_an_unexpected_exception_in_any_process():
    assert not report(transfer(0, 11.0), transfer(1, 11.0), crashes=("KeyError",)).is_good


@pytest.mark.parametrize(
    ("memory", "files"), [(lambda n: n * 4 * MB, lambda n: 20), (lambda n: 50 * MB, lambda n: 3 * n)]
)
def test_what_grows_and_grows_does_not_level_off(memory, files):
    assert not levels_off([Sample(float(number), memory(number), files(number)) for number in range(90)])


def test_what_grows_once_does():
    assert levels_off([Sample(float(number), min(number, 20) * 4 * MB, 20 + min(number, 30)) for number in range(90)])


def test_a_plan_repeats_and_has_every_fault():
    assert plan(FULL, NODES, 1) == plan(FULL, NODES, 1) != plan(FULL, NODES, 2)
    assert {fault.verb for fault in plan(FULL, NODES, 1)} == {
        "kill",
        "stop",
        "slow",
        "link",
        "rotate-keys",
        "directory",
    }
    assert {fault.node for fault in plan(SHORT, NODES, 1)} <= {"", *NODES["mix"], *NODES["entry"], *NODES["exit"]}


def test_programs_have_faults_of_their_own():
    shape, nodes = dataclasses.replace(FULL, programs=True), {**NODES, "directory": ["directory"]}
    verbs = {fault.verb for fault in plan(shape, nodes, 1)}
    assert verbs == {"kill", "stop", "starve", "directory"}
    assert "directory" in {fault.node for fault in plan(shape, nodes, 1) if fault.verb == "kill"}


def test_programs_are_found_by_their_homes(tmp_path: Path):
    code = "print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "--home", str(tmp_path / "mix-7")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert programs_of(os.getpid()).get("mix-7") == child.pid
        watch = Watch(lambda: {"mix-7": child.pid, "gone": 2**22 + 1})
        watch.look(1.0)
        child.communicate(b"\n")
    assert [sample.at for sample in watch.samples["mix-7"]] == [1.0]
    assert watch.samples["mix-7"][0].memory_bytes > 1_000_000
    assert "gone" not in watch.samples


def test_the_table_is_of_what_was_found():
    results = json.loads(json.dumps(report(transfer(0, 11.0), transfer(1, 12.0)).as_json()))
    written = table(results)
    assert "2 clients in 2 s made 2 transfers (0 MB): 2 right, 0 wrong" in written
    assert "| a mix node is killed | 4 s | 2 | 0 | 2.0 s | 3.0 s |" in written
    assert "| network | 52 · 52 · 52 MB | 20 · 20 · 20 |" in written
