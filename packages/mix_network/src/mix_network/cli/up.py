"""`mix-network up`: a whole local mixnet until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from mix_network.control.errors import ControlUnavailable
from mix_network.descriptors import raise_descriptor_limit
from mix_network.exit.hosts_resolver import parse_host
from mix_network.links.profile import parse_links
from mix_network.options import (
    DEFAULT_VERSION,
    MAX_GATEWAYS,
    MAX_NODE_COVER,
    MAX_ROTATION_EPOCHS,
    MAX_WORKERS,
    NetworkOptions,
    parse_mixes,
)
from mix_protocol.errors import MixError

if TYPE_CHECKING:
    from mix_network.local_network import LocalNetwork
    from mix_network.processes.network import ProcessNetwork

IpAddress = IPv4Address | IPv6Address

_STOP_TIMEOUT_S = 4.0

_EPILOG = """\b
Examples:
  mix-network up
      A network with free ports and a live view of its nodes. Point a client
      at the directory that it shows: mix fetch --directory URL http://…
  mix-network up --allow-local 8000 --host demo.test=127.0.0.1
      Clients may also reach a server on this machine, by address or as
      demo.test. It sees connections from 127.0.0.2.
  mix-network up --allow-local --host demo.test=127.0.0.1
      The same for servers at all ports.
  mix-network up --json --http-port 8000 --entry-port 9000 > network.json
      For programs: prints one line of JSON as soon as everything is ready.
  mix-network up --ca-out ca.pem
      Also writes the certificate of the authority behind the directory's
      https, for clients to trust.
  mix-network up --mixes 3x3 --entries 2 --exits 2
      Three mix nodes in each layer: every packet takes a way of its own.
  mix-network up --mixes 3x3 --epoch 60s
      Each minute draws anew which nodes make which layer.
  mix-network up --processes --mixes 3x2 --epoch 60s
      Directory and nodes as programs; mix-network kill NODE sends SIGKILL.
  mix-network up --link mainnet
      As slow as people report the live network to be; see how an app feels.
"""


class _HostParameter(click.ParamType[tuple[str, IpAddress]]):
    """NAME=IP."""

    name = "NAME=IP"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, IpAddress]:
        if isinstance(value, tuple):
            return value
        try:
            return parse_host(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _MixesParameter(click.ParamType[str]):
    """Layers times nodes in each."""

    name = "3xN"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parse_mixes(str(value))
        except MixError as error:
            self.fail(str(error), param, ctx)
        return str(value)


_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class _Duration(click.ParamType[int]):
    """Seconds, or with a unit."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip().lower()
        number, unit = text.rstrip("smhd"), text.lstrip("0123456789")
        if not (number.isascii() and number.isdigit() and len(number) < 9 and unit in _UNITS_S):
            self.fail("write it as 60s, 5m or 1h", param, ctx)
        return int(number) * _UNITS_S[unit]


class _LinkParameter(click.ParamType[str]):
    """A preset's name, or keys and values."""

    name = "LINK"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_links(str(value)).text
        except MixError as error:
            self.fail(str(error), param, ctx)


_ALL_PORTS = "all"


class _LocalPorts(click.ParamType[bool | tuple[int, ...]]):
    """PORT,PORT, or all of them."""

    name = "PORT,PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bool | tuple[int, ...]:
        text = str(value)
        if text == _ALL_PORTS:
            return True
        ports = text.split(",")
        if not all(port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 0xFFFF for port in ports):
            self.fail("write it as --allow-local 3000,8080, or --allow-local alone for every port", param, ctx)
        return tuple(map(int, ports))


_PORT = click.IntRange(0, 65535)
_COUNT = click.IntRange(1, MAX_GATEWAYS)
_port_help = "0 for a free one."


@click.command("up", epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one line, as JSON, when everything is ready.")
@click.option(
    "--processes",
    is_flag=True,
    help="Run the directory and every node as a program of its own, as on several machines; layers are drawn anew each "
    "epoch.",
)
@click.option(
    "--until-eof",
    is_flag=True,
    help="End when standard input does: with the program that started this one, however that ends.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="What `mix-network status`, `kill` and others know the network by.  [default: local, local-2 …]",
)
@click.option("--http-port", type=_PORT, default=0, metavar="PORT", help=f"Directory over http; {_port_help}")
@click.option("--https-port", type=_PORT, default=0, metavar="PORT", help=f"Directory over https; {_port_help}")
@click.option("--entry-port", type=_PORT, default=0, metavar="PORT", help=f"Entry gateway's WebSocket; {_port_help}")
@click.option("--exit-port", type=_PORT, default=0, metavar="PORT", help=f"Exit gateway's WebSocket; {_port_help}")
@click.option("--entries", type=_COUNT, default=1, show_default=True, help="How many entry gateways.")
@click.option("--exits", type=_COUNT, default=1, show_default=True, help="How many exit gateways.")
@click.option(
    "--mixes",
    type=_MixesParameter(),
    default="3x1",
    show_default=True,
    help="Layers times mix nodes in each, such as 3x3; a route always has three layers.",
)
@click.option(
    "--epoch",
    "epoch_s",
    type=_Duration(),
    help="Length of an epoch, such as 60s or 5m. Each epoch then draws anew which mix nodes make which layer; without "
    "it an epoch is an hour, and layers stay.",
)
@click.option(
    "--rotation",
    "rotation_epochs",
    type=click.IntRange(1, MAX_ROTATION_EPOCHS),
    default=24,
    show_default=True,
    metavar="EPOCHS",
    help="Epochs after which the nodes' Sphinx keys change.",
)
@click.option(
    "--allow-local",
    type=_LocalPorts(),
    is_flag=False,
    flag_value=_ALL_PORTS,
    metavar="[PORT,PORT]",
    help="Let the exit connect to loopback addresses of this machine: to these ports, or to all without any. Other "
    "addresses that are not globally routable stay refused. Only pages of this machine may use the network then.",
)
@click.option(
    "--allow-origin",
    "allow_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Let pages of this origin, such as https://app.test, use the network too; may be given several times.",
)
@click.option(
    "--host",
    "hosts",
    type=_HostParameter(),
    multiple=True,
    help="Add a name for clients; may be given several times. The exit then answers all DNS itself.",
)
@click.option(
    "--dns",
    type=click.Choice(["system", "none"]),
    default="system",
    show_default=True,
    help="With --host: ask the system's resolver for other names, or say that they don't exist.",
)
@click.option(
    "--exit-policy",
    type=click.File("r"),
    metavar="FILE",
    help="Rules such as 'ExitPolicy accept *:443', one a line; the first match decides, no match refuses.",
)
@click.option(
    "--tun",
    is_flag=True,
    help="Let the kernel forward and masquerade clients' packets, behind a TUN device, instead of ordinary sockets. "
    "Takes root, Linux, and the programs ip and nft; all of it is removed at the end.",
)
@click.option(
    "--advertise-version",
    default=DEFAULT_VERSION,
    show_default=True,
    metavar="X.Y.Z",
    help="Node version that the directory announces; clients speak IPR protocol 10 from 1.37.0 on, 9 before.",
)
@click.option(
    "--pcap",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Capture the IP packets between the tunnel and the exits; each client has another address.",
)
@click.option(
    "--trace",
    metavar="URL",
    help="Send the ways of packets to a collector as OpenTelemetry traces (OTLP over HTTP, such as "
    "http://127.0.0.1:4318/v1/traces). For a network in one process: nodes that are programs never do.",
)
@click.option(
    "--ca-out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the certificate authority of the directory's https.",
)
@click.option(
    "--node-cover",
    type=click.FloatRange(0, MAX_NODE_COVER),
    default=1.0,
    show_default=True,
    metavar="RATE",
    help="Loop cover packets that each node sends a second, on average; 0 for none.",
)
@click.option(
    "--require-bandwidth",
    is_flag=True,
    help="Grant clients no free bandwidth, as gateways that want to be paid: see what an app does then.",
)
@click.option(
    "--noise",
    is_flag=True,
    help="Encrypt the links between nodes, as the live network's nodes do (Noise XKpsk3).",
)
@click.option(
    "--workers",
    type=click.IntRange(0, MAX_WORKERS),
    default=0,
    show_default=True,
    metavar="N",
    help="Processes for the work of gateways and mix nodes, on as many cores; with 0 this process does it.",
)
@click.option(
    "--mean-delay",
    type=click.FloatRange(0, 10_000),
    default=15.0,
    show_default=True,
    metavar="MS",
    help="Mean delay at each hop for acknowledgements of the exit's packets. Clients choose the delays of theirs.",
)
@click.option(
    "--link",
    type=_LinkParameter(),
    default="none",
    show_default=True,
    help="Emulate links between nodes, and between clients and their gateway: none, home, mobile, mainnet, or for all "
    "alike such as 'delay=80ms jitter=30ms loss=1% rate=2mbit'.",
)
@click.option("--link-seed", type=int, default=0, metavar="N", help="Lose and delay the same packets every time.")
def up_command(
    as_json: bool,
    processes: bool,
    until_eof: bool,
    name: str | None,
    http_port: int,
    https_port: int,
    entry_port: int,
    exit_port: int,
    entries: int,
    exits: int,
    mixes: str,
    epoch_s: int | None,
    rotation_epochs: int,
    allow_local: bool | tuple[int, ...] | None,
    allow_origins: tuple[str, ...],
    hosts: tuple[tuple[str, IpAddress], ...],
    dns: str,
    exit_policy: TextIO | None,
    tun: bool,
    advertise_version: str,
    pcap: Path | None,
    trace: str | None,
    ca_out: Path | None,
    node_cover: float,
    require_bandwidth: bool,
    noise: bool,
    workers: int,
    mean_delay: float,
    link: str,
    link_seed: int,
) -> None:
    """Start a whole mixnet on this machine and run it until Ctrl-C.

    A directory, entry gateways, three layers of mix nodes and exit gateways, all on 127.0.0.1 and without root. Exits
    forward TCP, UDP and, where the system allows it, ping.
    """
    table: dict[str, tuple[IpAddress, ...]] = {}
    for host, address in hosts:
        table[host] = (*table.get(host, ()), address)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="mix-network: %(message)s")
    try:
        options = NetworkOptions(
            http_port=http_port,
            https_port=https_port,
            entry_port=entry_port,
            exit_port=exit_port,
            entries=entries,
            exits=exits,
            mixes=mixes,
            epoch_s=epoch_s,
            rotation_epochs=rotation_epochs,
            allow_local=allow_local if allow_local is not None else False,
            allow_origins=allow_origins,
            hosts=table,
            dns="system" if dns == "system" else "none",
            exit_policy=exit_policy.read() if exit_policy is not None else None,
            tun=tun,
            advertise_version=advertise_version,
            node_cover=node_cover,
            require_bandwidth=require_bandwidth,
            noise=noise,
            mean_ack_delay_ms=mean_delay,
            workers=workers,
            link=link,
            link_seed=link_seed,
            pcap=pcap,
            trace=trace,
        )
        raise_descriptor_limit()
        with _claimed(name) as claimed_name:
            asyncio.run(_run(options, processes, as_json, until_eof, ca_out, claimed_name))
    except MixError as error:
        details = ", ".join(f"{name} {value}" for name, value in error.fields.items())
        raise click.ClickException(f"{error}" + (f" ({details})" if details else "")) from None
    except OSError as error:
        raise click.ClickException(str(error)) from None


@contextlib.contextmanager
def _claimed(name: str | None) -> Iterator[str | None]:
    """A name for the network; None, and a warning, where commands can't be taken."""
    from mix_network.control.place import claimed

    with contextlib.ExitStack() as stack:
        try:
            found: str | None = stack.enter_context(claimed(name))
        except ControlUnavailable as error:
            logging.warning("commands can't be taken: %s", error)
            found = None
        yield found


async def _run(
    options: NetworkOptions, processes: bool, as_json: bool, until_eof: bool, ca_out: Path | None, name: str | None
) -> None:
    # Loaded here, so that help and usage errors come at once.
    from mix_network.cli.live_view import show_live_view
    from mix_network.control.place import socket_path
    from mix_network.control.server import ControlServer

    with _stop_signals() as stopped, contextlib.ExitStack() as stack:
        network = _process_network(options, ca_out, stack) if processes else _local_network(options, ca_out)
        await network.start()
        path = socket_path(name) if name is not None else None
        about = {"name": name, "control": str(path) if path is not None else None, "pid": os.getpid()}
        control = ControlServer(network, path, about) if path is not None else None
        watching = asyncio.create_task(_wait_for_eof(stopped)) if until_eof else None
        try:
            if control is not None:
                await control.start()
            if as_json:
                click.echo(json.dumps({**network.description(), **about}, separators=(",", ":")))
                await stopped.wait()
            else:
                await show_live_view(lambda: {**about, **network.description(), **network.metrics()}, stopped)
        finally:
            if watching is not None:
                watching.cancel()
            if control is not None:
                await control.close()
            # Whatever still hangs then is cut by the end of the process.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await network.close()


def _local_network(options: NetworkOptions, ca_out: Path | None) -> LocalNetwork:
    from mix_network.local_network import LocalNetwork

    network = LocalNetwork(options)
    if ca_out is not None:
        network.certificate.write_authority(ca_out)
    return network


def _process_network(options: NetworkOptions, ca_out: Path | None, stack: contextlib.ExitStack) -> ProcessNetwork:
    from mix_network.processes.folder import temporary_folder
    from mix_network.processes.network import ProcessNetwork

    if ca_out is not None:
        raise click.UsageError("--ca-out: the directory of --processes has no https of its own; leave it out")
    return ProcessNetwork(options, stack.enter_context(temporary_folder()))


async def _wait_for_eof(stopped: asyncio.Event) -> None:
    """Set `stopped` when standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(65536):
        pass
    stopped.set()


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """An event that is set when somebody wants this to end, be it by closing the terminal."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
