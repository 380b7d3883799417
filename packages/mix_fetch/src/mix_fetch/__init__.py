"""Fetch through a mixnet.

await setup_mix_tunnel()
response = await mix_fetch("https://example.org/")
print(response.status, await response.text())
await disconnect_mix_tunnel()
"""

from mix_fetch.fetch import mix_fetch
from mix_fetch.headers import Headers
from mix_fetch.response import Response
from mix_tunnel.api import (
    HttpTimeouts,
    TunnelOptions,
    TunnelState,
    disconnect_mix_tunnel,
    get_mix_tunnel,
    get_tunnel_state,
    setup_mix_tunnel,
)

__all__ = [
    "Headers",
    "HttpTimeouts",
    "Response",
    "TunnelOptions",
    "TunnelState",
    "disconnect_mix_tunnel",
    "get_mix_tunnel",
    "get_tunnel_state",
    "mix_fetch",
    "setup_mix_tunnel",
]
