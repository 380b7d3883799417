"""What a person may choose about a local network."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from mix_network.configuration import is_web_address
from mix_network.errors import InvalidNetworkOption
from mix_network.exit.hosts_resolver import OtherNames
from mix_network.links.profile import parse_links
from mix_network.origins import Origins
from mix_network.rotation import DEFAULT_EPOCH_S, RotationSchedule
from mix_protocol.topology.exits import NodeVersion
from mix_protocol.topology.topology import LAYER_COUNT

DEFAULT_VERSION = "1.40.0"
MAX_GATEWAYS = 4
MAX_NODES_PER_LAYER = 20
MIN_EPOCH_S = 2
MAX_EPOCH_S = 7 * 86_400
MAX_ROTATION_EPOCHS = 1000
MAX_NODE_COVER = 100
MAX_WORKERS = 16

IpAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Options of a local network; raises `InvalidNetworkOption`, which names the option, for what can't be."""

    http_port: int = 0
    """Port of the directory on 127.0.0.1; 0 takes a free one, here and below."""
    https_port: int = 0
    """Port of the directory's https."""
    entry_port: int = 0
    """Port at which the (first) entry gateway takes clients."""
    exit_port: int = 0
    """Port at which the (first) exit gateway takes clients."""
    entries: int = 1
    """How many entry gateways."""
    exits: int = 1
    """How many exit gateways."""
    mixes: str = "3x1"
    """Mix nodes: layers, of which there are always three, times nodes in each: `3x1`, or `3` for the same, `3x3` …"""
    epoch_s: int | None = None
    """Seconds of an epoch. Given, each epoch puts the mix nodes into layers anew, drawn from a public seed; without it
    an epoch is an hour and every node stays in its layer."""
    rotation_epochs: int = 24
    """Epochs for which the nodes' Sphinx keys serve."""
    allow_local: bool | Collection[int] = False
    """Let the exit connect to loopback addresses: to all of their ports, or to these. Only pages of this machine may
    use the network then."""
    allow_origins: Collection[str] = ()
    """Web origins, such as `https://app.test`, whose pages and whose host name are served although they are not of this
    machine."""
    hosts: Mapping[str, tuple[IpAddress, ...]] = field(default_factory=dict)
    """Addresses by name, answered by the exit; an empty table leaves DNS alone."""
    dns: OtherNames = "system"
    """What happens to other names then: `"system"` or `"none"`."""
    exit_policy: str | None = None
    """Rules for the exit instead of the ports that exits let through by default, in the policy's own syntax."""
    tun: bool = False
    """Let the kernel forward clients' packets, behind a TUN device, instead of sockets; takes root, on Linux."""
    advertise_version: str = DEFAULT_VERSION
    """The node version that the directory announces; from 1.37.0 on clients use protocol 10 with the exit, else 9."""
    mean_ack_delay_ms: float = 15.0
    """Mean delay at each hop of the acknowledgements that the exit asks for."""
    node_cover: float = 0.0
    """Loop cover packets that each node sends a second, on average; each costs all nodes together some 3 ms."""
    require_bandwidth: bool = False
    """Grant clients no free bandwidth, as gateways of the Nym network may: to see what an app does then."""
    noise: bool = False
    """Encrypt the links between nodes (Noise), as nodes of the live network do. All nodes of this machine must then:
    one of another program that announces no Noise key can't speak with these."""
    workers: int = 0
    """Processes that do the work of gateways and mix nodes, for more than one core; with 0 this one does it."""
    link: str = "none"
    """What the links between nodes, and between clients and their gateway, are like: `none`, `home`, `mobile`,
    `mainnet`, or for all of them alike such as `delay=80ms jitter=30ms loss=1% rate=2mbit`."""
    link_seed: int = 0
    """With the same seed and the same traffic the same packets are lost and late."""
    trace: str | None = None
    """A collector's address, such as `http://127.0.0.1:4318/v1/traces`, that gets the ways of packets as OpenTelemetry
    traces. It takes `mix_network[trace]`, and tells the collector who speaks with whom."""
    pcap: Path | None = None
    """Where to write the IP packets between the tunnel and all exits. Each exit gives addresses at random, by which
    their packets can be told apart."""

    @property
    def nodes_per_layer(self) -> int:
        """What `mixes` says of each layer."""
        return parse_mixes(self.mixes)

    @property
    def schedule(self) -> RotationSchedule:
        """When epochs and keys change."""
        return RotationSchedule(self.epoch_s or DEFAULT_EPOCH_S, self.rotation_epochs)

    @property
    def origins(self) -> Origins:
        """Whose pages may use the network. A site must not reach this machine's services through it."""
        return Origins(only_local=self.allow_local is not False, also=self.allow_origins)

    def __post_init__(self) -> None:
        for name in ("http_port", "https_port", "entry_port", "exit_port"):
            if not 0 <= getattr(self, name) <= 0xFFFF:
                raise InvalidNetworkOption("a port must be from 0 (a free one) to 65535", option=name)
        for name in ("entries", "exits"):
            if not 1 <= getattr(self, name) <= MAX_GATEWAYS:
                raise InvalidNetworkOption(f"there may be 1 to {MAX_GATEWAYS} gateways of a kind", option=name)
        parse_mixes(self.mixes)
        epoch_s = self.epoch_s
        if epoch_s is not None and not (isinstance(epoch_s, int) and MIN_EPOCH_S <= epoch_s <= MAX_EPOCH_S):
            raise InvalidNetworkOption(
                f"an epoch is from {MIN_EPOCH_S} s to a week, in whole seconds", option="epoch_s"
            )
        if not 1 <= self.rotation_epochs <= MAX_ROTATION_EPOCHS:
            raise InvalidNetworkOption(f"keys serve for 1 to {MAX_ROTATION_EPOCHS} epochs", option="rotation_epochs")
        if not isinstance(self.allow_local, bool) and not all(0 < port <= 0xFFFF for port in self.allow_local):
            raise InvalidNetworkOption("a port of this machine is from 1 to 65535", option="allow_local")
        try:
            self.origins  # noqa: B018 -- reads them
        except ValueError as error:
            raise InvalidNetworkOption(str(error), option="allow_origins") from None
        if self.dns not in ("system", "none"):
            raise InvalidNetworkOption("dns must be system or none", option="dns")
        if NodeVersion.parse(self.advertise_version) is None:
            raise InvalidNetworkOption("a version looks like 1.37.0", option="advertise_version")
        if not 0 <= self.mean_ack_delay_ms <= 10_000:
            raise InvalidNetworkOption("a mean delay is from 0 to 10000 ms", option="mean_ack_delay_ms")
        if not 0 <= self.node_cover <= MAX_NODE_COVER:
            raise InvalidNetworkOption(f"a node sends from 0 to {MAX_NODE_COVER} loops a second", option="node_cover")
        if not 0 <= self.workers <= MAX_WORKERS:
            raise InvalidNetworkOption(f"there may be 0 to {MAX_WORKERS} worker processes", option="workers")
        parse_links(self.link)
        if self.trace is not None and not is_web_address(self.trace):
            raise InvalidNetworkOption("write a collector's address as http://127.0.0.1:4318/v1/traces", option="trace")
        if self.trace is not None and self.workers:
            raise InvalidNetworkOption("packets can't be followed through workers; run without them", option="trace")


def parse_mixes(text: str) -> int:
    """Mix nodes in each layer of a network described as `3x2`. Raises `InvalidNetworkOption`."""
    shape = re.fullmatch(r"([0-9]{1,3})(?:[xX×]([0-9]{1,3}))?", text.strip())
    layers, nodes = (int(shape[1]), int(shape[2] or 1)) if shape else (0, 0)
    if layers != LAYER_COUNT or not 1 <= nodes <= MAX_NODES_PER_LAYER:
        raise InvalidNetworkOption(
            f"write it as 3x2: a route has three layers, and each of them 1 to {MAX_NODES_PER_LAYER} mix nodes",
            option="mixes",
        )
    return nodes
