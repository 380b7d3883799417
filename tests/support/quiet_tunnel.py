"""A tunnel into a local network that sends only what there is to send, and trusts the servers of our tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mix_network.local_network import LocalNetwork
from mix_tunnel.options import TunnelOptions
from mix_tunnel.tunnel import Tunnel
from support.tls_server import authority, pem_of
from support.waiting import PATIENCE_S


def quiet_options(network: LocalNetwork, **options: Any) -> TunnelOptions:
    """The options for it, and whichever else are given."""
    return quiet_directory_options(network.directory_url, **options)


def quiet_directory_options(directory_url: str, **options: Any) -> TunnelOptions:
    """The same for whatever network this directory has."""
    return TunnelOptions(
        directory_url=directory_url,
        disable_cover_traffic=True,
        disable_poisson_traffic=True,
        ca_certificates=(pem_of(authority()),),
        **options,
    )


def ask_each_server_once(tunnel: Tunnel) -> None:
    """Wait long for DNS servers before the next is asked, or the same one again; for tests that count questions."""
    resolver = tunnel.resolver
    patient = replace(resolver._options, retry_interval_s=PATIENCE_S)
    resolver._options = replace(patient, timeout_s=PATIENCE_S * patient.attempts)
