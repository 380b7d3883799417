"""Which entry gateways and exits a tunnel tries, and in which order."""

from __future__ import annotations

from collections.abc import Collection

from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.topology.entries import list_entry_gateways
from mix_protocol.topology.errors import NoDiverseRoute, NoExit, NoTlsGateway
from mix_protocol.topology.exits import ExitNode
from mix_protocol.topology.nodes import GatewayNode
from mix_protocol.topology.selection import in_random_order, in_weighted_order
from mix_protocol.topology.topology import Topology
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.directory import DirectoryClient, DirectorySnapshot
from mix_tunnel.runtime.directory_trust import reachable_gateways
from mix_tunnel.runtime.tunnel_errors import PinnedExitUnreachable, PinnedGatewayMissing

MAX_CHECKED_EXITS = 8


def entry_candidates(
    options: TunnelOptions,
    snapshot: DirectorySnapshot,
    exits: Collection[ExitNode],
    known: Collection[bytes],
    random: RandomBytes,
) -> list[GatewayNode]:
    """The pinned gateway alone, or all usable ones: those where the client is registered first, else at random.

    A gateway that would have to be the exit, too, comes last: it would see both who asks and what for.

    exits -- none if they are not known yet
    known -- identities of gateways that the client has a key with
    """
    if options.preferred_gateway is not None:
        return [_pinned_gateway(options, snapshot, base58.decode(options.preferred_gateway, 32))]
    listed = list_entry_gateways(snapshot.entry_gateways, options.force_tls)
    usable = in_random_order(random, reachable_gateways(options.directory_url, listed))
    # A stable sort: the order stays random within each group.
    return sorted(usable, key=lambda node: (is_only_exit(node, exits), node.identity not in known))


def is_only_exit(gateway: GatewayNode, exits: Collection[ExitNode]) -> bool:
    """Whether a gateway would have to be the exit, too."""
    return {node.gateway for node in exits} == {gateway.identity}


def _pinned_gateway(options: TunnelOptions, snapshot: DirectorySnapshot, identity: bytes) -> GatewayNode:
    for node in list_entry_gateways(snapshot.entry_gateways, force_tls=False):
        if node.identity == identity:
            if options.force_tls and not (node.uses_tls or node.is_on_loopback):
                sentence = "{preferred_gateway} offers no TLS WebSocket; allow plain ones with {force_tls=False}"
                raise NoTlsGateway(sentence)
            return reachable_gateways(options.directory_url, [node])[0]
    raise PinnedGatewayMissing()


async def list_exit_candidates(options: TunnelOptions, directory: DirectoryClient) -> tuple[ExitNode, ...]:
    """The pinned exit alone, or all that the directory lists."""
    if options.preferred_ipr is None:
        return await directory.fetch_exits()
    return (await directory.find_exit(Recipient.from_text(options.preferred_ipr)),)


def exit_candidates(
    options: TunnelOptions,
    exits: Collection[ExitNode],
    topology: Topology,
    entry_gateway: bytes,
    random: RandomBytes,
) -> list[ExitNode]:
    """The exits that routes lead to, in an order drawn with their performance as weight.

    Those at our own entry gateway come last, and those that are close to it not at all: whoever runs both would see who
    asks and what for.
    """
    reachable = [node for node in exits if node.gateway in topology.gateways]
    if not reachable:
        raise PinnedExitUnreachable() if options.preferred_ipr is not None else NoExit(listed=len(exits))
    apart = [node for node in reachable if topology.are_apart(entry_gateway, node.gateway)]
    ordered = sorted(in_weighted_order(random, apart), key=lambda node: node.gateway == entry_gateway)
    # A look at the routes themselves takes its time, so only who is asked first is looked at.
    first, later = ordered[:MAX_CHECKED_EXITS], ordered[MAX_CHECKED_EXITS:]
    routed = [node for node in first if topology.has_routes_between(entry_gateway, node.gateway, random)]
    if not routed:
        raise NoDiverseRoute()
    return routed + later
