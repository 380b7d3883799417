"""A short soak: nodes of each role die and come back, keys change, and no client gets a wrong byte or an odd error."""

from __future__ import annotations

from soak.faults import SHORT
from soak.running import run


async def test_nobody_gets_a_wrong_byte_and_everybody_comes_back():
    report = await run(SHORT, seed=1, say=print)
    assert report.forbidden == []
    assert report.crashes == []
    assert [row.kind for row in report.rows if row.slowest_s is None] == []
    assert report.is_good
