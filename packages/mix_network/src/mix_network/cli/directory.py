"""`mix-network directory`: the directory of a mixnet as a program."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mix_network.cli.program import fail, set_up_logs, stop_signals
from mix_protocol.errors import MixError

if TYPE_CHECKING:
    from mix_network.directory.options import DirectoryOptions
    from mix_network.storage.home import Home

_EPILOG = """\b
Examples:
  mix-network directory init --home /var/lib/mix-directory
      Writes a configuration that explains itself.
  mix-network directory run --home /var/lib/mix-directory
      Runs it until Ctrl-C or SIGTERM. Nodes announce themselves to
      http://ADDRESS:8000/api, and clients ask there.
  mix-network directory run --home DIR --check
      Says what is wrong with the configuration, with its line and key.
  mix-network directory key --home DIR
      Prints its public key. Several directories that have each other's in
      their directory.toml sign together, and clients that are given the keys
      (mix --directory-key KEY) need not believe any one of them.
"""

_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder with the directory's configuration and state; one process at a time works in it.",
)


@click.group("directory", epilog=_EPILOG)
def directory_command() -> None:
    """Run the directory of a mixnet: nodes register with it, and it says who does what in each epoch."""


@directory_command.command("init")
@_home
@click.option("--listen", default="0.0.0.0", show_default=True, metavar="IP", help="Where to listen.")  # noqa: S104
@click.option("--http-port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for a free one.")
@click.option("--epoch", type=click.IntRange(2, 30 * 24 * 3600), default=3600, show_default=True, metavar="SECONDS")
@click.option(
    "--least-mix-nodes", type=click.IntRange(3, 3000), default=3, show_default=True, help="Before the first draw."
)
@click.option("--allow-local", is_flag=True, help="Take nodes on this machine's loopback; for tests.")
def init_command(home: Path, listen: str, http_port: int, epoch: int, least_mix_nodes: int, allow_local: bool) -> None:
    """Write a configuration into a new home. Nothing is ever written over."""
    from mix_network.directory.options import CONFIGURATION_NAME, write_template
    from mix_network.storage.home import Home

    place = Home(home)
    content = write_template(
        address=listen, http_port=http_port, epoch_s=epoch, least_mix_nodes=least_mix_nodes, allow_local=allow_local
    )
    try:
        _initialise(place, content)
        key = _public_key(place)
    except (MixError, OSError) as error:
        fail(error)
    click.echo(f"{home / CONFIGURATION_NAME} is written; run it: mix-network directory run --home {home}")
    click.echo(f"Its public key, for clients and other directories: {key}")


@directory_command.command("run")
@_home
@click.option("--check", is_flag=True, help="Only say whether the configuration is right.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON with the port as soon as it works.")
@click.option("--log", type=click.Choice(["text", "json"]), help="Instead of what the configuration says.")
@click.option("--init", is_flag=True, help="Initialise a home that is not there yet, as init does without options.")
def run_command(home: Path, check: bool, as_json: bool, log: str | None, init: bool) -> None:
    """Run a directory until Ctrl-C or SIGTERM."""
    from mix_network.descriptors import raise_descriptor_limit
    from mix_network.directory.options import CONFIGURATION_NAME, DirectoryOptions, write_template
    from mix_network.storage.home import Home

    place = Home(home)
    try:
        if init and not place.has(CONFIGURATION_NAME):
            _initialise(place, write_template())
        configuration = DirectoryOptions.parse(place.read_configuration(CONFIGURATION_NAME))
        if check:
            click.echo("the configuration is right")
            return
        set_up_logs(log or configuration.log_format, configuration.log_level)
        raise_descriptor_limit()
        with place.locked():
            asyncio.run(_run(place, configuration, as_json))
    except (MixError, OSError) as error:
        fail(error)


@directory_command.command("key")
@_home
def key_command(home: Path) -> None:
    """Print the public key by which others know this directory.

    Clients take it by --directory-key, and other directories in `peers` of their directory.toml.
    """
    from mix_network.directory.options import CONFIGURATION_NAME
    from mix_network.storage.home import Home

    place = Home(home)
    try:
        place.read_configuration(CONFIGURATION_NAME)
        click.echo(_public_key(place))
    except (MixError, OSError) as error:
        fail(error)


@directory_command.command("systemd")
@click.option("--service", default="mix-directory", show_default=True, metavar="NAME", help="What it is called.")
def systemd_command(service: str) -> None:
    """Print a unit for systemd, with which the directory may do little but its work.

    It makes its home when it starts for the first time; edit /var/lib/NAME/directory.toml then.
    """
    from mix_network.cli.systemd import unit

    click.echo(unit(service, "The directory of a mixnet", ["directory", "run", "--init"]), nl=False)


def _public_key(home: Home) -> str:
    """In base58; the key is made if it is not there yet."""
    import os

    from mix_network.directory.program import SIGNING_KEY
    from mix_network.node_keys import IdentityKeys
    from mix_protocol.codec import base58
    from mix_protocol.crypto.native import NativeCrypto

    return base58.encode(IdentityKeys.from_seed(NativeCrypto(), home.key(SIGNING_KEY, 32, os.urandom)).public)


def _initialise(home: Home, content: str) -> None:
    from mix_network.directory.options import CONFIGURATION_NAME, DirectoryOptions

    DirectoryOptions.parse(content.encode())
    home.create()
    home.write_configuration(CONFIGURATION_NAME, content)


async def _run(home: Home, configuration: DirectoryOptions, as_json: bool) -> None:
    from mix_network.directory.program import DirectoryProgram
    from mix_network.node.service_manager import ServiceManager

    manager = ServiceManager()

    def tell(ports: dict[str, object]) -> None:
        manager.ready("works")
        if as_json:
            click.echo(json.dumps(ports, separators=(",", ":")))

    program = DirectoryProgram(home, configuration)
    with stop_signals(manager, rotate=program.rotate_keys) as stopped:
        await program.run(stopped, tell)
