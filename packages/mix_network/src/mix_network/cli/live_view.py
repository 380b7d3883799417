"""What a person sees of a running network: where it is, and what its nodes do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mix_network.local_network import LocalNetwork

_REFRESH_S = 0.5
_COLUMNS = ("received", "forwarded", "final", "waiting", "from_clients", "pushed", "stored", "replayed", "malformed")


async def show_live_view(network: LocalNetwork, stopped: asyncio.Event) -> None:
    """Draw the view until `stopped`; without a terminal say once where the network is."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    if not console.is_terminal:
        for label, value in _address_lines(network):
            console.print(f"{label:15}{value}", soft_wrap=True, highlight=False)
        await stopped.wait()
        return
    with Live(render(network), console=console, auto_refresh=False) as live:
        while not stopped.is_set():
            live.update(render(network), refresh=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), _REFRESH_S)


def render(network: LocalNetwork) -> RenderableType:
    """The whole view at this moment."""
    from rich.console import Group

    metrics = network.metrics()
    return Group(_addresses(network), _node_table(metrics["nodes"]), _exit_line(metrics["exit"]), "Ctrl-C stops it.")


def _address_lines(network: LocalNetwork) -> list[tuple[str, str]]:
    """What a client may want to copy, each with its label."""
    description = network.description()
    lines = [("directory", description["directory"]["http"]), ("", description["directory"]["https"])]
    if description["link"] != "none":
        lines.append(("emulated links", description["link"]))
    for entry in description["entry_gateways"]:
        lines.append(("entry gateway", f"{entry['ws']}  {entry['identity']}"))
    for exit_gateway in description["exit_gateways"]:
        lines.append(("exit gateway", exit_gateway["identity"]))
        lines.append(("packet router", exit_gateway["ip_packet_router"]))
    return lines


def _addresses(network: LocalNetwork) -> RenderableType:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for label, value in _address_lines(network):
        grid.add_row(label, value)
    return grid


def _node_table(nodes: list[dict[str, Any]]) -> RenderableType:
    from rich.table import Table

    table = Table()
    table.add_column("node", style="bold")
    table.add_column("layer", justify="right")
    for column in _COLUMNS:
        table.add_column(column.replace("_", " "), justify="right")
    table.add_column("own loops", justify="right")
    table.add_column("dropped")
    for node in nodes:
        loops = f"{node['loops_returned']} of {node['loops_sent']}"
        drops = ", ".join(f"{count} {reason}" for reason, count in node["dropped"].items())
        layer = str(node.get("layer") or "")
        table.add_row(node["name"], layer, *(str(node[column]) for column in _COLUMNS), loops, drops)
    return table


def _exit_line(counters: Mapping[str, Any]) -> str:
    flows = ", ".join(f"{count} {protocol}" for protocol, count in counters["flows"].items())
    return (
        f"exit: {counters['clients']} clients, flows: {flows}; "
        f"{counters['packets_from_clients']} packets from clients, {counters['packets_to_clients']} to them, "
        f"{counters['refused']} refused"
    )
