"""What a node's real sockets cost: packets a second of the node's own CPU, beside the same step in a loop without them.

The node runs in a process of its own; who sends to it and who takes what it sends on are other processes
(`nodes_process.py`), so that only the node's work is counted. A node is measured as a mix node, as an entry gateway
(clients' WebSockets in, packets to the first mix out) and as a gateway that pushes to its clients.

    python -m bench --only nodes                               the figures
    python -m bench.nodes_process profile mix|entry|push       where a node's time goes (cProfile)
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from statistics import quantiles
from typing import Any

PACKETS = 6000
LATENCY_S = 1.5
CONNECTIONS = 4
LATENCY_ROUNDS = 3
"""The one that was disturbed least is told."""
HALF = 0.5
_NAMES = {
    "mix": "mix node: layer off, hold, send on",
    "entry": "entry gateway: client's WebSocket in, packet out",
    "push": "gateway: last layer off, acknowledgement out, pushed to the client",
}


class Process:
    """One of the processes: it is told what to do in lines of JSON, and answers each with one."""

    def __init__(self, role: str, **arguments: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.nodes_process", role, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told = self._read()

    def ask(self, **question: Any) -> dict[str, Any]:
        """Ask something and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a process of the measurement has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def processes(kind: str, workers: int = 0) -> Iterator[tuple[Process, Process, Process]]:
    """A node, who takes what it sends on, and who sends to it."""
    with contextlib.ExitStack() as stack:
        goal = Process("goal")
        stack.callback(goal.close)
        node = Process("node", kind=kind, goal=goal.told["port"], workers=workers)
        stack.callback(node.close)
        source = Process("source", kind=kind, goal=goal.told["port"], connections=CONNECTIONS, node=node.told)
        stack.callback(source.close)
        yield node, goal, source


@dataclass
class Run:
    """What some packets have cost: seconds by the clock, and CPU seconds of each process that did the node's work."""

    wall_s: float
    cpu_s: list[float]
    in_process: float


def run(kind: str, workers: int = 0) -> Run:
    """Send packets as fast as the node takes them."""
    with processes(kind, workers) as (node, goal, source):
        source.ask(prepare=PACKETS)
        before = node.ask(cpu=True)["cpu_s"]
        began_at = source.ask(send=True)["began_at"]
        ended_at = goal.ask(wait=PACKETS)["last_at"]
        if kind == "push":
            ended_at = max(ended_at, source.ask(wait=True)["last_at"])
        after = node.ask(cpu=True)["cpu_s"]
        cpu_s = [end - start for start, end in zip(before, after, strict=True)]
        return Run(ended_at - began_at, cpu_s, node.told["in_process"])


def measure_throughput(kind: str) -> dict[str, float]:
    """One process, beside the same step in a loop."""
    one = run(kind)
    per_cpu_second = PACKETS / sum(one.cpu_s)
    return {
        "per_cpu_second": round(per_cpu_second, 1),
        "per_second": round(PACKETS / one.wall_s, 1),
        "in_process_per_cpu_second": one.in_process,
        "to_in_process": round(per_cpu_second / one.in_process, 3),
    }


def measure_workers(kind: str) -> dict[str, float]:
    """Two worker processes beside one: `scaling` by the clock, which says something on two cores that nobody else uses;
    `scaling_by_cpu` by the CPU time of the busier one, which others can't change much."""
    one, two = run(kind, 1), run(kind, 2)
    return {
        "per_cpu_second_of_one": round(PACKETS / sum(one.cpu_s), 1),
        "per_cpu_second_of_two": round(PACKETS / sum(two.cpu_s), 1),
        "scaling": round(one.wall_s / two.wall_s, 2),
        "scaling_by_cpu": round(sum(one.cpu_s) / max(two.cpu_s), 2),
    }


def measure_latency(per_second: float) -> dict[str, float]:
    """How much later than their delays say packets leave a mix node that has so much to do.

    Where the system lets them, the processes come before others while packets are on their way: this is about the node,
    not about whoever else uses the machine.
    """
    with processes("mix") as (node, goal, source):
        count = round(LATENCY_S * per_second)
        source.ask(prepare=count, mean_delay_ms=15.0)
        answers = [process.ask(come_first=True) for process in (goal, node, source)]
        source.ask(send=True, per_second=per_second)
        goal.ask(wait=count)
        late_ms = sorted(source.ask(late=goal.ask(arrivals=True)["arrivals"])["late_ms"])
        cuts = quantiles(late_ms, n=100)
        return {
            "per_second": round(per_second, 1),
            "comes_before_others": all(answer["comes_first"] for answer in answers),
            "p50_ms": round(cuts[49], 2),
            "p95_ms": round(cuts[94], 2),
            "p99_ms": round(cuts[98], 2),
        }


def table(figures: dict[str, Any]) -> str:
    """The figures in Markdown."""
    rows = ["| | sockets | in a loop | ratio | two workers, to one |", "|---|--:|--:|--:|--:|"]
    for kind, name in _NAMES.items():
        one, scaling = figures[kind], figures["workers"][kind]["scaling_by_cpu"]
        rows.append(
            f"| {name} | {one['per_cpu_second']:,.0f} | {one['in_process_per_cpu_second']:,.0f} "
            f"| {one['to_in_process']:.2f} | {scaling:.2f} × |"
        )
    late = figures["mix"]["added_latency_at_half_load"]
    return "\n".join(rows) + (
        f"\n\nAdded by a mix node to the delay that was asked for, at {late['per_second']:,.0f} packets a second: "
        f"{late['p50_ms']} ms (median), {late['p99_ms']} ms (p99)."
    )


def measure() -> dict[str, Any]:
    """All of the figures."""
    figures: dict[str, Any] = {kind: measure_throughput(kind) for kind in ("mix", "entry", "push")}
    figures["workers"] = {kind: measure_workers(kind) for kind in ("mix", "entry", "push")}
    figures["mix"]["added_latency_at_half_load"] = min(
        (measure_latency(HALF * figures["mix"]["per_cpu_second"]) for _ in range(LATENCY_ROUNDS)),
        key=itemgetter("p99_ms"),
    )
    return figures


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
