"""A node's configuration: the file that a person edits, read and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, Literal

from mix_network.configuration import Configuration, is_ip_address, is_web_address
from mix_network.gateway.inbox import InboxLimits
from mix_network.gateway.terms import GatewayTerms
from mix_network.links.profile import parse_links
from mix_network.node.gateway_options import read_inbox_limits, read_terms
from mix_network.options import DEFAULT_VERSION, MAX_NODE_COVER
from mix_network.storage.replay_log import DURABLE_CAPACITY
from mix_protocol.errors import MixError
from mix_protocol.node_api.self_description import OperatorDescription

CONFIGURATION_NAME: Final = "node.toml"
ROLES: Final = ("mix", "entry", "exit")
NodeRole = Literal["mix", "entry", "exit"]

_WORDS: Final = ("moniker", "website", "security_contact", "details")
_MAX_WORDS: Final = 2000
_COUNTRY = re.compile(r"[A-Z]{2}")
_HOSTNAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """What a node's configuration says; see the comments in `TEMPLATE`."""

    name: str
    roles: frozenset[str]
    directories: tuple[str, ...]
    listen_address: str
    mix_port: int
    ws_port: int
    http_port: int
    ip_addresses: tuple[str, ...]
    hostname: str | None
    announced_mix_port: int
    announced_ws_port: int
    announced_http_port: int
    wss_port: int | None
    location: str | None
    accepts_terms: bool
    noise: bool
    description: OperatorDescription
    terms: GatewayTerms
    inbox: InboxLimits
    link: str
    link_seed: int
    exit_policy: str | None
    allow_local: bool | frozenset[int]
    cover_rate: float
    reconnect_s: float
    replay_capacity: int
    build_version: str
    log_format: str
    log_level: str

    @classmethod
    def parse(cls, content: bytes) -> NodeOptions:
        """Read a `node.toml`. Raises `InvalidConfiguration`."""
        top = Configuration.parse(content)
        listen, announce, description, gateway, exit_, limits, rehearsal, logs = map(
            top.section, ("listen", "announce", "description", "gateway", "exit", "limits", "rehearsal", "logs")
        )
        roles = frozenset(top.texts("roles", (), ROLES.__contains__, f"roles, of {', '.join(ROLES)}"))
        if not roles:
            top.fail("roles", f"a node has at least one role, of {', '.join(ROLES)}")
        directories = top.texts("directories", (), is_web_address, "addresses such as http://192.0.2.1:8080/api")
        if not directories:
            top.fail("directories", "a node needs a directory, such as http://192.0.2.1:8080/api")
        address = listen.other("address", "0.0.0.0", _is_address, "an IP address to listen on")  # noqa: S104
        mix_port, ws_port, http_port = (
            listen.port(name, default) for name, default in (("mix_port", 1789), ("ws_port", 9000), ("http_port", 8080))
        )
        own = () if address in ("0.0.0.0", "::") else (address,)  # noqa: S104
        ip_addresses = announce.texts("ip_addresses", own, is_ip_address, "IP addresses")
        if not ip_addresses:
            announce.fail("ip_addresses", "write the addresses at which others reach this node")
        options = cls(
            name=top.text("name", "node"),
            roles=roles,
            directories=directories,
            listen_address=address,
            mix_port=mix_port,
            ws_port=ws_port,
            http_port=http_port,
            ip_addresses=ip_addresses,
            hostname=announce.other("hostname", "", _is_hostname_or_empty, "a host name") or None,
            announced_mix_port=announce.port("mix_port", 0),
            announced_ws_port=announce.port("ws_port", 0),
            announced_http_port=announce.port("http_port", 0),
            wss_port=announce.port("wss_port", 0) or None,
            location=announce.other("location", "", _is_country_or_empty, "a country's two letters, such as DE")
            or None,
            accepts_terms=announce.flag("accepts_terms", True),
            noise=announce.flag("noise", True),
            description=OperatorDescription(**{name: _words(description, name) for name in _WORDS}),
            terms=read_terms(gateway),
            inbox=read_inbox_limits(gateway),
            link=rehearsal.other("link", "none", _is_link, "mobile, mainnet, or such as delay=80ms loss=1%"),
            link_seed=rehearsal.whole("link_seed", 0, least=-(1 << 63), most=(1 << 63) - 1),
            exit_policy=exit_.text("policy_file", "") or None,
            allow_local=_allow_local(exit_),
            cover_rate=limits.number("cover_rate", 1.0, least=0, most=MAX_NODE_COVER),
            reconnect_s=limits.number("reconnect_s", 1.0, least=0.01, most=300),
            replay_capacity=limits.whole("replay_capacity", DURABLE_CAPACITY, least=1024, most=1 << 26),
            build_version=announce.text("build_version", DEFAULT_VERSION),
            log_format=logs.choice("format", "text", ("text", "json")),
            log_level=logs.choice("level", "info", ("debug", "info", "warning", "error")),
        )
        if options.wss_port and not options.hostname:
            announce.fail("wss_port", "wss needs a hostname, for which the certificate is")
        if options.link != "none" and not all(ip_address(each).is_loopback for each in ip_addresses):
            rehearsal.fail("link", "a node that other machines reach is not slowed down; leave it out")
        for section in (listen, announce, description, gateway, exit_, limits, rehearsal, logs, top):
            section.finish()
        return options


def write_template(
    roles: Collection[str],
    *,
    name: str,
    directories: Sequence[str],
    address: str,
    ip_addresses: Sequence[str],
    ports: tuple[int, int, int],
    allow_local: bool = False,
    require_bandwidth: bool = False,
) -> str:
    """The file for a new node, which explains itself. `ports` are for mixing, for clients and for the HTTP API."""
    values: dict[str, Any] = {
        "name": name,
        "roles": [role for role in ROLES if role in roles],
        "directories": list(directories),
        "address": address,
        "ip_addresses": list(ip_addresses),
        "mix_port": ports[0],
        "ws_port": ports[1],
        "http_port": ports[2],
        "allow_local": allow_local,
        "require_bandwidth": require_bandwidth,
    }
    return _TEMPLATE.format(**{key: json.dumps(value, ensure_ascii=False) for key, value in values.items()})


_TEMPLATE = """\
# A node of a mixnet. After a change: mix-network node run --home DIR --check, then restart it.

name = {name}  # for logs and metrics; nobody else is told
# mix: passes packets on. entry: takes clients. exit: takes clients and leads out to the Internet. Several are possible.
roles = {roles}
# Directories that the node announces itself to. The first one that answers says who else is in the network.
directories = {directories}

[listen]
address = {address}
mix_port = {mix_port}    # TCP, for packets of other nodes and entry gateways
ws_port = {ws_port}     # WebSocket, for clients; of gateways alone
http_port = {http_port}   # what the node tells about itself, and metrics

[announce]
# Where others reach this node; the first one is used for mixing.
ip_addresses = {ip_addresses}
# hostname = "node.example"  # with wss_port: where a TLS proxy in front of ws_port takes clients
# wss_port = 9001
# mix_port = 1789            # if others see other ports than those above, as behind NAT
# ws_port = 9000
# http_port = 8080
# location = "DE"
accepts_terms = true
# Announce a key, and encrypt links with nodes that announce theirs. Nodes that share an IP address must all do so, or
# none of them: others can't tell them apart.
noise = true

[description]
# For people who look at the node: /api/v1/description.
# moniker = ""
# website = ""
# security_contact = ""
# details = ""

[gateway]
# Grant free bandwidth to nobody but the clients that `admit` lists. Others get none, for the Nym network's tickets
# can't be checked here.
require_bandwidth = {require_bandwidth}
# admit = []                   # identities of clients, in base58
# free_megabytes = 0           # what a client is granted a day, from 0:00 UTC on; 0 grants as much as it claims
# What is taken in a second from one client, and from all of one address together: who sends more waits. 0 for no bound.
# client_kilobytes = 4000
# address_kilobytes = 16000
# registrations = 120          # new clients a minute from one address; 0 for no bound
# What waits for clients that are away: all together, for one of them, and for how long.
# inbox_megabytes = 64
# inbox_client_megabytes = 4
# inbox_hours = 24

[exit]
# Rules such as "ExitPolicy accept *:443", one a line, first match decides; without a file the web, mail reading, chat.
# SIGHUP reads it again.
# policy_file = "exit-policy.txt"
allow_local = {allow_local}  # true, or a list of ports: lets clients reach this machine's own loopback. For tests

[limits]
cover_rate = 1.0             # loop cover packets a second
# reconnect_s = 1.0          # first pause before another node is tried again; it doubles up to sixtyfold
# replay_capacity = 2097152  # packets remembered for each key; half a gigabyte of memory has room for 4 million

[rehearsal]
# For a node that is on 127.0.0.1 alone: what its links are like. SIGHUP reads it again.
# link = "none"                # mobile, mainnet …; or such as "delay=80ms jitter=30ms loss=1% rate=2mbit"
# link_seed = 0

[logs]
format = "text"              # or "json", one object a line
level = "info"
"""


def _words(section: Configuration, name: str) -> str:
    def check(value: Any) -> bool:
        return isinstance(value, str) and len(value) <= _MAX_WORDS

    return section.other(name, "", check, f"text of at most {_MAX_WORDS} characters")


def _is_link(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse_links(value))
    except MixError:
        return False


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and is_ip_address(value)


def _is_hostname_or_empty(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 253 and (not value or _HOSTNAME.fullmatch(value) is not None)


def _is_country_or_empty(value: Any) -> bool:
    return isinstance(value, str) and (not value or _COUNTRY.fullmatch(value) is not None)


def _allow_local(section: Configuration) -> bool | frozenset[int]:
    def check(value: Any) -> bool:
        if isinstance(value, list):
            return all(isinstance(port, int) and not isinstance(port, bool) and 0 < port < 1 << 16 for port in value)
        return isinstance(value, bool)

    value: Any = section.other("allow_local", False, check, "true, false or a list of ports")
    return frozenset(value) if isinstance(value, list) else bool(value)
