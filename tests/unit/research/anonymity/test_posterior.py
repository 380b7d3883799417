"""Entropies of simulated mixes beside those that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from research.anonymity import closed_forms
from research.anonymity.posterior import Target, entropies, trace_back
from research.anonymity.trace import FROM_NODE, Recorder, Trace

RATE, DELAY_S, LINK_S = 3_000.0, 0.03, 0.002


def poisson_through(mixes: int, seconds: float, *, clients: int = 50, seed: int = 1) -> Trace:
    """A Poisson process through so many exponential mixes in a row."""
    random, record = np.random.default_rng(seed), Recorder()
    times = np.cumsum(random.exponential(1 / RATE, int(RATE * seconds)))
    for at in times:
        packet = record.made(int(random.integers(clients)), at)
        for node in range(mixes):
            at += LINK_S
            record.came(packet, node, at)
            at += random.exponential(DELAY_S)
            record.left(packet, node, at)
        record.came_to_its_end(packet, 99, at + LINK_S)
    return record.trace()


def settled(trace: Trace, count: int) -> list[int]:
    found = np.flatnonzero((trace.made_at > 0.5) & (trace.made_at < trace.made_at[-1] - 0.5))
    return [int(packet) for packet in found[:: len(found) // count]]


@pytest.mark.parametrize("mixes", [1, 3])
def test_the_entropy_behind_mixes_is_danezis(mixes: int):
    trace = poisson_through(mixes, 3.0)
    found = trace_back(trace, [Target(packet, mixes) for packet in settled(trace, 60)], 50)
    assert found.packets.mean() == pytest.approx(closed_forms.sender_entropy(RATE, DELAY_S, mixes), abs=0.08)
    assert found.senders.sum(axis=0) == pytest.approx(1.0)
    # Everybody sends alike, and there are many packets of each client in the mixes.
    assert entropies(found.senders).mean() == pytest.approx(math.log2(50), abs=0.5)


def test_a_mix_holds_as_many_packets_as_an_infinite_server():
    trace = poisson_through(1, 3.0)
    held = np.cumsum(np.where(trace.leaves, -1, 1))[len(trace.at) // 3 : -2 * int(RATE * DELAY_S)]
    assert closed_forms.pool_packets(RATE, DELAY_S) == 90.0
    assert held.mean() == pytest.approx(90.0, rel=0.1)
    assert closed_forms.sender_entropy(RATE, DELAY_S) == pytest.approx(math.log2(math.e * 90.0))


def by_hand() -> Trace:
    """Two packets of clients 0 and 1 and one that a node made meet in mix 0; then client 0's goes on to mix 1."""
    record = Recorder()
    first, second, reply = (record.made(maker, 0.0) for maker in (0, 1, FROM_NODE))
    record.came(first, 0, 1.0)
    record.came(second, 0, 2.0)
    record.left(second, 0, 3.0)
    record.came(reply, 0, 4.0)
    record.left(first, 0, 5.0)
    record.came(first, 1, 6.0)
    record.left(first, 1, 7.0)
    return record.trace()


def test_a_small_case_by_hand():
    found = trace_back(by_hand(), [Target(0, 1), Target(0, 2), Target(1, 1)], 2)
    # Of two that are inside when the first leaves, one came last; the other one is either of the two before.
    assert found.senders[:, 0].tolist() == [0.25, 0.25]
    assert found.senders[:, 1].tolist() == [0.25, 0.25]
    assert found.senders[:, 2].tolist() == [0.5, 0.5]
    assert found.packets.tolist() == [1.0, 1.0, 1.0]
    assert entropies(found.senders).tolist() == [1.0, 1.0, 1.0]


def test_a_corrupt_mix_tells_which_is_which():
    found = trace_back(by_hand(), [Target(0, 1), Target(0, 2)], 2, corrupt=[0])
    assert found.senders.tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert entropies(found.senders).tolist() == [0.0, 0.0]
    other = trace_back(by_hand(), [Target(0, 2)], 2, corrupt=[1])
    assert other.senders[:, 0].tolist() == [0.25, 0.25]
