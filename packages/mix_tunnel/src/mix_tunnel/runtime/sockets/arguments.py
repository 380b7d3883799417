"""What a host, a port and an ALPN list may be; anything else is refused before something is sent."""

from __future__ import annotations

from collections.abc import Sequence

from mix_protocol.errors import UsageError
from mix_tunnel.runtime.dns.errors import BadName
from mix_tunnel.runtime.dns.names import literal_address, normal_name

MAX_PROTOCOLS = 16
"""Protocols in an ALPN list; nobody offers more than a few."""
MAX_LIMIT_BYTES = 1 << 30


class InvalidArgument(UsageError):
    """An argument for a socket has a wrong type or is out of its range. Fields `argument` and `allowed` say which."""

    code = "socket.invalid_argument"
    message = "an argument for the socket is not valid"

    @classmethod
    def of(cls, argument: str, allowed: str) -> InvalidArgument:
        """The error for one argument, which names what is allowed."""
        return cls(f"{argument} must be {allowed}", argument=argument, allowed=allowed)


def check_host(host: object) -> str:
    """The host in the form in which it is asked for and verified: a name in lower-case ASCII, or an address."""
    if isinstance(host, str):
        address = literal_address(host)
        if address is not None:
            return str(address)
        try:
            return normal_name(host)
        except BadName:
            pass
    raise InvalidArgument.of("host", "a host name or an IP address")


def check_port(port: object) -> int:
    """The port itself."""
    if isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65_536:
        return port
    raise InvalidArgument.of("port", "a whole number from 1 to 65535")


def check_alpn(alpn: object) -> tuple[str, ...]:
    """The protocols to offer, most wanted first; none are offered when there are none."""
    if isinstance(alpn, Sequence) and not isinstance(alpn, str | bytes) and len(alpn) <= MAX_PROTOCOLS:
        protocols = tuple(alpn)
        if all(isinstance(name, str) and name.isascii() and 0 < len(name) < 256 for name in protocols):
            return protocols
    raise InvalidArgument.of("alpn", f'a list of at most {MAX_PROTOCOLS} protocol names, such as ["http/1.1"]')


def check_ssl(ssl: object) -> bool:
    """Whether to encrypt; a context of the caller's is refused, for it might not verify the certificate."""
    if isinstance(ssl, bool):
        return ssl
    raise InvalidArgument.of("ssl", "True or False; further authorities are an option of the tunnel, {ca_certificates}")


def check_limit(limit: object) -> int:
    """The bytes that a reader holds."""
    if isinstance(limit, int) and not isinstance(limit, bool) and 0 < limit <= MAX_LIMIT_BYTES:
        return limit
    raise InvalidArgument.of("limit", f"a whole number from 1 to {MAX_LIMIT_BYTES}")
