"""Which of a host's addresses is connected to, and what becomes of the other attempts."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from types import SimpleNamespace

import pytest
from support.byte_pipe import PipeEnd, byte_pipe
from support.waiting import until

from mix_protocol.errors import Closed, NetworkFailure
from mix_tunnel.runtime import racing
from mix_tunnel.runtime.racing import MAX_ADDRESSES, connect_any

ADDRESSES = [IPv4Address(f"192.0.2.{number}") for number in range(1, 7)]
FIRST, SECOND, THIRD = ADDRESSES[:3]


class Refused(NetworkFailure):
    """Nobody is there."""

    code = "tcp.test_refused"


class Gone(Closed):
    """The tunnel is."""

    code = "tcp.test_gone"


class Network:
    """Addresses that say nothing until the test has them answer."""

    def __init__(self) -> None:
        self.answers: dict[IPv4Address, asyncio.Future[PipeEnd]] = {}
        self.cancelled: list[IPv4Address] = []

    async def connect(self, ip, port: int) -> PipeEnd:
        assert port == 443
        self.answers[ip] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.shield(self.answers[ip])
        except asyncio.CancelledError:
            self.cancelled.append(ip)
            raise

    def accept(self, ip) -> PipeEnd:
        end, _ = byte_pipe()
        self.answers[ip].set_result(end)
        return end

    def refuse(self, ip, error: type[Exception] = Refused) -> None:
        self.answers[ip].set_exception(error(str(ip)))


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(racing, "ATTEMPT_DELAY_S", 0.01)


def start(network: Network, count: int) -> asyncio.Task[PipeEnd]:
    return asyncio.create_task(connect_any(network.connect, ADDRESSES[:count], 443))


@pytest.mark.parametrize("count", [1, 3])
async def test_one_that_accepts_at_once_is_the_only_one_tried(network, count):
    task = start(network, count)
    await until(lambda: network.answers)
    end = network.accept(FIRST)
    assert await task is end
    assert list(network.answers) == [FIRST]


async def test_the_next_is_tried_as_soon_as_one_has_failed(network):
    task = start(network, 3)
    await until(lambda: FIRST in network.answers)
    network.refuse(FIRST)
    await until(lambda: SECOND in network.answers)
    end = network.accept(SECOND)
    assert await task is end


async def test_the_next_is_tried_beside_one_that_says_nothing(network, impatient):
    task = start(network, 2)
    await until(lambda: SECOND in network.answers)
    end = network.accept(SECOND)
    assert await task is end
    assert network.cancelled == [FIRST]


async def test_a_late_answer_counts_too(network, impatient):
    task = start(network, 3)
    await until(lambda: THIRD in network.answers)
    network.refuse(THIRD)
    end = network.accept(FIRST)
    assert await task is end
    assert network.cancelled == [SECOND]


async def test_of_two_that_accept_in_one_moment_one_is_dropped(network, impatient):
    task = start(network, 2)
    await until(lambda: SECOND in network.answers)
    ends = [network.accept(FIRST), network.accept(SECOND)]
    used = await task
    assert used in ends
    assert [end.aborted for end in ends if end is not used] == [True]


async def test_the_first_failure_is_told(network):
    task = start(network, 6)
    for address in ADDRESSES[:MAX_ADDRESSES]:
        await until(lambda address=address: address in network.answers)
        network.refuse(address)
    with pytest.raises(Refused, match=str(FIRST)):
        await task
    assert len(network.answers) == MAX_ADDRESSES


async def test_a_closed_tunnel_ends_all_attempts(network, impatient):
    task = start(network, 3)
    await until(lambda: SECOND in network.answers)
    network.refuse(SECOND, Gone)
    with pytest.raises(Gone):
        await task
    assert FIRST in network.cancelled


async def test_giving_up_ends_all_attempts(network, impatient):
    task = start(network, 2)
    await until(lambda: SECOND in network.answers)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert sorted(network.cancelled) == [FIRST, SECOND]


async def test_on_a_slow_network_the_next_address_waits_for_two_round_trips(network, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_DELAY_S", 0.01)
    slow = SimpleNamespace(round_trip_s=10.0)
    task = asyncio.create_task(connect_any(network.connect, ADDRESSES[:2], 443, network=slow))
    await until(lambda: network.answers)
    await asyncio.sleep(0.05)
    assert list(network.answers) == [FIRST]
    end = network.accept(FIRST)
    assert await task is end
