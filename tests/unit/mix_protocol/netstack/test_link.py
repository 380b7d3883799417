"""The virtual clock."""

from __future__ import annotations

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import FaultInjector, NetworkStack
from mix_protocol.netstack.link import Link


def test_time_goes_from_deadline_to_deadline() -> None:
    left = NetworkStack(SeededRandom(1), addresses=["10.0.0.1"])
    right = NetworkStack(SeededRandom(2), addresses=["10.0.0.2"])
    link = Link(left, FaultInjector(right, SeededRandom(3), delay_s=0.5))
    echo = left.open_echo()
    echo.send("10.0.0.2", 1, b"x")
    link.exchange()
    assert echo.receive() is None
    assert link.step()
    assert link.now == 0.5
    assert link.step()
    assert link.now == 1.0
    assert echo.receive() is not None
    assert not link.step()


def test_patience_ends() -> None:
    left = NetworkStack(SeededRandom(1), addresses=["10.0.0.1"])
    right = NetworkStack(SeededRandom(2), addresses=["10.0.0.2"])
    link = Link(left, FaultInjector(right, SeededRandom(3), loss=1.0))
    connection = left.connect_tcp(("10.0.0.2", 80), link.now)
    assert not link.run(lambda: connection.is_established, 10.0)
    assert 10.0 < link.now < 30.0
    link.run_for(5.0)
    assert link.run(lambda: connection.error is not None, 100.0)
