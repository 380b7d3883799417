"""Modules that no set-up needs are imported in its waits, and never before it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from mix_tunnel.options import TunnelOptions
from mix_tunnel.state import Phase, Step, TunnelState
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.imports import LateImports

BUSY = TunnelState(Phase.CONNECTING, Step.REGISTERING.text)
ASKING = TunnelState(Phase.CONNECTING, Step.ASKING_EXIT.text)
READY = TunnelState(Phase.READY)
FAILED = TunnelState(Phase.FAILED)


class Modules:
    """So many modules that wait in `sys.meta_path`."""

    left = 3

    def find_spec(self, name, path=None, target=None):
        return None

    def import_next(self) -> bool:
        self.left -= 1
        return self.left >= 0


@pytest.fixture
def modules() -> Iterator[Modules]:
    waiting = Modules()
    sys.meta_path.insert(0, waiting)
    yield waiting
    sys.meta_path.remove(waiting)


class Setup:
    """A set-up whose states the test tells."""

    def __init__(self) -> None:
        self.told: list[TunnelState] = []
        self.imports = LateImports(self._connect)
        self.task = asyncio.create_task(self.imports.run())

    async def begin(self) -> None:
        await self.imports(TunnelOptions(), on_state=self.told.append)

    async def _connect(self, options, *, on_state) -> Tunnel:
        self.tell = on_state
        return object.__new__(Tunnel)


async def test_without_a_setup_all_are_imported_one_after_the_other(modules: Modules):
    setup = Setup()
    await asyncio.sleep(0)
    assert modules.left == 2  # others have their turn between two
    await setup.task
    assert modules.left == -1


async def test_a_setup_goes_before_until_it_waits_for_the_exit(modules: Modules):
    setup = Setup()
    await setup.begin()
    setup.tell(BUSY)
    await asyncio.sleep(0)
    left = modules.left
    _, unfinished = await asyncio.wait({setup.task}, timeout=0.02)
    assert modules.left == left == 2
    assert unfinished
    setup.tell(ASKING)
    await setup.task
    assert setup.told == [BUSY, ASKING]


@pytest.mark.parametrize("end", [READY, FAILED])
async def test_after_it_they_are_imported_however_it_ends(modules: Modules, end: TunnelState):
    setup = Setup()
    await setup.begin()
    setup.tell(BUSY)
    setup.tell(end)
    await setup.task
    assert modules.left == -1


async def test_where_nothing_waits_there_is_nothing_to_do():
    await Setup().task
