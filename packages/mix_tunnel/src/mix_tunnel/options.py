"""The options of a tunnel: the reference client's names in snake case, checked as soon as they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.errors import MixError, UsageError
from mix_protocol.topology.signed_snapshot import MAX_SIGNATURES
from mix_tunnel.runtime.dns.servers import parse_servers

_PEM_MARK = "-----BEGIN CERTIFICATE-----"
MAINNET_DIRECTORY_URL = "https://validator.nymtech.net/api"


class InvalidOption(UsageError):
    """An option has a wrong type or is out of its range."""

    code = "tunnel.invalid_option"
    message = "an option of the tunnel is not valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelOptions:
    """How to set a tunnel up. Every option has a default, so `TunnelOptions()` is Nym's mainnet.

    Raises `InvalidOption`, which names the option and what is allowed, when a value can't be right.
    """

    preferred_ipr: str | None = None
    """Nym address of the exit's IP packet router; None chooses one, and tries the next when it fails."""
    preferred_gateway: str | None = None
    """Base58 identity of the entry gateway; None chooses one, and tries the next when it fails."""
    client_id: str = "smolmix-wasm"
    """Name under which the client's keys are kept, with `storage_passphrase`."""
    storage_passphrase: str | None = field(default=None, repr=False)
    """Keep the client's keys, and so its Nym address, from one tunnel, process or page load to the next, encrypted with
    this; by default they are forgotten, and every tunnel is a stranger to its gateway."""
    force_tls: bool = True
    """Use only gateways with `wss://`; a gateway on a loopback address is always allowed."""
    allow_close_nodes: bool = False
    """Take routes too whose nodes belong to one operator, address or network (/24, or /48 of IPv6), who could see both
    ends; where all nodes are on loopback only one and the same node is refused."""
    disable_poisson_traffic: bool = False
    """Send packets at once instead of at random times, and no cover when there is nothing to send."""
    disable_cover_traffic: bool = False
    """Switch the additional stream of loop cover packets off."""
    open_reply_surbs: int = 10
    """Reply SURBs given to the exit with the message that opens the stream."""
    data_reply_surbs: int = 2
    """Reply SURBs given to the exit with every further message; while it must have few, also what fits in the
    message's padding, and none while it must have plenty."""
    balanced_replies: bool = True
    """Where the exit can (ours do), let every packet that leaves bring exactly one back, so that the direction towards
    you tells no more than the other; not with `disable_poisson_traffic`. It bounds downloads to what leaves: some
    70 kB/s by default."""
    primary_dns: str = "8.8.8.8:53"
    """Resolver asked first, as `IP:PORT` or `IP`; reached through the tunnel."""
    fallback_dns: str = "1.1.1.1:53"
    """Resolver asked when the first does not answer."""
    dns_servers: tuple[str, ...] = ()
    """Resolvers asked by turns in place of these two: `IP`, `udp://IP`, `tcp://IP`, `tls://IP#NAME` or
    `https://NAME/dns-query#IP`, each with a port if it isn't the usual one; all are reached through the tunnel."""
    connect_timeout_ms: int = 60_000
    """Time for the whole set-up of the tunnel, and for opening one TCP connection."""
    reconnect_timeout_ms: int = 600_000
    """Time for which a tunnel that was lost tries to come back before it fails; what the machine sleeps through does
    not count. 0 gives up at once."""
    dns_timeout_ms: int = 30_000
    """Time for one name to be resolved."""
    tcp_keepalive_ms: int = 10_000
    """Idle time after which TCP sends a keep-alive probe; 0 sends none."""
    tcp_buffer_size: int = 262_144
    """Bytes of each TCP send and receive buffer: what one connection may have on its way during a round trip, and half
    of the memory that it may take. (The published client has 64 KiB, which a mixnet's round trips make slow.)"""
    max_redirects: int = 5
    """Redirects that a fetch follows before it fails."""
    https_only: bool = False
    """Refuse to fetch plain http, which the exit can read and change; in redirects too."""
    cookies: bool = False
    """Keep cookies from one fetch to the next, in a jar that lives as long as the tunnel."""
    debug: bool = False
    """Log what the tunnel does."""
    directory_url: str = MAINNET_DIRECTORY_URL
    """Base URL of the directory (nym-api)."""
    directory_keys: tuple[str, ...] = ()
    """Base58 keys of directories that sign what they list together; then only what enough of them have signed is
    accepted, whichever of them `directory_url` is, and none of them alone can choose the nodes for you."""
    directory_quorum: int | None = None
    """How many of these keys must have signed; None for more than half."""
    ca_certificates: tuple[str, ...] = ()
    """Further trusted certificate authorities, each a PEM text, beside the public roots."""

    def __post_init__(self) -> None:
        """Check every option against `OPTION_RULES`."""
        given: object = self.ca_certificates
        if isinstance(given, (list, str)):
            object.__setattr__(self, "ca_certificates", (given,) if isinstance(given, str) else tuple(given))
        servers: object = self.dns_servers
        if isinstance(servers, list):
            object.__setattr__(self, "dns_servers", tuple(servers))
        keys: object = self.directory_keys
        if isinstance(keys, (list, str)):
            object.__setattr__(self, "directory_keys", (keys,) if isinstance(keys, str) else tuple(keys))
        for name, rule in OPTION_RULES.items():
            if not rule.accepts(getattr(self, name)):
                raise InvalidOption(f"{{{name}}} must be {rule.allowed}", option=name, allowed=rule.allowed)
        if self.directory_quorum is not None and self.directory_quorum > len(self.directory_keys):
            allowed = "at most as many as {directory_keys} has"
            raise InvalidOption(
                f"{{directory_quorum}} must be {allowed}",
                option="directory_quorum",
                allowed="at most the number of keys",
            )


def given_options(options: TunnelOptions | None) -> TunnelOptions:
    """The options that a caller gave, or the defaults; raises `InvalidOption` for anything else."""
    given: object = options if options is not None else TunnelOptions()
    if not isinstance(given, TunnelOptions):
        raise InvalidOption("options must be TunnelOptions", option="options", allowed="TunnelOptions")
    return given


@dataclass(frozen=True, slots=True)
class OptionRule:
    """What one option may be: the name it bears in JavaScript, a test, and the words for a person."""

    js_name: str
    allowed: str
    accepts: Callable[[Any], bool]


def parse_resolver(text: str) -> tuple[str, int]:
    """Split `IP`, `IP:PORT` or `[IPv6]:PORT` into address text and port (53 when absent); ValueError if it is none."""
    if text.count(":") > 1 and not text.startswith("["):
        return str(ip_address(text)), 53
    parts = urlsplit(f"//{text}")
    if parts.hostname is None or parts.path or parts.username is not None or parts.port == 0:
        raise ValueError(text)
    return str(ip_address(parts.hostname)), 53 if parts.port is None else parts.port


def _resolver(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(parse_resolver(value))
    except ValueError:
        return False


def _servers(value: object) -> bool:
    try:
        return (
            isinstance(value, tuple)
            and all(isinstance(text, str) for text in value)
            and len(parse_servers(value)) == len(value)
        )
    except MixError:
        return False


def _identity(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and len(base58.decode(value, 32)) == 32)
    except MixError:
        return False


def _recipient(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and Recipient.from_text(value) is not None)
    except MixError:
        return False


def _url(value: object) -> bool:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _certificates(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(pem, str) and _PEM_MARK in pem for pem in value)


def _keys(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) <= MAX_SIGNATURES
        and all(isinstance(key, str) and _identity(key) for key in value)
        and len(set(value)) == len(value)
    )


def _between(low: int, high: int) -> tuple[str, Callable[[Any], bool]]:
    def accepts(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return f"a whole number from {low} to {high}", accepts


def _boolean(value: object) -> bool:
    return isinstance(value, bool)


def _text(max_length: int) -> tuple[str, Callable[[Any], bool]]:
    def accepts(value: object) -> bool:
        if not isinstance(value, str) or not 0 < len(value) <= max_length:
            return False
        # A lone surrogate, which JavaScript's strings may hold, has no UTF-8.
        return not any("\ud800" <= character <= "\udfff" for character in value)

    return f"a text of 1 to {max_length} characters", accepts


def _optional(rule: tuple[str, Callable[[Any], bool]]) -> tuple[str, Callable[[Any], bool]]:
    allowed, accepts = rule
    return allowed, lambda value: value is None or accepts(value)


_BOOLEAN = ("true or false", _boolean)
_RESOLVER = ("an IP address, optionally with a port, such as 9.9.9.9:53", _resolver)
_TIMEOUT = _between(1, 3_600_000)

OPTION_RULES: dict[str, OptionRule] = {
    "preferred_ipr": OptionRule("preferredIpr", "a Nym address such as IDENTITY.KEY@GATEWAY", _recipient),
    "preferred_gateway": OptionRule("preferredGateway", "a gateway's base58 identity key", _identity),
    "client_id": OptionRule("clientId", *_text(128)),
    "storage_passphrase": OptionRule("storagePassphrase", *_optional(_text(1024))),
    "force_tls": OptionRule("forceTls", *_BOOLEAN),
    "allow_close_nodes": OptionRule("allowCloseNodes", *_BOOLEAN),
    "disable_poisson_traffic": OptionRule("disablePoissonTraffic", *_BOOLEAN),
    "disable_cover_traffic": OptionRule("disableCoverTraffic", *_BOOLEAN),
    "open_reply_surbs": OptionRule("openReplySurbs", *_between(1, 50)),
    "data_reply_surbs": OptionRule("dataReplySurbs", *_between(0, 50)),
    "balanced_replies": OptionRule("balancedReplies", *_BOOLEAN),
    "primary_dns": OptionRule("primaryDns", *_RESOLVER),
    "fallback_dns": OptionRule("fallbackDns", *_RESOLVER),
    "dns_servers": OptionRule("dnsServers", "a list such as tls://9.9.9.9#dns.quad9.net, one with its IP", _servers),
    "connect_timeout_ms": OptionRule("connectTimeoutMs", *_TIMEOUT),
    "reconnect_timeout_ms": OptionRule("reconnectTimeoutMs", *_between(0, 86_400_000)),
    "dns_timeout_ms": OptionRule("dnsTimeoutMs", *_TIMEOUT),
    "tcp_keepalive_ms": OptionRule("tcpKeepaliveMs", *_between(0, 3_600_000)),
    "tcp_buffer_size": OptionRule("tcpBufferSize", *_between(4_096, 16_777_216)),
    "max_redirects": OptionRule("maxRedirects", *_between(0, 100)),
    "https_only": OptionRule("httpsOnly", *_BOOLEAN),
    "cookies": OptionRule("cookies", *_BOOLEAN),
    "debug": OptionRule("debug", *_BOOLEAN),
    "directory_url": OptionRule("directoryUrl", "an http:// or https:// URL", _url),
    "directory_keys": OptionRule("directoryKeys", "a list of different base58 keys of directories", _keys),
    "directory_quorum": OptionRule("directoryQuorum", *_optional(_between(1, MAX_SIGNATURES))),
    "ca_certificates": OptionRule("caCertificates", "PEM certificates (a list of texts)", _certificates),
}
"""Snake-case name to rule, in the order of the fields; `js_name` is the reference client's name."""
