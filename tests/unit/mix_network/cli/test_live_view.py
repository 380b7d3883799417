"""What a person sees of a running network."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from rich.console import Console

from mix_network.cli.live_view import render, show_live_view
from mix_network.metrics import NodeMetrics

ROUTER = "Router.Address@" + "Exit" * 40


def network() -> SimpleNamespace:
    node = NodeMetrics("mix-1", "mix-node", received=41, forwarded=40)
    node.drop("replayed")
    exit_counters = {
        "clients": 2,
        "flows": {"tcp": 3, "udp": 0, "icmp": 0},
        "packets_from_clients": 7,
        "packets_to_clients": 8,
        "refused": 9,
    }
    description = {
        "directory": {"http": "http://127.0.0.1:1/api", "https": "https://127.0.0.1:2/api"},
        "entry_gateways": [{"identity": "EntryIdentity", "ws": "ws://127.0.0.1:3"}],
        "exit_gateways": [
            {"identity": "ExitIdentity", "ip_packet_router": ROUTER},
            {"identity": "SecondExit", "ip_packet_router": ROUTER},
        ],
        "link": "mobile",
    }
    return SimpleNamespace(
        description=lambda: description, metrics=lambda: {"nodes": [node.snapshot()], "exit": exit_counters}
    )


def drawn(width: int = 160) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(network()))
    return console.export_text()


def test_it_shows_where_the_network_is_and_what_its_nodes_do():
    text = drawn()
    for expected in (
        "http://127.0.0.1:1/api",
        "ws://127.0.0.1:3",
        "Router.Address",
        "SecondExit",
        "emulated links  mobile",
        "mix-1",
        "41",
        "1 replayed",
        "2 clients, flows: 3 tcp",
        "Ctrl-C",
    ):
        assert expected in text


def test_it_fits_a_narrow_terminal():
    assert all(len(line) <= 80 for line in drawn(80).splitlines())


async def test_without_a_terminal_it_waits_quietly(capsys):
    stopped = asyncio.Event()
    view = asyncio.create_task(show_live_view(network(), stopped))
    await asyncio.sleep(0)
    assert not view.done()
    stopped.set()
    await view
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["directory", "http://127.0.0.1:1/api"]
    assert lines[-1].split() == ["packet", "router", ROUTER]  # in one piece, to be copied
