"""Fetch through a mixnet.

await setup_mix_tunnel()
response = await mix_fetch("https://example.org/")
print(response.status, await response.text())
await disconnect_mix_tunnel()

`MixTransport` does the same for `httpx.AsyncClient`; httpx is loaded when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from mix_fetch.cookies import clear_cookies, export_cookies, import_cookies
from mix_fetch.fetching import fetch, mix_fetch
from mix_fetch.headers import Headers
from mix_fetch.response import Response
from mix_tunnel.api import (
    HttpTimeouts,
    MixError,
    TunnelOptions,
    TunnelState,
    disconnect_mix_tunnel,
    get_mix_tunnel,
    get_tunnel_state,
    setup_mix_tunnel,
)

if TYPE_CHECKING:
    from mix_fetch.httpx_transport import MixTransport as MixTransport

__all__ = [
    "Headers",
    "HttpTimeouts",
    "MixError",
    "Response",
    "TunnelOptions",
    "TunnelState",
    "clear_cookies",
    "disconnect_mix_tunnel",
    "export_cookies",
    "fetch",
    "get_mix_tunnel",
    "get_tunnel_state",
    "import_cookies",
    "mix_fetch",
    "setup_mix_tunnel",
]


def __getattr__(name: str) -> Any:
    """`MixTransport` needs httpx, which is not everywhere and brings compiled modules along."""
    if name == "MixTransport":
        from mix_fetch.httpx_transport import MixTransport

        return MixTransport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
