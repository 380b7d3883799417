"""Packets followed for the picture, and for nothing else."""

from __future__ import annotations

from mix_network.status_page.route_tracer import BETWEEN_STARTS_S, MAX_FOLLOWED, WATCHED_S, RouteTracer
from mix_protocol.sphinx.geometry import PacketSize


def packet(number: int, size: int = 2000) -> bytes:
    return number.to_bytes(8, "big") * (size // 8)


def test_a_packet_is_known_at_each_node_that_it_comes_to():
    tracer = RouteTracer()
    assert tracer.watch(10.0, 0) == []
    tracer.started("entry", packet(1), 10.0)
    tracer.passed("mix-1", packet(1), packet(2), 10.1)
    tracer.passed("mix-2", packet(2), packet(3), 10.2)
    tracer.passed("exit", packet(3), None, 10.3)
    steps = tracer.watch(10.4, 0)
    assert [(step["node"], step["at"], step["last"]) for step in steps] == [
        ("entry", 10.0, False), ("mix-1", 10.1, False), ("mix-2", 10.2, False), ("exit", 10.3, True),
    ]  # fmt: skip
    assert {step["packet"] for step in steps} == {1}
    assert {step["kind"] for step in steps} == {"packet"}
    assert [step["node"] for step in tracer.watch(10.4, steps[1]["number"])] == ["mix-2", "exit"]
    tracer.passed("exit", packet(3), None, 10.5)
    assert len(tracer.watch(10.5, 0)) == 4


def test_acknowledgements_and_cover_are_told_apart():
    tracer = RouteTracer()
    tracer.watch(0.0, 0)
    tracer.started(
        "exit", packet(1, PacketSize.ACK.packet_length // 8 * 8) + b"a" * (PacketSize.ACK.packet_length % 8), 0.0
    )
    tracer.started("mix-1", packet(2), 1.0, is_cover=True)
    assert [step["kind"] for step in tracer.watch(1.0, 0)] == ["ack", "cover"]


def test_nothing_is_noted_and_nothing_kept_while_nobody_looks():
    tracer = RouteTracer()
    tracer.started("entry", packet(1), 1.0)
    assert tracer.watch(1.0, 0) == []
    tracer.started("entry", packet(2), 1.5)
    later = 1.0 + WATCHED_S + 0.1
    tracer.passed("mix-1", packet(2), packet(3), later)
    assert (len(tracer._followed), len(tracer._steps)) == (0, 0)
    assert tracer.watch(later, 0) == []


def test_what_is_kept_is_bounded():
    tracer = RouteTracer()
    now = 0.0
    for number in range(3 * MAX_FOLLOWED):
        tracer.watch(now, 0)
        tracer.started("entry", packet(number), now)
        tracer.started("entry", packet(1_000_000 + number), now)
        now += BETWEEN_STARTS_S
    assert len(tracer._followed) == MAX_FOLLOWED
    # Old steps are not told again, whoever asks for them.
    assert len(tracer.watch(now, 0)) <= 101
