"""Asks a node about itself, and believes what is signed.

Nym spec: how a directory finds a node, and what it insists on. Host information must be signed by the identity that is
asked for; build information, roles and WebSocket ports must be there; the rest may.
"""

from __future__ import annotations

import asyncio
from ipaddress import IPv6Address, ip_address
from typing import Final, TypeVar

import httpx

from mix_network.errors import NodeUnanswered
from mix_network.http.asking import make_client, read_plain
from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.node_api.answers import MAX_ANSWER_LENGTH, decode_answer
from mix_protocol.node_api.host_information import check_addresses, decode_host_information
from mix_protocol.node_api.self_description import Health, NodeRoles, ServiceDetails
from mix_protocol.topology.described import (
    AuxiliaryDetails,
    BuildInformation,
    MixnetWebSockets,
    NodeDescription,
    ServiceAddress,
)

T = TypeVar("T")

ANSWER_S: Final = 5.0
_AT_ONCE: Final = 16


class NodeInquiry:
    """Asks nodes, a few at a time.

    allow_local -- whether addresses on loopback are believed
    """

    def __init__(
        self, crypto: CryptoProvider, *, allow_local: bool, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._crypto = crypto
        self._allow_local = allow_local
        # A node's address is a stranger's word: no more than a few bytes and seconds are for it.
        self._http = make_client(ANSWER_S, transport)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def ask(self, identity: bytes, host: str, http_port: int) -> NodeDescription:
        """What the node at this address says of itself. Raises `NodeUnanswered`, or what is wrong with the answers."""
        address = ip_address(host)
        base = f"http://{f'[{host}]' if isinstance(address, IPv6Address) else host}:{http_port}/api/v1"
        async with self._turns:
            return await self._ask(identity, str(address), base)

    async def _ask(self, identity: bytes, host: str, base: str) -> NodeDescription:
        health = await self._required(base, "health", Health)
        if not health.is_up:
            raise NodeUnanswered("the node says that it is not up", what="health")
        information = decode_host_information(self._crypto, await self._get(base, "host-information") or b"")
        if base58.decode(information.keys.ed25519) != identity:
            raise NodeUnanswered("another node answers at this address", what="host-information")
        if host not in information.ip_address:
            raise NodeUnanswered("the node does not name the address at which it is asked", what="host-information")
        if not self._allow_local:
            check_addresses(information)
        roles = await self._required(base, "roles", NodeRoles)
        router = (
            await self._optional(base, "ip-packet-router", ServiceDetails) if roles.ip_packet_router_enabled else None
        )
        if router is not None:
            Recipient.from_text(router.address)
        return NodeDescription(
            host_information=information,
            declared_role=roles.to_supported_roles(),
            auxiliary_details=await self._optional(base, "auxiliary-details", AuxiliaryDetails) or AuxiliaryDetails(),
            build_information=await self._required(base, "build-information", BuildInformation),
            ip_packet_router=ServiceAddress(address=router.address) if router is not None else None,
            mixnet_websockets=await self._required(
                base, "gateway/client-interfaces/mixnet-websockets", MixnetWebSockets
            ),
        )

    async def _required(self, base: str, path: str, kind: type[T]) -> T:
        answer = await self._optional(base, path, kind)
        if answer is None:
            raise NodeUnanswered(f"the node does not answer {path}", what=path)
        return answer

    async def _optional(self, base: str, path: str, kind: type[T]) -> T | None:
        body = await self._get(base, path)
        return decode_answer(body, kind, path) if body is not None else None

    async def _get(self, base: str, path: str) -> bytes | None:
        """The answer, None for one that is not there."""
        try:
            async with asyncio.timeout(ANSWER_S), self._http.stream("GET", f"{base}/{path}") as response:
                if response.status_code == 404:
                    return None
                response.raise_for_status()
                return await read_plain(response, MAX_ANSWER_LENGTH)
        except PeerMisbehaved:
            raise NodeUnanswered(f"the answer to {path} is too long, or encoded", what=path) from None
        except (httpx.HTTPError, TimeoutError):
            raise NodeUnanswered(f"the node does not answer {path}", what=path) from None


def reason_of(error: MixError) -> str:
    """What was wrong with a node's answers, to be told to the node."""
    return f"{error} ({error.code})"
