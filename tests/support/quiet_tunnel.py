"""A tunnel into a local network that sends only what there is to send, and trusts the servers of our tests."""

from __future__ import annotations

from typing import Any

from mix_network.local_network import LocalNetwork
from mix_tunnel.options import TunnelOptions
from support.tls_server import authority, pem_of


def quiet_options(network: LocalNetwork, **options: Any) -> TunnelOptions:
    """The options for it, and whichever else are given."""
    return TunnelOptions(
        directory_url=network.directory_url,
        disable_cover_traffic=True,
        disable_poisson_traffic=True,
        ca_certificates=(pem_of(authority()),),
        **options,
    )
