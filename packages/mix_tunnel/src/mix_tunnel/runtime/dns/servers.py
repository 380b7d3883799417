"""DNS servers as a person writes them.

9.9.9.9, 9.9.9.9:53, udp://9.9.9.9        UDP, and TCP for answers that don't fit
tcp://9.9.9.9                             TCP alone
tls://9.9.9.9#dns.quad9.net               DNS over TLS (RFC 7858); the certificate must be for the name, or for
                                          the address when there is none
https://dns.quad9.net/dns-query#9.9.9.9   DNS over HTTPS (RFC 8484); without the address behind #, another server
                                          of the list is asked for it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal
from urllib.parse import urlsplit

from .errors import BadDnsServer, BadName
from .names import literal_address, normal_name

TransportName = Literal["udp", "tcp", "tls", "https"]
IpAddress = IPv4Address | IPv6Address

MAX_SERVERS = 16

_PORTS: dict[str, int] = {"udp": 53, "tcp": 53, "tls": 853, "https": 443}


@dataclass(frozen=True, slots=True)
class DnsServer:
    """One server and how it is spoken to. `str()` writes it as it is read."""

    transport: TransportName
    address: IpAddress | None
    """None when it has to be looked up first, which https alone may."""
    port: int
    host: str = ""
    """Name that the certificate must be for; "" for the address."""
    path: str = ""
    """Of the URL, with the query; for https alone."""

    @classmethod
    def parse(cls, text: str) -> DnsServer:
        """Read a server's text; raises `BadDnsServer`."""
        try:
            return _parse(text if "://" in text else f"udp://{_bracketed(text)}")
        except (ValueError, BadName) as error:
            raise BadDnsServer from error

    @property
    def certificate_host(self) -> str:
        """What the certificate must be for."""
        return self.host or str(self.address)

    @property
    def url(self) -> str:
        """The URL that questions are sent to; for https alone."""
        return f"https://{_authority(self.certificate_host, self.port, 443)}{self.path}"

    @property
    def label(self) -> str:
        """The server as an answer names it."""
        if self.transport == "https":
            return self.url
        name = f"#{self.host}" if self.host else ""
        return _authority(str(self.address), self.port, _PORTS[self.transport]) + name

    def __str__(self) -> str:
        if self.transport == "https":
            return f"{self.url}#{self.address}" if self.host and self.address is not None else self.url
        return f"{self.transport}://{self.label}"


def parse_servers(texts: Sequence[str]) -> tuple[DnsServer, ...]:
    """Read a list of servers; raises `BadDnsServer`, also when none of them could tell the address of another."""
    servers = tuple(DnsServer.parse(text) for text in texts)
    if len(servers) > MAX_SERVERS:
        raise BadDnsServer(f"there are too many DNS servers; {MAX_SERVERS} are allowed")
    if servers and all(server.address is None for server in servers):
        raise BadDnsServer("one DNS server must be given with its address; write it as https://NAME/dns-query#IP")
    return servers


def _parse(text: str) -> DnsServer:
    if not text.isascii() or any(character <= " " for character in text):
        raise ValueError
    parts = urlsplit(text)
    transport, port, fragment = parts.scheme, parts.port, parts.fragment
    if port == 0 or parts.netloc.endswith(":") or "@" in parts.netloc or not parts.hostname:
        raise ValueError
    address = literal_address(parts.hostname)
    if address is not None and address.version == 6 and (address.scope_id or not parts.netloc.startswith("[")):
        raise ValueError
    match transport:
        case "https":
            host = "" if address is not None else normal_name(parts.hostname)
            if fragment and address is not None:
                raise ValueError
            path = (parts.path or "/dns-query") + (f"?{parts.query}" if parts.query else "")
            return DnsServer("https", ip_address(fragment) if fragment else address, port or 443, host, path)
        case "udp" | "tcp" | "tls":
            if address is None or parts.path or parts.query or (fragment and transport != "tls"):
                raise ValueError
            return DnsServer(transport, address, port or _PORTS[transport], normal_name(fragment) if fragment else "")
    raise ValueError


def _bracketed(text: str) -> str:
    return f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text


def _authority(host: str, port: int, usual_port: int) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port == usual_port else f"{host}:{port}"
