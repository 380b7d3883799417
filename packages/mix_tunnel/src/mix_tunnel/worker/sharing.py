"""One tunnel for all pages of an origin: the first that sets it up makes it, the last that leaves closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mix_tunnel.default import BEFORE_SETUP, Connect, OnState, TunnelSlot
from mix_tunnel.options import OPTION_RULES, TunnelOptions
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.errors import OtherOptions, SetupCancelled, TunnelAlreadyInitialised, TunnelNotSetUp


class SharedTunnel:
    """The tunnel, and the pages that are in it.

    A tunnel that fails has no pages any more: each has to set it up again, and so to say again with which options.
    """

    def __init__(self, connect: Connect = Tunnel.connect) -> None:
        self.slot = TunnelSlot(connect)
        self._options: TunnelOptions | None = None
        self._tabs: dict[TabSlot, None] = {}
        self._told: TunnelState | None = None
        self._setting_up: asyncio.Task[Tunnel] | None = None
        self._closing: asyncio.Task[None] | None = None

    def has(self, tab: TabSlot) -> bool:
        """Whether a page is in the tunnel."""
        return tab in self._tabs

    async def join(self, tab: TabSlot, options: TunnelOptions, left: asyncio.Future[Any]) -> Tunnel:
        """Let a page in and wait until the tunnel is ready; what is set up has ended first if it is about to.

        left -- is done when the page does not wait any longer, which raises `SetupCancelled`
        Raises `OtherOptions`, or what made the set-up fail.
        """
        while (ending := self._ending()) is not None and not left.done():
            await asyncio.wait((ending, left), return_when=asyncio.FIRST_COMPLETED)
        if left.done():
            raise SetupCancelled
        if not self._tabs:
            self._options, self._told = options, None
            self._setting_up = asyncio.create_task(self._set_up(options), name="set the shared tunnel up")
            self._setting_up.add_done_callback(lambda task: task.cancelled() or task.exception())  # maybe all have left
            self._tabs[tab] = None
        else:
            self._check(options)
            self._tabs[tab] = None
            if self._told is not None:
                tab.tell(self._told)
        assert self._setting_up is not None
        await asyncio.wait({self._setting_up, left}, return_when=asyncio.FIRST_COMPLETED)
        if left.done():
            raise SetupCancelled
        return self._setting_up.result()

    async def leave(self, tab: TabSlot) -> None:
        """Let a page go; if no other is left, close the tunnel or stop its set-up. Idempotent."""
        if self._tabs.keys() <= {tab}:
            if self._closing is None:
                self._closing = asyncio.create_task(self._close(), name="close the shared tunnel")
            await asyncio.shield(self._closing)
        elif self._tabs.pop(tab, tab) is None:
            tab.tell(TunnelState(Phase.SHUTTING_DOWN, "shutting down"))
            await tab.end_calls()
            tab.tell(TunnelState(Phase.SHUTDOWN, "shut down"))

    def _ending(self) -> asyncio.Future[Any] | None:
        """What has to be over before a tunnel can be set up."""
        if self._closing is not None:
            return self._closing
        return self._setting_up if not self._tabs and self._setting_up and not self._setting_up.done() else None

    def _check(self, options: TunnelOptions) -> None:
        names = [name for name in OPTION_RULES if getattr(options, name) != getattr(self._options, name)]
        if names:
            raise OtherOptions(options=[OPTION_RULES[name].js_name for name in names])

    async def _set_up(self, options: TunnelOptions) -> Tunnel:
        try:
            return await self.slot.setup(options, self._tell)
        except BaseException:
            self._tabs.clear()
            raise

    async def _close(self) -> None:
        try:
            await self.slot.disconnect()
        finally:
            self._tabs.clear()
            self._closing = None

    def _tell(self, state: TunnelState) -> None:
        self._told = state
        for tab in list(self._tabs):
            tab.tell(state)
        if state.phase is Phase.FAILED:
            self._tabs.clear()


class TabSlot:
    """One page's place in a shared tunnel. To the page it is as if the tunnel were its own.

    end_calls -- ends what the page does in the tunnel, when it leaves and others stay
    """

    def __init__(self, shared: SharedTunnel, end_calls: Callable[[], Awaitable[None]]) -> None:
        self._shared = shared
        self._on_state: OnState | None = None
        self._left: asyncio.Future[None] | None = None
        self._state = BEFORE_SETUP
        self.end_calls = end_calls

    @property
    def state(self) -> TunnelState:
        """The tunnel's state as long as this page is in it; before, `connecting` without a step."""
        return self._state

    @property
    def tunnel(self) -> Tunnel:
        """The tunnel; raises `TunnelNotSetUp` when this page is not in it, or when it is not ready."""
        if not self._shared.has(self):
            raise TunnelNotSetUp
        return self._shared.slot.tunnel

    async def setup(self, options: TunnelOptions, on_state: OnState | None = None) -> Tunnel:
        """Join the tunnel, or set it up when no page is in it.

        Raises `TunnelAlreadyInitialised` when this page is in it, `OtherOptions`, or what made the set-up fail.
        """
        if self._left is not None or self._shared.has(self):
            raise TunnelAlreadyInitialised
        self._on_state = on_state
        self._left = asyncio.get_running_loop().create_future()
        try:
            return await self._shared.join(self, options, self._left)
        except asyncio.CancelledError:
            await self._shared.leave(self)
            raise
        finally:
            self._left = None

    async def disconnect(self) -> None:
        """Leave the tunnel, which goes on for the other pages. Idempotent."""
        if self._left is not None and not self._left.done():
            self._left.set_result(None)
        await self._shared.leave(self)
        if self._state is not BEFORE_SETUP:
            self._state = TunnelState(Phase.SHUTDOWN)

    def tell(self, state: TunnelState) -> None:
        """The state, as this page sees it, is another."""
        self._state = state
        if self._on_state is not None:
            self._on_state(state)
