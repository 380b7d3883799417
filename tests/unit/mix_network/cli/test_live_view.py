"""What a person sees of a running network."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.console import Console

from mix_network.cli.live_view import LiveView, show_live_view
from mix_network.metrics import NodeMetrics

ROUTER = "Router.Address@" + "Exit" * 40


def status(received: int = 41, counted_at: float = 10.0) -> dict[str, Any]:
    node = NodeMetrics("mix-1", "mix-node", received=received, forwarded=40)
    node.drop("replayed")
    gone = NodeMetrics("mix-2", "mix-node")
    exit_counters = {
        "clients": 2,
        "flows": {"tcp": 3, "udp": 0, "icmp": 0},
        "packets_from_clients": 7,
        "packets_to_clients": 8,
        "refused": 9,
    }
    return {
        "name": "local-2",
        "directory": {"http": "http://127.0.0.1:1/api", "https": "https://127.0.0.1:2/api"},
        "entry_gateways": [{"identity": "EntryIdentity", "ws": "ws://127.0.0.1:3"}],
        "exit_gateways": [
            {"identity": "ExitIdentity", "ip_packet_router": ROUTER},
            {"identity": "SecondExit", "ip_packet_router": ROUTER},
        ],
        "link": "mobile",
        "counted_at": counted_at,
        "epoch": {"id": 600, "rotation": 25, "length_s": 60, "ends_in_s": 42.5, "drawn": True, "seed": "00" * 32},
        "nodes": [
            {**node.snapshot(), "layer": 3, "state": "running"},
            {**gone.snapshot(), "layer": None, "state": "killed"},
        ],
        "exit": exit_counters,
    }


def text_of(view: Any, width: int = 200) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(view)
    return console.export_text()


def test_an_epoch_that_is_stuck_is_told_with_the_reason():
    stuck = {**status(), "epoch": {**status()["epoch"], "waits_for": "2 mix nodes answer"}}
    assert "epoch 600 goes on, for the next one can't be drawn: 2 mix nodes answer" in text_of(
        LiveView("").render(stuck)
    )


def test_it_shows_where_the_network_is_and_what_its_nodes_do():
    text = text_of(LiveView("Ctrl-C").render(status()))
    for expected in (
        "http://127.0.0.1:1/api",
        "ws://127.0.0.1:3",
        "Router.Address",
        "SecondExit",
        "emulated links  mobile",
        "network         local-2",
        "epoch 600, 42 s left; key rotation 25; layers are drawn anew each epoch",
        "mix-1",
        "41",
        "1 replayed",
        "killed",
        "2 clients, flows: 3 tcp",
        "Ctrl-C",
    ):
        assert expected in text


def test_rates_are_those_since_it_was_drawn_before():
    view = LiveView("")
    text_of(view.render(status(41, 10.0)))
    for moment in (12.0, 12.0):  # drawn more often than it was counted
        row = next(line for line in text_of(view.render(status(141, moment))).splitlines() if "mix-1" in line)
        assert [cell.strip() for cell in row.split("│")[1:6]] == ["mix-1", "3", "running", "50", "141"]


def test_it_fits_a_narrow_terminal():
    assert all(len(line) <= 80 for line in text_of(LiveView("").render(status()), 80).splitlines())


async def test_without_a_terminal_it_waits_quietly(capsys):
    stopped = asyncio.Event()
    view = asyncio.create_task(show_live_view(status, stopped))
    await asyncio.sleep(0)
    assert not view.done()
    stopped.set()
    await view
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["directory", "http://127.0.0.1:1/api"]
    assert lines[-1].split() == ["packet", "router", ROUTER]  # in one piece, to be copied
