"""The methods `cookies.*`: the jar of the worker's tunnel, for the page to keep, fill and empty."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from mix_tunnel.rpc.server import IncomingCall, Method
from mix_tunnel.runtime.http.cookies.errors import CookiesDisabled
from mix_tunnel.worker.tunnel_service import TunnelService


class CookieService:
    """The jar, as JSON. A tunnel without one exports nothing, has nothing to clear, and refuses to import."""

    def __init__(self, tunnels: TunnelService) -> None:
        self._tunnels = tunnels

    @property
    def methods(self) -> Mapping[str, Method]:
        """The table for an `RpcServer`."""
        return {"cookies.export": self._export, "cookies.import": self._import, "cookies.clear": self._clear}

    async def _export(self, call: IncomingCall) -> list[dict[str, Any]]:
        try:
            return (await self._tunnels.ready()).cookies.export()
        except CookiesDisabled:
            return []

    async def _import(self, call: IncomingCall) -> None:
        cookies: Any = call.params.get("cookies")
        (await self._tunnels.ready()).cookies.load(cookies)

    async def _clear(self, call: IncomingCall) -> None:
        with contextlib.suppress(CookiesDisabled):
            (await self._tunnels.ready()).cookies.clear()
