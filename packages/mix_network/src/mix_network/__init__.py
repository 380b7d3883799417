"""The nodes of a mixnet: directory, gateways, mix nodes, exit; and `LocalNetwork`, all of them in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mix_network.local_network import LocalNetwork
    from mix_network.options import NetworkOptions

__all__ = ["LocalNetwork", "NetworkOptions"]


def __getattr__(name: str) -> Any:
    # Late, so that `mix-network --help` needs no web server and no cryptography.
    if name == "LocalNetwork":
        from mix_network.local_network import LocalNetwork

        return LocalNetwork
    if name == "NetworkOptions":
        from mix_network.options import NetworkOptions

        return NetworkOptions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
