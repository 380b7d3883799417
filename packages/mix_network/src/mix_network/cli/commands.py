"""Commands for a network that `mix-network up` runs: what it does, and failures to rehearse."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mix_network.cli.live_view import REFRESH_S, LiveView
from mix_network.links.profile import parse_links
from mix_protocol.errors import MixError

_PIPE_WIDTH = 200
"""Where there is no terminal to measure, nothing should be cut."""

Function = TypeVar("Function", bound=Callable[..., Any])


def _named(command: Function) -> Function:
    return click.option(
        "--network", "-n", metavar="NAME", help="Which network, where several run; `up` shows the name of each."
    )(command)


def command_network(network: str | None, verb: Any, **about: Any) -> dict[str, Any]:
    """Give a command to a running network; what is wrong is told in a sentence."""
    # Loaded here, so that help and usage errors come at once.
    from mix_network.control.client import find_network, send_command
    from mix_network.control.messages import Command

    try:
        return send_command(find_network(network), Command(verb, **about))
    except MixError as error:
        raise click.ClickException(str(error)) from None


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print everything once, as JSON.")
@_named
def status_command(as_json: bool, network: str | None) -> None:
    """Show what a running network does, until Ctrl-C.

    Addresses, epoch, and the counters of each node; once if this is no terminal.
    """
    if as_json:
        click.echo(json.dumps(command_network(network, "status")))
        return
    from rich.console import Console
    from rich.live import Live

    console = Console()
    if not console.is_terminal:
        Console(width=_PIPE_WIDTH).print(LiveView("").render(command_network(network, "status")))
        return
    view = LiveView("Ctrl-C ends this view; the network goes on.")
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(view.render(command_network(network, "status")), console=console, auto_refresh=False) as live,
    ):
        while True:
            time.sleep(REFRESH_S)
            live.update(view.render(command_network(network, "status")), refresh=True)


@click.group("add")
def add_group() -> None:
    """Add a node to a running network."""


@add_group.command("mix")
@click.option("--layer", type=click.IntRange(1, 3), help="Its layer; without it the smallest one.")
@_named
def add_mix_command(layer: int | None, network: str | None) -> None:
    """Add a mix node, and print its name.

    Clients use it once they have asked the directory again. Where each epoch draws the layers, it waits for the next
    draw.
    """
    click.echo(command_network(network, "add-mix", layer=layer)["node"])


@click.command("kill")
@click.argument("node")
@_named
def kill_command(node: str, network: str | None) -> None:
    """End NODE at once, as SIGKILL does, with all that it holds.

    The directory leaves it out from the next epoch on. `mix-network restart NODE` brings it back.
    """
    command_network(network, "kill", node=node)


@click.command("restart")
@click.argument("node")
@_named
def restart_command(node: str, network: str | None) -> None:
    """End NODE, if it still runs, and start it again on the same ports, with the same keys and registered clients."""
    command_network(network, "restart", node=node)


@click.command("stop")
@click.argument("node")
@_named
def stop_command(node: str, network: str | None) -> None:
    """Let NODE do nothing any more, as SIGSTOP does: its connections stay open, and it answers nobody.

    `mix-network resume NODE` lets it go on.
    """
    command_network(network, "stop", node=node)


@click.command("slow")
@click.argument("node")
@click.option(
    "--link",
    default=None,
    metavar="LINK",
    help="What NODE sends, and exchanges with clients, takes such links: mobile, 'delay=2s loss=5%' …  [delay=500ms]",
)
@_named
def slow_command(node: str, link: str | None, network: str | None) -> None:
    """Make NODE slow; `mix-network resume NODE` makes it as it was."""
    command_network(network, "slow", node=node, link=_checked(link))


@click.command("resume")
@click.argument("node")
@_named
def resume_command(node: str, network: str | None) -> None:
    """Undo `stop` and `slow`."""
    command_network(network, "resume", node=node)


@click.command("rotate-keys")
@_named
def rotate_keys_command(network: str | None) -> None:
    """Give all nodes new Sphinx keys now, and print the rotation's number.

    An epoch begins with it, during which the former keys still serve.
    """
    click.echo(command_network(network, "rotate-keys")["rotation"])


def _checked(link: str | None) -> str | None:
    try:
        return parse_links(link).text if link is not None else None
    except MixError as error:
        raise click.BadParameter(str(error), param_hint="'--link'") from None


COMMANDS = (
    status_command,
    add_group,
    kill_command,
    restart_command,
    stop_command,
    slow_command,
    resume_command,
    rotate_keys_command,
)
