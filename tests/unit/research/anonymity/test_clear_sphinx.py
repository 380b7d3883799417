"""Without cryptography happens what happens with it: the same packets are at the same nodes in the same moments."""

from __future__ import annotations

import numpy as np
import pytest
from research.anonymity.clear_sphinx import ClearCrypto
from research.anonymity.people import Habits
from research.anonymity.simulate import Run, Scene, simulate
from research.anonymity.trace import FROM_NODE

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.sphinx.errors import BadMac, UnknownPacketSize
from mix_protocol.sphinx.processing import process_packets

HABITS = Habits(requests_per_s=8.0, active_share=0.5)


@pytest.mark.parametrize(("covers", "balances"), [(False, False), (True, False), (True, True)])
def test_the_trace_is_that_of_real_sphinx_packets(covers: bool, balances: bool):
    scene = Scene(clients=6, mixes=6, covers=covers, balances=balances, seconds=0.25, habits=HABITS)
    clear, real = simulate(scene), simulate(scene, NativeCrypto())
    for name in ("at", "node", "packet", "leaves", "maker", "made_at", "ended_at", "ended"):
        ours, theirs = getattr(clear.trace, name), getattr(real.trace, name)
        assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"), name
    assert (clear.requests_s, clear.answers_s, clear.pushed_at) == (real.requests_s, real.answers_s, real.pushed_at)
    assert clear.answers_s
    assert clear.dropped == real.dropped == 0
    assert_lively(clear, balances)


def assert_lively(run: Run, balances: bool) -> None:
    replies = (run.trace.maker == FROM_NODE).sum()
    sent = (run.trace.maker != FROM_NODE).sum()
    assert replies > 0
    if balances:
        assert replies > 0.6 * sent


def test_another_nodes_key_and_other_lengths_are_noticed():
    wrong = process_packets(ClearCrypto(), bytes(32), [bytes((4, 0)).ljust(2413, b"\x01"), b"short"])
    assert [type(each.outcome) for each in wrong] == [BadMac, UnknownPacketSize]
