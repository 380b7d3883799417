"""The command `mix`. Each facade adds its subcommand by an entry point of the group `mix.commands`."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import click

COMMAND_GROUP = "mix.commands"
PACKAGES = {"fetch": "mix_fetch", "dns": "mix_dns", "ws": "mix_websocket"}
"""Which of our packages brings a command; no index is named, for nobody else should answer to these names."""


class InstalledCommands(click.Group):
    """A group whose commands are whatever the installed packages offer; each is loaded when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in alphabetical order."""
        return sorted(_installed())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command, or None when no package offers it."""
        point = _installed().get(cmd_name)
        if point is None and cmd_name in PACKAGES:
            raise click.UsageError(
                f"mix {cmd_name} comes with the package {PACKAGES[cmd_name]}, which is not installed: install it from "
                "where this mix came from (its wheel, or its folder below packages)"
            )
        command = point.load() if point is not None else None
        return command if isinstance(command, click.Command) else None


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=COMMAND_GROUP)}


@click.group(cls=InstalledCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mix_tunnel", message="mix %(version)s")
def main() -> None:
    """Reach the Internet through a mixnet: nobody on the way sees both who asks and what for."""
