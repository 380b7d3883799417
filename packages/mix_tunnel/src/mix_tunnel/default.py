"""The tunnels that all facades of a process share, by name: set up once, used by whoever imports a facade."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

from mix_protocol.errors import MixError
from mix_tunnel.options import InvalidOption, TunnelOptions, given_options
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.errors import SetupCancelled, TunnelAlreadyInitialised, TunnelNotSetUp

OnState = Callable[[TunnelState], None]


class Connect(Protocol):
    """Sets a tunnel up and tells every state on the way."""

    def __call__(self, options: TunnelOptions, *, on_state: OnState) -> Awaitable[Tunnel]:
        """Return the tunnel once it is ready."""
        ...


# What the published client says before its first set-up: not `shutdown`, which it keeps for what is over.
BEFORE_SETUP = TunnelState(Phase.CONNECTING)


class TunnelSlot:
    """A place for one tunnel: empty, connecting or filled. After `disconnect` or a failure it takes a new one."""

    def __init__(self, connect: Connect = Tunnel.connect) -> None:
        self._connect = connect
        self._tunnel: Tunnel | None = None
        self._setting_up: asyncio.Task[Tunnel] | None = None
        self._disconnecting = False
        self._state = BEFORE_SETUP

    @property
    def state(self) -> TunnelState:
        """The tunnel's state, or the last one it had; before the first set-up, `connecting` without a step."""
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
        if self._disconnecting or (self._state is BEFORE_SETUP and self._setting_up is None):
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


DEFAULT_TUNNEL = "default"
MAX_NAME_LENGTH = 64
_ALLOWED_NAME = f"a text of 1 to {MAX_NAME_LENGTH} characters"

_slots: dict[str, TunnelSlot] = {}


def _slot(name: str) -> TunnelSlot:
    """The place of the tunnel of this name; `InvalidOption` for what can't be a name."""
    given: object = name
    if not isinstance(given, str) or not 0 < len(given) <= MAX_NAME_LENGTH:
        raise InvalidOption(f"a tunnel's name must be {_ALLOWED_NAME}", option="name", allowed=_ALLOWED_NAME)
    return _slots.setdefault(name, TunnelSlot())


async def setup_mix_tunnel(
    options: TunnelOptions | None = None,
    *,
    name: str = DEFAULT_TUNNEL,
    on_state: OnState | None = None,
    **named: Any,
) -> None:
    """Set a shared tunnel up, with `TunnelOptions` or with its fields by name; return when it is ready.

    name -- which tunnel, where a process has several at once; it is also its `client_id` unless one is given
    on_state -- called with every `TunnelState`, from the first step of connecting on
    Raises `TunnelAlreadyInitialised` on a live tunnel, `InvalidOption`, or what made the set-up fail.
    """
    slot = _slot(name)
    if options is not None and named:
        raise InvalidOption("give either TunnelOptions or options by name, not both")
    unknown = named.keys() - TunnelOptions.__dataclass_fields__.keys()
    if unknown:
        option = min(unknown)[:64]
        raise InvalidOption(f"there is no option {option}", option=option)
    if on_state is not None and not callable(on_state):
        raise InvalidOption("on_state must be a function", option="on_state", allowed="a function")
    options = TunnelOptions(**named) if named else given_options(options)
    if name != DEFAULT_TUNNEL and options.client_id == TunnelOptions().client_id:
        options = replace(options, client_id=name)  # two tunnels must not use the same stored keys
    await slot.setup(options, on_state)


async def disconnect_mix_tunnel(name: str = DEFAULT_TUNNEL) -> None:
    """Close a shared tunnel; afterwards it may be set up anew. Idempotent."""
    await _slot(name).disconnect()


def get_tunnel_state(name: str = DEFAULT_TUNNEL) -> TunnelState:
    """A shared tunnel's present state; before the first set-up, `connecting` without a step."""
    return _slot(name).state


def get_mix_tunnel(name: str = DEFAULT_TUNNEL) -> Tunnel:
    """A shared tunnel itself; raises `TunnelNotSetUp` when there is none."""
    return _slot(name).tunnel
