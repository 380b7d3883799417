"""The tunnel that all facades of a process share, set up once and used by whoever imports one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from mix_protocol.errors import MixError
from mix_tunnel.options import InvalidOption, TunnelOptions
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.errors import SetupCancelled, TunnelAlreadyInitialised, TunnelNotSetUp

OnState = Callable[[TunnelState], None]


class Connect(Protocol):
    """Sets a tunnel up and tells every state on the way."""

    def __call__(self, options: TunnelOptions, *, on_state: OnState) -> Awaitable[Tunnel]:
        """Return the tunnel once it is ready."""
        ...


class TunnelSlot:
    """A place for one tunnel: empty, connecting or filled. After `disconnect` or a failure it takes a new one."""

    def __init__(self, connect: Connect = Tunnel.connect) -> None:
        self._connect = connect
        self._tunnel: Tunnel | None = None
        self._setting_up: asyncio.Task[Tunnel] | None = None
        self._disconnecting = False
        self._state = TunnelState(Phase.SHUTDOWN)

    @property
    def state(self) -> TunnelState:
        """The tunnel's state, or the last one it had; `shutdown` before the first."""
        return self._state

    @property
    def tunnel(self) -> Tunnel:
        """The tunnel, connecting again or ready; raises `TunnelNotSetUp` when there is none."""
        if self._tunnel is None or self._tunnel.state.phase not in (Phase.READY, Phase.CONNECTING):
            raise TunnelNotSetUp("no tunnel is ready; await setup_mix_tunnel() first")
        return self._tunnel

    async def setup(self, options: TunnelOptions, on_state: OnState | None = None) -> Tunnel:
        """Set the tunnel up; raises `TunnelAlreadyInitialised` while there is one, or what made the set-up fail."""
        alive = self._tunnel is not None and self._tunnel.state.phase not in (Phase.FAILED, Phase.SHUTDOWN)
        if alive or self._setting_up is not None or self._disconnecting:
            raise TunnelAlreadyInitialised

        def tell(state: TunnelState) -> None:
            self._state = state
            if on_state is not None:
                on_state(state)

        # A task of its own, so that `disconnect` can stop it without cancelling the caller.
        self._setting_up = asyncio.create_task(self._run_connect(options, tell), name="set the tunnel up")
        try:
            self._tunnel = await self._setting_up
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            was_disconnected = caller is not None and caller.cancelling() == 0
            self._setting_up.cancel()
            await asyncio.wait({self._setting_up})
            tell(TunnelState(Phase.SHUTDOWN))
            if was_disconnected:
                raise SetupCancelled from None
            raise
        except MixError as error:
            if self._state.phase is not Phase.FAILED:
                tell(TunnelState(Phase.FAILED, reason=error))
            raise
        finally:
            self._setting_up = None
        return self._tunnel

    async def _run_connect(self, options: TunnelOptions, on_state: OnState) -> Tunnel:
        await self._close()
        return await self._connect(options, on_state=on_state)

    async def disconnect(self) -> None:
        """Close the tunnel, or stop its set-up. Idempotent."""
        if self._disconnecting:
            return
        self._disconnecting = True
        try:
            if self._setting_up is not None:
                self._setting_up.cancel()
                await asyncio.wait({self._setting_up})
            await self._close()
        finally:
            self._disconnecting = False
            self._state = TunnelState(Phase.SHUTDOWN)

    async def _close(self) -> None:
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            await tunnel.close()


_slot = TunnelSlot()


async def setup_mix_tunnel(
    options: TunnelOptions | None = None, *, on_state: OnState | None = None, **named: Any
) -> None:
    """Set the shared tunnel up, with `TunnelOptions` or with its fields by name; return when it is ready.

    on_state -- called with every `TunnelState`, from the first step of connecting on
    Raises `TunnelAlreadyInitialised` on a live tunnel, `InvalidOption`, or what made the set-up fail.
    """
    if options is not None and named:
        raise InvalidOption("give either TunnelOptions or options by name, not both")
    unknown = named.keys() - TunnelOptions.__dataclass_fields__.keys()
    if unknown:
        name = min(unknown)[:64]
        raise InvalidOption(f"there is no option {name}", option=name)
    await _slot.setup(options if options is not None else TunnelOptions(**named), on_state)


async def disconnect_mix_tunnel() -> None:
    """Close the shared tunnel; afterwards it may be set up anew. Idempotent."""
    await _slot.disconnect()


def get_tunnel_state() -> TunnelState:
    """The shared tunnel's present state."""
    return _slot.state


def get_mix_tunnel() -> Tunnel:
    """The shared tunnel itself; raises `TunnelNotSetUp` when there is none."""
    return _slot.tunnel
