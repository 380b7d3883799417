"""A directory's configuration: the file that a person edits, read and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from mix_network.configuration import Configuration, is_ip_address
from mix_network.directory.peers import DirectoryPeer
from mix_network.rotation import DEFAULT_EPOCH_S
from mix_protocol.codec import base58
from mix_protocol.errors import MixError
from mix_protocol.topology.signed_snapshot import MAX_SIGNATURES

CONFIGURATION_NAME: Final = "directory.toml"


@dataclass(frozen=True)
class ListedNode:
    """A node that the directory asks without being told of it by the node, as those of other families need."""

    identity: bytes
    host: str
    http_port: int

    @classmethod
    def parse(cls, text: str) -> ListedNode | None:
        """Read `IDENTITY@IP:PORT`; None for what is not that."""
        identity, _, place = text.partition("@")
        host, _, port = place.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (_is_identity(identity) and is_ip_address(host) and port.isascii() and port.isdigit()):
            return None
        return cls(base58.decode(identity), host, int(port)) if 0 < int(port) < 1 << 16 else None

    def to_text(self) -> str:
        """What `parse` reads."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{base58.encode(self.identity)}@{host}:{self.http_port}"


@dataclass(frozen=True, kw_only=True)
class DirectoryOptions:
    """What a directory's configuration says; see the comments in the template."""

    listen_address: str
    http_port: int
    epoch_s: int
    rotation_epochs: int
    nodes_per_layer: int | None
    least_mix_nodes: int
    admit: frozenset[bytes]
    listed: tuple[ListedNode, ...]
    allow_local: bool
    peers: tuple[DirectoryPeer, ...]
    quorum: int | None
    probe_s: float
    probe_port: int
    probe_address: str | None
    log_format: str
    log_level: str

    @classmethod
    def parse(cls, content: bytes) -> DirectoryOptions:
        """Read a `directory.toml`. Raises `InvalidConfiguration`."""
        top = Configuration.parse(content)
        listen, epochs, nodes, signing, probes, logs = map(
            top.section, ("listen", "epochs", "nodes", "signing", "probes", "logs")
        )
        identities = nodes.texts("admit", (), _is_identity, "node identities in base58")
        listed = nodes.texts(
            "listed", (), lambda text: ListedNode.parse(text) is not None, "nodes such as IDENTITY@192.0.2.9:8080"
        )
        peers = tuple(
            filter(
                None,
                map(
                    DirectoryPeer.parse,
                    signing.texts("peers", (), _is_peer, "others, as KEY@http://192.0.2.2:8000/api"),
                ),
            )
        )
        if len({peer.key for peer in peers}) < len(peers) or len(peers) >= MAX_SIGNATURES:
            signing.fail("peers", f"it is a list of fewer than {MAX_SIGNATURES} directories with different keys")
        options = cls(
            listen_address=listen.other("address", "0.0.0.0", _is_address, "an IP address to listen on"),  # noqa: S104
            http_port=listen.port("http_port", 8000),
            epoch_s=epochs.whole("length_s", DEFAULT_EPOCH_S, least=2, most=30 * 24 * 3600),
            rotation_epochs=epochs.whole("rotation", 24, least=2, most=10_000),
            nodes_per_layer=epochs.whole("nodes_per_layer", 0, least=0, most=1000) or None,
            least_mix_nodes=epochs.whole("least_mix_nodes", 3, least=3, most=3000),
            admit=frozenset(base58.decode(each) for each in identities),
            listed=tuple(filter(None, map(ListedNode.parse, listed))),
            allow_local=nodes.flag("allow_local", False),
            peers=peers,
            quorum=signing.whole("quorum", 0, least=0, most=len(peers) + 1) or None,
            probe_s=probes.number("interval_s", 60.0, least=0, most=3600),
            probe_port=probes.port("port", 0),
            probe_address=probes.other("address", "", _is_address_or_empty, "an IP address") or None,
            log_format=logs.choice("format", "text", ("text", "json")),
            log_level=logs.choice("level", "info", ("debug", "info", "warning", "error")),
        )
        for section in (listen, epochs, nodes, signing, probes, logs, top):
            section.finish()
        return options


def write_template(
    *,
    address: str = "0.0.0.0",  # noqa: S104
    http_port: int = 8000,
    epoch_s: int = DEFAULT_EPOCH_S,
    least_mix_nodes: int = 3,
    allow_local: bool = False,
) -> str:
    """The file for a new directory, which explains itself."""
    values: dict[str, Any] = {
        "address": address,
        "http_port": http_port,
        "epoch_s": epoch_s,
        "least_mix_nodes": least_mix_nodes,
        "allow_local": allow_local,
    }
    return _TEMPLATE.format(**{key: json.dumps(value) for key, value in values.items()})


_TEMPLATE = """\
# A directory of a mixnet. After a change: mix-network directory run --home DIR --check, then restart it.

[listen]
address = {address}
http_port = {http_port}          # clients and nodes ask http://ADDRESS:PORT/api; put a TLS proxy in front for https

[epochs]
length_s = {epoch_s}          # each epoch draws the layers anew; it can't be changed later
# rotation = 24            # epochs for which a node's Sphinx key serves
# nodes_per_layer = 10     # the most that a layer gets, others stand by; 0 for all
least_mix_nodes = {least_mix_nodes}      # nothing is drawn for good before so many have registered

[nodes]
# admit = ["9W3…"]         # identities of nodes that may register; empty lets everybody
# listed = ["9W3…@192.0.2.9:8080"]  # nodes to ask that don't announce themselves, such as Nym's own
allow_local = {allow_local}      # nodes on this machine's loopback, for tests

[signing]
# Other directories that sign the same: write each of them here, and this one there. Clients that are given all the keys
# (mix --directory-key KEY …) take nothing that one of them has made up. All that is set under [epochs] and [nodes] must
# be the same everywhere.
# peers = ["9W3…@http://192.0.2.2:8000/api"]
# quorum = 0               # how many of all must sign; 0 for more than half

[probes]
# interval_s = 60          # how often each node is tried with packets; 0 for never
# port = 1795              # where they come back; 0 takes a free one
# address = "192.0.2.1"    # where nodes reach that port, if listen.address is 0.0.0.0

[logs]
format = "text"            # or "json", one object a line
level = "info"
"""


def _is_peer(text: str) -> bool:
    return DirectoryPeer.parse(text) is not None


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and is_ip_address(value)


def _is_address_or_empty(value: Any) -> bool:
    return value == "" or _is_address(value)


def _is_identity(text: str) -> bool:
    try:
        return len(base58.decode(text)) == 32
    except MixError:
        return False
