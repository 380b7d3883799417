"""The bench that sets both clients side by side still works: it opens their pages, and notices what hangs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench.side_by_side.cell import Cell
from bench.side_by_side.devtools import DevtoolsError
from bench.side_by_side.measurement import Measurement
from bench.side_by_side.rows import FIRST_FETCH, MEMORY_READY, SETUP
from bench.side_by_side.site import file_of
from bench.side_by_side.visit import CLIENTS, Client, new_user
from bench.side_by_side.world import World, running_world

PATIENCE_S = 120
PATIENT = Cell("mainnet", "off")
"""For its time-outs: the links of this world are plain."""
SHORT: tuple[Measurement, ...] = (SETUP, MEMORY_READY, FIRST_FETCH)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as running:
        yield running


@pytest.mark.parametrize("client", CLIENTS)
def test_a_visit(world: World, client: Client):
    world.take_sent()
    figures: dict[str, float] = {}
    with new_user(client, PATIENT, world) as user, user.visit({"preload": True}) as visit:
        assert visit.started(PATIENCE_S)["workerReady"] > 0
        for measurement in SHORT:
            figures |= measurement.measure(visit)
        assert visit.renderer.cpu_s() > 0
        with pytest.raises(DevtoolsError, match=r"not done after 0\.5 s"):
            visit.call("() => new Promise(() => {})", None, 0.5)
        with pytest.raises(DevtoolsError, match="nothing of the kind"):
            visit.call("async () => { throw new Error('nothing of the kind'); }", None, PATIENCE_S)
    assert figures.keys() == {row.key for measurement in SHORT for row in measurement.rows}
    assert all(figure > 0 for figure in figures.values())
    sent = [each for each in world.take_sent() if each["status"] == 200 and file_of(each["path"])]
    assert max(each["size"] for each in sent) > 1_000_000
