"""From a plan to records: the network, the tap and the client run, each in processes of their own."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.processes import first_line, running, supporting
from support.vantage.activities import ACTIVITIES
from support.vantage.real import native, page
from support.vantage.real.rounds import ROUND_S, Round, plan
from support.vantage.real.seeing import as_seen
from support.vantage.real.tap import read_rows, tapping
from support.vantage.record import Record

Client = Callable[[Mapping[str, Any], Sequence[str], float], list[Round]]

CLIENTS: dict[str, Client] = {
    "native client": lambda world, names, seconds: asyncio.run(native.run(world, names, seconds)),
    "page": page.run,
}


def record_real(client: str, seconds: float) -> dict[str, Record]:
    """Let one of `CLIENTS` do each activity for so many seconds, idling in between, and record it."""
    return record_rounds(client, plan(seconds), min(seconds, ROUND_S))


def record_rounds(client: str, names: Sequence[str], seconds: float) -> dict[str, Record]:
    """Let a client do one activity after the other, each for so many seconds."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(supporting("support.vantage.real.world")) as process,
    ):
        world = json.loads(first_line(process))
        nodes, gateway_port, file = world["nodes"], world["gateway_port"], Path(folder) / "passed"
        with tapping(file, [node["port"] for node in nodes.values()], gateway_port):
            rounds = CLIENTS[client](world, names, seconds)
        seen = as_seen(read_rows(file), nodes, gateway_port)
    return {
        name: Record([(began, ended) for activity, began, ended in rounds if activity == name], seen)
        for name in ACTIVITIES
        if name in names
    }
