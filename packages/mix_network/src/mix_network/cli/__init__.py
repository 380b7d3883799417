"""The command `mix-network`."""

from __future__ import annotations

import click

from mix_network.cli.commands import COMMANDS
from mix_network.cli.directory import directory_command
from mix_network.cli.inspect import inspect_command
from mix_network.cli.node import node_command
from mix_network.cli.up import up_command

_EPILOG = """\b
Examples:
  mix-network up                                 a whole mixnet, with a live view
  mix-network up --json --allow-local            one line of JSON when ready, for programs
  mix-network up --host demo.test=127.0.0.1 --allow-local
  mix-network status                             what the running network does
  mix-network kill mix-1                         and what an app does then
  mix-network node --help                        one node as a program of its own
  mix-network directory --help                   and the directory that nodes register with
  mix-network inspect --keys keys.json frame.bin
"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mix_network", message="%(prog)s %(version)s")
def main() -> None:
    """Run and inspect a mixnet on your own machine.

    The network speaks the protocols of the Nym mixnet. It needs no root, no configuration and no Internet.
    """


main.add_command(up_command)
main.add_command(inspect_command)
main.add_command(node_command)
main.add_command(directory_command)
for _command in COMMANDS:
    main.add_command(_command)
