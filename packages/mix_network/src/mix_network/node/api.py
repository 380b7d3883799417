"""A node's HTTP API: what it tells everybody about itself, and its counters to whoever runs it.

Nym spec: node HTTP API; `mix_protocol.node_api` has the documents.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from mix_network.node.figures import NodeFigures
from mix_network.node.machine import LoadMeter
from mix_network.node.metrics_api import Endpoint, metrics_endpoints
from mix_network.node.self_description import SelfDescription
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.node_api.answers import encode_answer
from mix_protocol.node_api.host_information import encode_host_information
from mix_protocol.node_api.self_description import (
    ClientInterfaces,
    Gateway,
    Health,
    NodeRoles,
    OperatorDescription,
    ServiceDetails,
)
from mix_protocol.topology.described import HostInformation

_CRASHES = CrashLog(logging.getLogger(__name__))


class _SignedHost:
    """The signed host information, signed anew only when it changes: whoever asks often costs no signatures."""

    def __init__(self, crypto: CryptoProvider, identity_seed: bytes) -> None:
        self._crypto = crypto
        self._identity_seed = identity_seed
        self._told: HostInformation | None = None
        self._encoded = b""

    def encode(self, information: HostInformation) -> bytes:
        if information != self._told:
            self._encoded = encode_host_information(self._crypto, self._identity_seed, information)
            self._told = information
        return self._encoded


def create_node_api(
    crypto: CryptoProvider,
    identity_seed: bytes,
    description: SelfDescription,
    figures: NodeFigures,
    *,
    wall_clock: Callable[[], float],
    started_at: float,
    load: LoadMeter,
    words: OperatorDescription | None = None,
) -> Starlette:
    """The application.

    wall_clock -- seconds since 1970
    started_at -- when the node began, by that clock
    words -- what its operator says
    """
    host = _SignedHost(crypto, identity_seed)
    facts = description.facts

    def roles() -> NodeRoles:
        supported = description.roles()
        return NodeRoles(
            mixnode_enabled=supported.mixnode,
            gateway_enabled=supported.entry,
            network_requester_enabled=supported.exit_nr,
            ip_packet_router_enabled=supported.exit_ipr,
        )

    def router() -> ServiceDetails | None:
        address = description.facts.ip_packet_router
        if address is None:
            return None
        identity, encryption = address.to_text().partition("@")[0].split(".")
        return ServiceDetails(encoded_identity_key=identity, encoded_x25519_key=encryption, address=address.to_text())

    def interfaces() -> ClientInterfaces:
        return ClientInterfaces(mixnet_websockets=description.mixnet_websockets())

    public: dict[str, Callable[[], object]] = {
        "/health": lambda: Health(uptime=max(0, int(wall_clock() - started_at))),
        "/build-information": description.build_information,
        "/roles": roles,
        "/auxiliary-details": description.auxiliary_details,
        "/description": lambda: words or OperatorDescription(),
        "/load": load.assess,
        "/mixnode": dict,
    }
    if facts.ws_port is not None:
        public["/gateway"] = lambda: Gateway(enforces_zk_nyms=facts.requires_bandwidth, client_interfaces=interfaces())
        public["/gateway/client-interfaces"] = interfaces
    if facts.ip_packet_router is not None:
        public["/ip-packet-router"] = router
    # On every node, since directories insist on it.
    public["/gateway/client-interfaces/mixnet-websockets"] = description.mixnet_websockets

    async def host_information(_: Request) -> Response:
        return _json(host.encode(description.host_information(wall_clock())))

    async def system_info(_: Request) -> Response:
        return JSONResponse({"message": "which machine this is, and which system it has, is told to nobody"}, 403)

    endpoints: dict[str, Endpoint] = {
        "/host-information": host_information,
        "/system-info": system_info,
        **{path: _answering(make) for path, make in public.items()},
        **metrics_endpoints(figures, wall_clock),
    }
    api = [Route(path, _guarded(endpoint), methods=["GET"]) for path, endpoint in endpoints.items()]
    return Starlette(routes=[Mount("/api/v1", routes=api)])


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")


def _answering(make: Callable[[], object]) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        return _json(encode_answer(make()))

    return endpoint


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        with _CRASHES.isolated("one request to a node"):
            return await endpoint(request)
        return JSONResponse({"message": "the node has failed at this request"}, 500)

    return guarded
