"""Which gateways a client may enter the mixnet through."""

from __future__ import annotations

from mix_protocol.topology.documents import SkimmedNodes
from mix_protocol.topology.errors import NoEntryGateway, NoTlsGateway
from mix_protocol.topology.nodes import MIN_PERFORMANCE_PERCENT, GatewayNode, gateway_from


def list_entry_gateways(skimmed: SkimmedNodes, force_tls: bool = True) -> tuple[GatewayNode, ...]:
    """Every gateway that takes clients, in the document's order.

    A gateway's role in this epoch does not matter, as the published client ignores it too. With `force_tls` those
    without TLS are left out, except on a loopback address. Raises `NoEntryGateway`, or `NoTlsGateway` when `force_tls`
    is what leaves none.
    """
    usable: dict[bytes, GatewayNode] = {}
    too_slow = 0
    for document in skimmed.nodes.data:
        gateway = gateway_from(document)
        if gateway is None or not gateway.takes_clients or gateway.supported_roles.mixnode:
            continue
        if gateway.performance_percent < MIN_PERFORMANCE_PERCENT:
            too_slow += 1
            continue
        usable.setdefault(gateway.identity, gateway)
    if not usable:
        raise NoEntryGateway(listed=len(skimmed.nodes.data), below_minimum_performance=too_slow)
    allowed = tuple(node for node in usable.values() if not force_tls or node.uses_tls or node.is_on_loopback)
    if not allowed:
        raise NoTlsGateway(without_tls=len(usable))
    return allowed
