"""One shared tunnel through a mixnet: client engine, asyncio runtime, worker and RPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mix_tunnel.api import (
        MixError,
        Phase,
        Tunnel,
        TunnelOptions,
        TunnelState,
        disconnect_mix_tunnel,
        get_mix_tunnel,
        get_tunnel_state,
        setup_mix_tunnel,
    )

__all__ = [
    "MixError",
    "Phase",
    "Tunnel",
    "TunnelOptions",
    "TunnelState",
    "disconnect_mix_tunnel",
    "get_mix_tunnel",
    "get_tunnel_state",
    "setup_mix_tunnel",
]


def __getattr__(name: str) -> Any:
    # Late: this package's parts import each other through it, and most of them need no tunnel.
    if name in __all__:
        import mix_tunnel.api as api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
