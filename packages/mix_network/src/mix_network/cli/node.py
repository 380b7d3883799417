"""`mix-network node`: one node as a program."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from mix_network.cli.program import fail, set_up_logs, stop_signals
from mix_protocol.errors import MixError

if TYPE_CHECKING:
    from mix_network.node.options import NodeOptions
    from mix_network.storage.home import Home

_ROLES = ("mix", "entry", "exit")
_PORT = click.IntRange(0, 65535)
_FLAGS = {"allow_local": "--allow-local", "require_bandwidth": "--require-bandwidth"}
_EPILOG = """\b
Examples:
  mix-network node init --role mix --home /var/lib/mix-node \\
      --directory http://192.0.2.1:8000/api --announce 192.0.2.7
      Writes a configuration that explains itself, and the node's keys.
  mix-network node run --home /var/lib/mix-node
      Runs it until Ctrl-C or SIGTERM. SIGHUP reads the exit policy again.
  mix-network node run --home /var/lib/mix-node --check
      Says what is wrong with the configuration, with its line and key.
  mix-network node run --role mix --role exit --home DIR --directory URL
      Both at once, for a home that is not there yet.
"""

_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder with the node's configuration, keys and state; one process at a time works in it.",
)


def _init_options(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(
        (
            click.option(
                "--role", "roles", type=click.Choice(_ROLES), multiple=True, help="May be given several times."
            ),
            click.option(
                "--directory", "directories", multiple=True, metavar="URL", help="Such as http://192.0.2.1:8000/api."
            ),
            click.option("--listen", default="0.0.0.0", show_default=True, metavar="IP", help="Where to listen."),  # noqa: S104
            click.option(
                "--announce",
                multiple=True,
                metavar="IP",
                help="Where others reach the node; that of --listen by default.",
            ),
            click.option("--name", default="", metavar="NAME", help="For logs; the roles by default."),
            click.option("--mix-port", type=_PORT, default=1789, show_default=True, help="0 for a free one."),
            click.option("--ws-port", type=_PORT, default=9000, show_default=True, help="0 for a free one."),
            click.option("--http-port", type=_PORT, default=8080, show_default=True, help="0 for a free one."),
            click.option("--allow-local", is_flag=True, help="Let an exit reach this machine's loopback; for tests."),
            click.option(
                "--require-bandwidth",
                is_flag=True,
                help="Grant free bandwidth to those clients alone that node.toml lists (admit, under [gateway]).",
            ),
        )
    ):
        command = option(command)
    return command


class _RunByDefault(click.Group):
    """`node --home DIR` is `node run --home DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("node", epilog=_EPILOG, cls=_RunByDefault)
def node_command() -> None:
    """Run one node of a mixnet: a mix node, an entry gateway, an exit gateway, or several of them in one."""


@node_command.command("init")
@_home
@_init_options
def init_command(home: Path, **options: object) -> None:
    """Write a configuration and keys into a new home. Nothing is ever written over."""
    from mix_network.storage.home import Home

    try:
        identity = _initialise(Home(home), options)
    except (MixError, OSError) as error:
        fail(error)
    click.echo(f"{home / 'node.toml'} is written; run it: mix-network node run --home {home}")
    click.echo(f"identity {identity}")


@node_command.command("run")
@_home
@_init_options
@click.option("--check", is_flag=True, help="Only say whether configuration and keys are right.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON with the ports as soon as it works.")
@click.option("--log", type=click.Choice(["text", "json"]), help="Instead of what the configuration says.")
@click.option("--trace", hidden=True)
def run_command(home: Path, check: bool, as_json: bool, log: str | None, trace: str | None, **options: object) -> None:
    """Run a node until Ctrl-C or SIGTERM. A home that is not there yet is initialised by --role and --directory."""
    if trace is not None:
        raise click.UsageError(
            "--trace: a node never tells which packet became which, for that is what mixnets are there to hide; "
            "mix-network up --trace URL does, of a network in one process on this machine"
        )
    from mix_network.descriptors import raise_descriptor_limit
    from mix_network.node.options import CONFIGURATION_NAME, NodeOptions
    from mix_network.storage.home import Home

    place = Home(home)
    try:
        if options["roles"] and not place.has(CONFIGURATION_NAME):
            _initialise(place, options)
        configuration = NodeOptions.parse(place.read_configuration(CONFIGURATION_NAME))
        if check:
            _check(place, configuration)
            click.echo("configuration and keys are right")
            return
        set_up_logs(log or configuration.log_format, configuration.log_level)
        raise_descriptor_limit()
        with place.locked():
            asyncio.run(_run(place, configuration, as_json))
    except (MixError, OSError) as error:
        fail(error)


@node_command.command("systemd")
@click.option("--service", default="mix-node", show_default=True, metavar="NAME", help="What the service is called.")
@_init_options
def systemd_command(service: str, **options: object) -> None:
    """Print a unit for systemd, with which the node may do little but its work.

    The service makes its home when it starts for the first time, by the options that are given here.
    """
    from mix_network.cli.systemd import unit

    _template(options)  # says what is missing
    arguments = ["node", "run"]
    for name, flag in (("roles", "--role"), ("directories", "--directory"), ("announce", "--announce")):
        for value in cast(tuple[str, ...], options[name]):
            arguments += [flag, value]
    for name in ("listen", "name", "mix_port", "ws_port", "http_port"):
        if options[name] != "":
            arguments += [f"--{name.replace('_', '-')}", str(options[name])]
    arguments += [flag for name, flag in _FLAGS.items() if options[name]]
    click.echo(unit(service, "A node of a mixnet", arguments), nl=False)


def _initialise(home: Home, options: dict[str, object]) -> str:
    """Write configuration and keys; gives the identity in base58."""
    import os

    from mix_network.node.options import CONFIGURATION_NAME
    from mix_protocol.codec import base58
    from mix_protocol.crypto.native import NativeCrypto

    content = _template(options)
    home.create()
    home.write_configuration(CONFIGURATION_NAME, content)
    return base58.encode(NativeCrypto().ed25519_public(home.key("identity", 32, os.urandom)))


def _template(options: dict[str, object]) -> str:
    """The configuration that these options ask for."""
    from mix_network.node.options import NodeOptions, write_template

    roles, directories, announce = (
        cast(tuple[str, ...], options[name]) for name in ("roles", "directories", "announce")
    )
    if not roles or not directories:
        raise click.UsageError("a new node needs --role (mix, entry, exit) and --directory URL")
    listen = str(options["listen"])
    try:
        is_everywhere = ip_address(listen).is_unspecified
        addresses = [str(ip_address(each)) for each in announce]
    except ValueError:
        raise click.UsageError("--listen and --announce take IP addresses") from None
    if is_everywhere and not addresses:
        raise click.UsageError("say by --announce at which address others reach the node")
    content = write_template(
        roles,
        name=str(options["name"]) or "-".join(role for role in _ROLES if role in roles),
        directories=directories,
        address=listen,
        ip_addresses=addresses or [listen],
        ports=(int(str(options["mix_port"])), int(str(options["ws_port"])), int(str(options["http_port"]))),
        allow_local=bool(options["allow_local"]),
        require_bandwidth=bool(options["require_bandwidth"]),
    )
    NodeOptions.parse(content.encode())
    return content


def _check(home: Home, configuration: NodeOptions) -> None:
    import os

    from mix_network.exit.policy import ExitPolicy
    from mix_network.node_keys import SERVICE_SECRET_LENGTH

    home.key("identity", 32, os.urandom)
    if "exit" in configuration.roles:
        home.key("exit-service", SERVICE_SECRET_LENGTH, os.urandom)
        if configuration.exit_policy is not None:
            ExitPolicy.parse((home.path / configuration.exit_policy).read_text("utf-8"))


async def _run(home: Home, configuration: NodeOptions, as_json: bool) -> None:
    from mix_network.node.program import NodeProgram
    from mix_network.node.service_manager import ServiceManager
    from mix_protocol.codec import base58

    program, manager = NodeProgram(home, configuration), ServiceManager()

    def tell(ports: dict[str, object]) -> None:
        manager.ready(f"{configuration.name} works")
        if as_json:
            line = {"name": configuration.name, "identity": base58.encode(program.identity), **ports}
            click.echo(json.dumps(line, separators=(",", ":")))

    with stop_signals(manager, program.reload) as stopped:
        await program.run(stopped, tell)
