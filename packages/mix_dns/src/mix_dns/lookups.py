"""Names to addresses and records, and back, by DNS servers that are asked through the mixnet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from mix_tunnel.api import DnsAnswer, TunnelApi, find_tunnel


async def mix_dns(
    name: str, *, timeout_s: float | None = None, use_cache: bool = True, tunnel: TunnelApi | str | None = None
) -> str:
    """The IPv4 address of a host name, the first one that the server gives; an IP address is returned as it is.

    timeout_s -- seconds for this lookup; the tunnel's `dns_timeout_ms` by default
    use_cache -- False asks a server anew, whatever was answered before
    tunnel -- a tunnel, or the name of one; the shared one of `setup_mix_tunnel` by default

    Raises a `MixError` with a stable `code` that begins with "dns." for whatever the servers say or don't say.
    Cancelling the task that waits stops the lookup, unless others wait for the same.
    """
    addresses = await find_tunnel(tunnel).resolver.lookup(name, timeout_s=timeout_s, use_cache=use_cache)
    return str(addresses[0])


async def resolve(
    name: str,
    type: str = "A",
    *,
    timeout_s: float | None = None,
    use_cache: bool = True,
    tunnel: TunnelApi | str | None = None,
) -> DnsAnswer:
    """All records of one type, with their TTLs, the canonical name and who answered.

    type -- one of `RECORD_TYPES`, in any case
    timeout_s, use_cache, tunnel -- as for `mix_dns`, which also tells what is raised
    """
    return await find_tunnel(tunnel).resolver.resolve(name, type, timeout_s=timeout_s, use_cache=use_cache)


async def reverse(
    ip: str | IPv4Address | IPv6Address,
    *,
    timeout_s: float | None = None,
    use_cache: bool = True,
    tunnel: TunnelApi | str | None = None,
) -> DnsAnswer:
    """The names of an address, as PTR records; arguments as for `resolve`."""
    return await find_tunnel(tunnel).resolver.reverse(ip, timeout_s=timeout_s, use_cache=use_cache)


def clear_dns_cache(*, tunnel: TunnelApi | str | None = None) -> None:
    """Forget every answer that the tunnel keeps, for fetches and WebSockets too."""
    find_tunnel(tunnel).resolver.clear_cache()
