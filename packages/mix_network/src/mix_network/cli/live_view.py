"""What a person sees of a running network: where it is, and what its nodes do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESH_S = 0.5
_COLUMNS = ("received", "forwarded", "final", "waiting", "from_clients", "pushed", "stored")
_STATE_STYLES = {"running": "", "slow": "yellow", "stopped": "yellow", "killed": "red"}


class LiveView:
    """Draws a network's status again and again, with the rates since the time before.

    end -- what stands below it
    """

    def __init__(self, end: str) -> None:
        self._end = end
        self._before: tuple[float, dict[str, int]] | None = None
        self._rates: dict[str, float] = {}

    def render(self, status: Mapping[str, Any]) -> RenderableType:
        """The whole view.

        status -- a network's description and metrics in one
        """
        from rich.console import Group

        counted = {node["name"]: node["received"] for node in status["nodes"]}
        # Who draws more often than is counted shows the rates of before.
        if self._before is None or status["counted_at"] > self._before[0]:
            if self._before is not None:
                seconds, earlier = status["counted_at"] - self._before[0], self._before[1]
                # One that was started again counts from 0.
                self._rates = {
                    name: max(0, count - earlier.get(name, count)) / seconds for name, count in counted.items()
                }
            self._before = status["counted_at"], counted
        below = [_exit_line(status["exit"])] if "exit" in status else []
        table = _node_table(status["nodes"], self._rates)
        return Group(_addresses(status), _epoch_line(status["epoch"]), table, *below, self._end)


async def show_live_view(status: Callable[[], Mapping[str, Any]], stopped: asyncio.Event) -> None:
    """Draw the view until `stopped`; without a terminal say once where the network is."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    if not console.is_terminal:
        for label, value in address_lines(status()):
            console.print(f"{label:15}{value}", soft_wrap=True, highlight=False)
        await stopped.wait()
        return
    view = LiveView("Ctrl-C stops it.")
    with Live(view.render(status()), console=console, auto_refresh=False) as live:
        while not stopped.is_set():
            live.update(view.render(status()), refresh=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), REFRESH_S)


def address_lines(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a client may want to copy, each with its label."""
    lines = [("directory", status["directory"]["http"])]
    if "https" in status["directory"]:
        lines.append(("", status["directory"]["https"]))
    if status.get("status"):
        lines.append(("picture", status["status"]))
    if status.get("name"):
        lines.append(("network", status["name"]))
    if status["link"] != "none":
        lines.append(("emulated links", status["link"]))
    for entry in status["entry_gateways"]:
        lines.append(("entry gateway", f"{entry['ws']}  {entry['identity']}"))
    for exit_gateway in status["exit_gateways"]:
        lines.append(("exit gateway", exit_gateway["identity"]))
        lines.append(("packet router", exit_gateway["ip_packet_router"]))
    return lines


def _addresses(status: Mapping[str, Any]) -> RenderableType:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for label, value in address_lines(status):
        grid.add_row(label, value)
    return grid


def _epoch_line(epoch: Mapping[str, Any]) -> str:
    left_s = max(0, int(epoch["ends_in_s"]))
    left = f"{left_s // 60} min {left_s % 60:02} s" if left_s >= 60 else f"{left_s} s"
    layers = "drawn anew each epoch" if epoch["drawn"] else "fixed"
    if epoch.get("waits_for"):
        return f"epoch {epoch['id']} goes on, for the next one can't be drawn: {epoch['waits_for']}"
    return f"epoch {epoch['id']}, {left} left; key rotation {epoch['rotation']}; layers are {layers}"


def _node_table(nodes: list[dict[str, Any]], rates: Mapping[str, float]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("node", style="bold", no_wrap=True)
    table.add_column("layer", justify="right")
    table.add_column("state", no_wrap=True)
    table.add_column("packets/s", justify="right")
    for column in _COLUMNS:
        table.add_column(column.replace("_", " "), justify="right")
    table.add_column("own loops", justify="right")
    table.add_column("dropped")
    for node in nodes:
        rate = f"{rates[node['name']]:.0f}" if node["name"] in rates else ""
        loops = f"{node['loops_returned']} of {node['loops_sent']}"
        drops = ", ".join(f"{count} {reason}" for reason, count in node["dropped"].items())
        state = Text(node["state"], style=_STATE_STYLES.get(node["state"], ""))
        counters = (str(node[column]) for column in _COLUMNS)
        table.add_row(node["name"], str(node.get("layer") or ""), state, rate, *counters, loops, drops)
    return table


def _exit_line(counters: Mapping[str, Any]) -> str:
    flows = ", ".join(f"{count} {protocol}" for protocol, count in counters["flows"].items())
    return (
        f"exit: {counters['clients']} clients, flows: {flows}; "
        f"{counters['packets_from_clients']} packets from clients, {counters['packets_to_clients']} to them, "
        f"{counters['refused']} refused"
    )
