"""The method `fetch.start`: one HTTP exchange through the worker's tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from mix_tunnel.rpc.server import IncomingCall, Method, Reply
from mix_tunnel.runtime.http.deadline import Deadline
from mix_tunnel.runtime.http.request import HttpRequest, HttpTimeouts
from mix_tunnel.worker.tunnel_service import TunnelService


@dataclass(frozen=True, slots=True)
class FetchParameters:
    """What the page asks for; the request's body comes beside the call or after it."""

    url: str = field(repr=False)
    method: str = "GET"
    headers: list[tuple[str, str]] = field(repr=False, default_factory=list)
    redirect: Literal["follow", "manual", "error"] = "follow"
    credentials: Literal["omit", "same-origin", "include"] = "same-origin"
    integrity: str = field(default="", repr=False)
    max_redirects: int | None = None
    timeout_ms: float | None = None
    """For everything; the other limits are the tunnel's where they are absent."""
    connect_timeout_ms: float | None = None
    response_timeout_ms: float | None = None
    idle_timeout_ms: float | None = None

    def limits(self, default: HttpTimeouts) -> HttpTimeouts:
        """The limits in seconds; raises `InvalidFetchOption`."""
        given = {
            "total_s": self.timeout_ms,
            "connect_s": self.connect_timeout_ms,
            "response_s": self.response_timeout_ms,
            "idle_s": self.idle_timeout_ms,
        }
        return replace(default, **{name: limit_ms / 1000 for name, limit_ms in given.items() if limit_ms is not None})


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The answer's head; its body follows as chunks."""

    status: int
    status_text: str = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    url: str = field(repr=False)
    redirected: bool


class FetchService:
    """Fetches for the page."""

    def __init__(self, tunnels: TunnelService) -> None:
        self._tunnels = tunnels

    @property
    def methods(self) -> Mapping[str, Method]:
        """The table for an `RpcServer`."""
        return {"fetch.start": self._start}

    async def _start(self, call: IncomingCall) -> Reply:
        import msgspec  # compiled: must not load when this module does

        asked = call.params_as(FetchParameters)
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        async with Deadline(None if asked.timeout_ms is None else asked.timeout_ms / 1000).limit():
            http = (await self._tunnels.ready()).http
        if asked.timeout_ms is not None:  # which is for everything, waiting for the tunnel included
            asked = replace(asked, timeout_ms=asked.timeout_ms - 1000 * (clock() - asked_at))
        request = HttpRequest(
            method=asked.method,
            url=asked.url,
            headers=asked.headers,
            body=call.upload if call.upload is not None else call.body,
            redirect=asked.redirect,
            timeouts=asked.limits(http.timeouts),
            max_redirects=asked.max_redirects,
            integrity=asked.integrity,
            credentials=asked.credentials,
            user=id(self),
        )
        response = await http.fetch(request)
        result = FetchResult(
            response.status, response.reason, list(response.headers), response.url, response.redirected
        )
        return Reply(msgspec.to_builtins(result), response)
