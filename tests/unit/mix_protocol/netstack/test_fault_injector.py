"""Bad links, repeatably bad."""

from __future__ import annotations

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import FaultInjector


class Echo:
    """A device that keeps what it gets and sends what it is told to."""

    mtu_bytes = 1500

    def __init__(self) -> None:
        self.received: list[tuple[float, bytes]] = []
        self.outbox: list[bytes] = []

    def receive_packet(self, packet: bytes, now: float) -> None:
        self.received.append((now, packet))

    def packets_to_send(self, now: float) -> list[bytes]:
        packets, self.outbox = self.outbox, []
        return packets

    def next_timeout(self) -> float | None:
        return None

    def handle_timeout(self, now: float) -> None:
        pass


def pass_through(count: int = 1000, **faults: float) -> tuple[list[tuple[float, bytes]], list[tuple[float, bytes]]]:
    """Send `count` packets in and as many out; gives when which arrived on each side."""
    echo = Echo()
    device = FaultInjector(echo, SeededRandom("faults"), **faults)  # type: ignore[arg-type]
    packets = [index.to_bytes(4, "big") for index in range(count)]
    echo.outbox = list(packets)
    for packet in packets:
        device.receive_packet(packet, 0.0)
    outgoing = [(0.0, packet) for packet in device.packets_to_send(0.0)]
    while (due := device.next_timeout()) is not None:
        device.handle_timeout(due)
        outgoing += [(due, packet) for packet in device.packets_to_send(due)]
    return echo.received, outgoing


def test_without_faults_everything_passes_at_once_and_in_order() -> None:
    packets = [(0.0, index.to_bytes(4, "big")) for index in range(1000)]
    assert pass_through() == (packets, packets)


@pytest.mark.parametrize("side", [0, 1])
def test_loss_loses_its_share(side: int) -> None:
    assert 850 < len(pass_through(loss=0.1)[side]) < 950
    assert pass_through(loss=1.0)[side] == []


@pytest.mark.parametrize("side", [0, 1])
def test_duplicates(side: int) -> None:
    arrived = pass_through(duplicate=0.2)[side]
    assert 1130 < len(arrived) < 1270
    assert len({packet for _, packet in arrived}) == 1000


@pytest.mark.parametrize("side", [0, 1])
def test_corruption_flips_one_bit(side: int) -> None:
    arrived = pass_through(corrupt=0.5)[side]
    wrong = [(int.from_bytes(packet, "big") ^ index).bit_count() for index, (_, packet) in enumerate(arrived)]
    assert set(wrong) == {0, 1}
    assert 400 < sum(wrong) < 600


@pytest.mark.parametrize("side", [0, 1])
def test_delay_and_jitter(side: int) -> None:
    assert {when for when, _ in pass_through(delay_s=0.3)[side]} == {0.3}
    arrived = pass_through(delay_s=0.3, jitter_s=0.2)[side]
    assert 0.3 <= arrived[0][0] < 0.31
    assert 0.49 < arrived[-1][0] < 0.5
    order = [packet for _, packet in arrived]
    assert order != sorted(order)
    order = [packet for _, packet in pass_through(delay_s=0.3, jitter_s=0.2, in_order=True)[side]]  # type: ignore
    assert order == sorted(order)


@pytest.mark.parametrize("side", [0, 1])
def test_mix_nodes_hold_packets_for_exponential_times(side: int) -> None:
    times = [when for when, _ in pass_through(hops=3, hop_delay_s=0.01)[side]]
    assert 0.028 < sum(times) / len(times) < 0.032
    assert max(times) > 0.07


@pytest.mark.parametrize("side", [0, 1])
def test_reorder_lets_some_overtake(side: int) -> None:
    arrived = pass_through(delay_s=0.3, reorder=0.1)[side]
    assert 50 < sum(when == 0.0 for when, _ in arrived) < 150


def test_the_same_seed_gives_the_same_faults() -> None:
    faults = {"loss": 0.1, "duplicate": 0.1, "corrupt": 0.1, "jitter_s": 1.0, "reorder": 0.1}
    assert pass_through(**faults) == pass_through(**faults)


def test_it_counts_what_it_does() -> None:
    device = FaultInjector(Echo(), SeededRandom(1), loss=0.5, duplicate=1.0)
    for _ in range(100):
        device.receive_packet(b"x", 0.0)
    assert device.counts.packets == 100
    assert device.counts.lost + device.counts.duplicated == 100
    assert device.mtu_bytes == 1500


@pytest.mark.parametrize("faults", [{"loss": 1.5}, {"duplicate": -0.1}, {"delay_s": -1.0}, {"hops": -1}])
def test_impossible_faults_are_refused(faults: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        FaultInjector(Echo(), SeededRandom(1), **faults)  # type: ignore[arg-type]
