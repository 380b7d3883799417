"""Opens connections to entry gateways."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mix_protocol.errors import MixError
from mix_protocol.gateway.client import GatewayClient, GatewayClientConfig
from mix_protocol.gateway.errors import AuthenticationRejected
from mix_protocol.topology.nodes import GatewayNode
from mix_tunnel.platform import Platform
from mix_tunnel.runtime.client_keys import ClientKeys
from mix_tunnel.runtime.gateway_link import GatewayLink, log_words
from mix_tunnel.runtime.presence import judged_by
from mix_tunnel.state import Step

_LOG = logging.getLogger(__name__)


class EntryConnector:
    """Connects one client to gateways, registering where it has no key yet.

    on_step -- called with each step of connecting
    """

    def __init__(self, platform: Platform, keys: ClientKeys, on_step: Callable[[Step], None]) -> None:
        self._platform = platform
        self._keys = keys
        self._on_step = on_step

    async def open(self, gateway: GatewayNode, *, timeout_s: float) -> GatewayLink:
        """Connect and authenticate; a gateway that has forgotten us is asked to register us anew.

        Raises the `MixError` of what went wrong, at the latest after `timeout_s` seconds (twice that for a gateway
        that rejects our key).
        """
        shared_key = self._keys.gateway_keys.get(gateway.identity)
        try:
            link = await self._connect(gateway, shared_key, timeout_s)
        except AuthenticationRejected:
            if shared_key is None:
                raise
            _LOG.warning("the entry gateway does not know this client any more, which registers anew")
            del self._keys.gateway_keys[gateway.identity]
            link = await self._connect(gateway, None, timeout_s)
        if link.shared_key is not None:
            self._keys.gateway_keys[gateway.identity] = link.shared_key
        return link

    async def _connect(self, gateway: GatewayNode, shared_key: bytes | None, timeout_s: float) -> GatewayLink:
        platform = self._platform
        now = judged_by(platform.now)
        started_at = now()
        self._on_step(Step.CONNECTING_GATEWAY)
        websocket = await platform.open_websocket(gateway.websocket_url, timeout_s=timeout_s)
        self._on_step(Step.REGISTERING)
        left_s = max(timeout_s - (now() - started_at), 0.0)
        client = GatewayClient(
            platform.crypto(),
            platform.random_bytes,
            self._keys.identity_seed,
            gateway.identity,
            shared_key,
            unix_time_offset_s=self._unix_time_offset_s(now()),
            config=GatewayClientConfig(reply_timeout_s=left_s),
        )
        link = GatewayLink(websocket, client, now)
        try:
            await link.shake_hands(timeout_s=left_s)
        except BaseException as error:
            if isinstance(error, MixError):
                log_words(error)
            await websocket.close()
            raise
        return link

    def _unix_time_offset_s(self, now: float) -> float:
        """Wall clock minus monotonic clock, moved on so that no two authentications bear the same second."""
        wall_clock = max(self._platform.wall_clock(), float(self._keys.authenticated_at + 1))
        self._keys.authenticated_at = int(wall_clock)
        return wall_clock - now
