"""The methods `tunnel.*`: the page's side of the one tunnel that this worker holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mix_protocol.errors import MixError
from mix_tunnel.default import OnState, TunnelSlot
from mix_tunnel.options import OPTION_RULES, InvalidOption, TunnelOptions
from mix_tunnel.rpc.naming import fields_to_camel, spell_option, to_camel
from mix_tunnel.rpc.server import IncomingCall, Method
from mix_tunnel.state import Phase, StepTaken, TunnelState
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.errors import SetupCancelled, TunnelAlreadyInitialised
from mix_tunnel.worker.failure_kinds import failure_kind


def read_options(params: Mapping[str, Any]) -> TunnelOptions:
    """The tunnel's options from a call's parameters; null means the default. Raises `InvalidOption`, in JavaScript's
    names."""
    for name in params:
        if name not in OPTION_RULES:
            raise InvalidOption(f"there is no option {to_camel(name)[:64]}", option=to_camel(name)[:64])
    try:
        return TunnelOptions(**{name: value for name, value in params.items() if value is not None})
    except InvalidOption as error:
        rule = OPTION_RULES[str(error.fields["option"])]
        raise InvalidOption(error.template, option=rule.js_name, allowed=rule.allowed) from None


def describe_error(error: MixError | None) -> dict[str, Any] | None:
    """Why a tunnel failed, as a JSON value: the published client's kind, and the error in the shape of an RPC error."""
    if error is None:
        return None
    return {**failure_kind(error), **_describe_error(error)}


def _describe_error(error: MixError) -> dict[str, Any]:
    message, fields = error.sentence(spell_option), fields_to_camel(error.fields)
    return {"code": error.code, "message": message, "fields": fields, "retryable": error.retryable}


def describe_state(state: TunnelState) -> dict[str, Any]:
    """A state as a JSON value; `state` is the reference client's name for the phase."""
    return {
        "state": str(state.phase),
        "step": state.step,
        "steps": [_describe_step(taken) for taken in state.steps],
        "elapsed_ms": state.elapsed_ms,
        "reason": describe_error(state.reason),
        "warnings": [_describe_error(warning) for warning in state.warnings],
        "directory_signatures": state.directory_signatures,
    }


def _describe_step(taken: StepTaken) -> dict[str, Any]:
    error = _describe_error(taken.error) if taken.error is not None else None
    return {"step": str(taken.step), "elapsed_ms": taken.elapsed_ms, "error": error}


class Slot(Protocol):
    """A page's place for a tunnel: a `TunnelSlot`, or a `TabSlot` where pages share one."""

    @property
    def state(self) -> TunnelState:
        """The tunnel's state, as this page has to see it."""
        ...

    @property
    def tunnel(self) -> Tunnel:
        """The tunnel; raises `TunnelNotSetUp` when this page has none."""
        ...

    async def setup(self, options: TunnelOptions, on_state: OnState | None = None) -> Tunnel:
        """Set the tunnel up, or join it."""
        ...

    async def disconnect(self) -> None:
        """Close the tunnel, or leave it. Idempotent."""
        ...


class TunnelService:
    """Sets the worker's tunnel up and down for the page, and tells the page every state."""

    def __init__(self, emit: Callable[[str, Any], None], slot: Slot | None = None) -> None:
        self._emit = emit
        self.slot: Slot = slot if slot is not None else TunnelSlot()
        self._told: Phase | None = None
        self._setup_end: asyncio.Future[None] | None = None

    async def ready(self) -> Tunnel:
        """The tunnel; while the page is setting it up, once that is done.

        Raises `TunnelNotSetUp` when there is none, or what made the set-up fail.
        """
        if self._setup_end is not None:
            await asyncio.shield(self._setup_end)  # others wait for it, too
        return self.slot.tunnel

    @property
    def methods(self) -> Mapping[str, Method]:
        """The table for an `RpcServer`."""
        return {
            "tunnel.setup": self._setup,
            "tunnel.disconnect": self._disconnect,
            "tunnel.state": self._get_state,
            "tunnel.stats": self._get_stats,
        }

    async def _setup(self, call: IncomingCall) -> None:
        options = read_options(call.params)
        if self._setup_end is not None:
            raise TunnelAlreadyInitialised
        end = self._setup_end = asyncio.get_running_loop().create_future()
        failure: MixError = SetupCancelled()
        try:
            await self.slot.setup(options, self._tell)
        except MixError as error:
            failure = error
            raise
        else:
            end.set_result(None)
        finally:
            self._setup_end = None
            if not end.done():
                end.set_exception(failure)
                end.exception()  # maybe nobody has waited

    async def _disconnect(self, call: IncomingCall) -> None:
        await self.slot.disconnect()
        if self.slot.state.phase is Phase.SHUTDOWN and self._told is not Phase.SHUTDOWN:
            self._tell(self.slot.state)

    async def _get_state(self, call: IncomingCall) -> dict[str, Any]:
        return describe_state(self.slot.state)

    async def _get_stats(self, call: IncomingCall) -> Any:
        import msgspec  # compiled: must not load when this module does

        return msgspec.to_builtins(self.slot.tunnel.stats())

    def _tell(self, state: TunnelState) -> None:
        self._told = state.phase
        self._emit("tunnel.state", describe_state(state))
