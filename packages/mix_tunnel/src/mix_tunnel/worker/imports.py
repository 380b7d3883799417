"""Modules that a first visit's worker has not imported yet (`web/import_own`), imported while it waits for others."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import Protocol, cast

from mix_tunnel.default import Connect, OnState
from mix_tunnel.options import TunnelOptions
from mix_tunnel.state import Phase, Step, TunnelState
from mix_tunnel.tunnel import Tunnel

PAUSE_S = 0.001
"""For whatever else is to be done between two modules, which take a few milliseconds each."""
SETUP_PAUSE_S = 0.008
"""The same while a set-up waits for the exit: where that takes long, there is time for all of them."""


class Waiting(Protocol):
    """The modules that have not been imported, among `sys.meta_path`."""

    def import_next(self) -> bool:
        """Import one of them, if there is any left."""
        ...


class LateImports:
    """Imports what no set-up needs, but a request does. A set-up goes before, which is busy until it asks the exit.

    connect -- sets a tunnel up; so does this
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()
        self._pause_s = PAUSE_S

    def __call__(self, options: TunnelOptions, *, on_state: OnState) -> Awaitable[Tunnel]:
        """Set a tunnel up."""

        def note(state: TunnelState) -> None:
            is_connecting = state.phase is Phase.CONNECTING
            self._pause_s = SETUP_PAUSE_S if is_connecting else PAUSE_S
            if is_connecting and state.step != Step.ASKING_EXIT.text:
                self._may_go_on.clear()
            else:
                self._may_go_on.set()
            on_state(state)

        return self._connect(options, on_state=note)

    async def run(self) -> None:
        """Import all of them. Whoever needs one before imports it himself."""
        modules = next((finder for finder in sys.meta_path if hasattr(finder, "import_next")), None)
        while modules is not None and cast(Waiting, modules).import_next():
            await asyncio.sleep(self._pause_s)
            await self._may_go_on.wait()
