"""The methods `tunnel.*`: one tunnel at a time, set up and disconnected as often as the page likes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from typing import Any

from mix_protocol.errors import MixError
from mix_tunnel.options import InvalidOption, TunnelOptions
from mix_tunnel.rpc.naming import to_camel
from mix_tunnel.rpc.server import IncomingCall, Method
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.errors import SetupCancelled, TunnelAlreadyInitialised, TunnelNotReady

Connect = Callable[[TunnelOptions, Callable[[TunnelState], None]], Awaitable[Tunnel]]
"""Sets a tunnel up, telling every state."""

_OPTION_NAMES = frozenset(field.name for field in fields(TunnelOptions))


async def connect_tunnel(options: TunnelOptions, on_state: Callable[[TunnelState], None]) -> Tunnel:
    """Set up a real tunnel from this worker."""
    return await Tunnel.connect(options, on_state=on_state)


def read_options(params: Mapping[str, Any]) -> TunnelOptions:
    """The tunnel's options from a call's parameters; null means the default. Raises `InvalidOption`."""
    for name in params:
        if name not in _OPTION_NAMES:
            raise InvalidOption(f"there is no option {to_camel(name)[:64]}", option=to_camel(name)[:64])
    return TunnelOptions(**{name: value for name, value in params.items() if value is not None})


def describe_error(error: MixError | None) -> dict[str, Any] | None:
    """An error as a JSON value, in the shape of an RPC error."""
    if error is None:
        return None
    return {"code": error.code, "message": str(error), "fields": dict(error.fields), "retryable": error.retryable}


def describe_state(state: TunnelState) -> dict[str, Any]:
    """A state as a JSON value; `state` is the reference client's name for the phase."""
    return {
        "state": str(state.phase),
        "step": state.step,
        "steps": [{"step": str(taken.step), "elapsed_ms": taken.elapsed_ms} for taken in state.steps],
        "elapsed_ms": state.elapsed_ms,
        "reason": describe_error(state.reason),
    }


class TunnelService:
    """Holds the worker's only tunnel."""

    def __init__(self, emit: Callable[[str, Any], None], connect: Connect = connect_tunnel) -> None:
        self._emit = emit
        self._connect = connect
        self._tunnel: Tunnel | None = None
        self._state = TunnelState(Phase.SHUTDOWN)
        self._setting_up: asyncio.Task[Any] | None = None
        self._disconnecting = False

    @property
    def methods(self) -> Mapping[str, Method]:
        """The table for an `RpcServer`."""
        return {
            "tunnel.setup": self._setup,
            "tunnel.disconnect": self._disconnect,
            "tunnel.state": self._get_state,
            "tunnel.stats": self._get_stats,
        }

    @property
    def tunnel(self) -> Tunnel:
        """The tunnel, if it is ready; else `TunnelNotReady`."""
        if self._tunnel is None or self._tunnel.state.phase is not Phase.READY:
            raise TunnelNotReady
        return self._tunnel

    async def _setup(self, call: IncomingCall) -> None:
        options = read_options(call.params)
        if self._setting_up is not None or self._disconnecting:
            raise TunnelAlreadyInitialised
        if self._tunnel is not None and self._tunnel.state.phase not in (Phase.FAILED, Phase.SHUTDOWN):
            raise TunnelAlreadyInitialised
        self._setting_up = asyncio.current_task()
        try:
            if self._tunnel is not None:
                await self._close_tunnel()
            self._tunnel = await self._connect(options, self._on_state)
        except asyncio.CancelledError:
            self._on_state(TunnelState(Phase.SHUTDOWN))
            if self._disconnecting:
                raise SetupCancelled from None
            raise
        finally:
            self._setting_up = None

    async def _disconnect(self, call: IncomingCall) -> None:
        if self._disconnecting:
            return
        self._disconnecting = True
        try:
            if self._setting_up is not None:
                self._setting_up.cancel()
                await asyncio.wait([self._setting_up])
            if self._tunnel is not None:
                await self._close_tunnel()
        finally:
            self._disconnecting = False
        if self._state.phase is not Phase.SHUTDOWN:
            self._on_state(TunnelState(Phase.SHUTDOWN))

    async def _close_tunnel(self) -> None:
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            await tunnel.close()

    async def _get_state(self, call: IncomingCall) -> dict[str, Any]:
        return describe_state(self._state)

    async def _get_stats(self, call: IncomingCall) -> Any:
        import msgspec  # compiled: must not load when this module does

        return msgspec.to_builtins(self.tunnel.stats())

    def _on_state(self, state: TunnelState) -> None:
        self._state = state
        self._emit("tunnel.state", describe_state(state))
