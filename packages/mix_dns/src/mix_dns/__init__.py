"""DNS lookups through a mixnet.

await setup_mix_tunnel()
print(await mix_dns("example.org"))
print((await resolve("example.org", "MX")).records)
await disconnect_mix_tunnel()
"""

from mix_dns.lookups import clear_dns_cache, mix_dns, resolve, reverse
from mix_tunnel.api import (
    RECORD_TYPES,
    DnsAnswer,
    DnsRecord,
    MixError,
    TunnelOptions,
    TunnelState,
    disconnect_mix_tunnel,
    get_mix_tunnel,
    get_tunnel_state,
    setup_mix_tunnel,
)

__all__ = [
    "RECORD_TYPES",
    "DnsAnswer",
    "DnsRecord",
    "MixError",
    "TunnelOptions",
    "TunnelState",
    "clear_dns_cache",
    "disconnect_mix_tunnel",
    "get_mix_tunnel",
    "get_tunnel_state",
    "mix_dns",
    "resolve",
    "reverse",
    "setup_mix_tunnel",
]
