"""Whether the other end of an HTTP/2 connection is still there, on a clock that jumps."""

from __future__ import annotations

import asyncio

import pytest
from support.virtual_time import stand_still, virtual_time

from mix_tunnel.runtime.http.http2.liveness import ANSWER_S, QUIET_S, Liveness


@virtual_time
async def test_silence_is_asked_about_and_then_the_end():
    loop = asyncio.get_running_loop()
    began = loop.time()
    told: dict[str, float] = {}

    def note(what: str) -> None:
        told[what] = loop.time() - began

    liveness = Liveness(lambda: True, lambda: note("asked"), lambda: note("dead"))
    liveness.watch()
    await asyncio.sleep(QUIET_S + ANSWER_S + 1)
    assert told == pytest.approx({"asked": QUIET_S, "dead": QUIET_S + ANSWER_S})


@virtual_time
async def test_a_process_that_stood_still_has_still_to_wait():
    told: list[str] = []
    liveness = Liveness(lambda: True, lambda: told.append("asked"), lambda: told.append("dead"))
    liveness.watch()
    await asyncio.sleep(QUIET_S + 1)
    assert told == ["asked"]
    for _ in range(5):
        stand_still(10 * ANSWER_S)
        await asyncio.sleep(1)
    assert told == ["asked"]
    liveness.heard()
    await asyncio.sleep(QUIET_S - 1)
    assert told == ["asked"]
    liveness.stop()
