"""What the IP packet router of an exit here promises its clients."""

from __future__ import annotations

from typing import Final

from mix_protocol.ipr.addresses import MAX_CLIENTS
from mix_protocol.ipr.router import RouterConfig
from mix_protocol.topology.described import BuildInformation
from mix_protocol.topology.exits import ipr_version_of

_OLDEST_VERSION: Final = 9

CLIENT_IDLE_S: Final = 300.0
"""Published exits take a silent client's addresses back after a minute, and say nothing. The published page client
sends nothing while it is idle and never connects again, so that all its later requests end in time-outs."""


def router_config(build_version: str) -> RouterConfig:
    """How a router of this version serves: every protocol version up to its own.

    Newcomers come in as fast as they can without pushing out anybody who was heard within `CLIENT_IDLE_S`.
    """
    newest = ipr_version_of(build_version) or _OLDEST_VERSION
    return RouterConfig(
        versions=tuple(range(_OLDEST_VERSION, newest + 1)),
        new_clients_per_s=MAX_CLIENTS / CLIENT_IDLE_S,
        client_idle_s=CLIENT_IDLE_S,
        build=BuildInformation(binary_name="mix-network", build_version=build_version),
    )
