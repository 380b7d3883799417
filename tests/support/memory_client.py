"""A client of the mixnet in memory."""

from __future__ import annotations

from mix_tunnel.mixnet.client import MixnetClient
from mix_tunnel.mixnet.traffic import TrafficConfig
from support.memory_mixnet import MemoryMixnet

QUIET = TrafficConfig().without(main=True, cover=True)


def new_client(
    network: MemoryMixnet, *, config: TrafficConfig = QUIET, gateway: int = 0, ack_key: bytes | None = None
) -> MixnetClient:
    """Make a client of one of the gateways; whoever wants it to receive attaches it.

    ack_key -- drawn if it is not given
    """
    own, secret = network.new_recipient(network.gateways[gateway])
    return MixnetClient(
        network.crypto,
        network.random,
        own=own,
        encryption_secret=secret,
        ack_key=network.random(16) if ack_key is None else ack_key,
        topology=network.topology,
        now=0.0,
        config=config,
    )
