"""Slots for many clients, in turns."""

import asyncio

import pytest

from mix_network.exit.turns import Turns


class Crowd:
    """Clients that stay inside until they are told to leave."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.inside: list[str] = []
        self._leave: dict[str, list[asyncio.Event]] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def come(self, client: str) -> asyncio.Task[None]:
        leave = asyncio.Event()
        self._leave.setdefault(client, []).append(leave)

        async def visit() -> None:
            async with self._turns.slot(client):
                self.inside.append(client)
                try:
                    await leave.wait()
                finally:
                    self.inside.remove(client)

        task = asyncio.create_task(visit())
        self.tasks.append(task)
        return task

    def leave(self, client: str) -> None:
        self._leave[client].pop(0).set()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def crowd():
    made = Crowd(Turns(4, 3))
    yield made
    await made.close()


async def test_a_client_gets_no_more_than_its_share(crowd: Crowd):
    for _ in range(10):
        crowd.come("greedy")
    await settle()
    assert crowd.inside == ["greedy"] * 3
    crowd.come("newcomer")
    await settle()
    assert crowd.inside.count("newcomer") == 1


async def test_those_who_wait_get_in_client_by_client(crowd: Crowd):
    for client in ("a", "b", "a", "b", "a", "b", "c"):
        crowd.come(client)
    await settle()
    assert sorted(crowd.inside) == ["a", "a", "b", "b"]
    crowd.leave("a")
    crowd.leave("b")
    await settle()
    assert "c" in crowd.inside


async def test_who_no_longer_waits_takes_no_turn(crowd: Crowd):
    for client in ("a", "a", "a", "b"):
        crowd.come(client)
    await settle()
    waiting = crowd.come("c")
    crowd.come("d")
    await settle()
    waiting.cancel()
    crowd.leave("b")
    await settle()
    assert sorted(crowd.inside) == ["a", "a", "a", "d"]


async def test_a_turn_that_is_given_and_given_up_at_once_is_given_on(crowd: Crowd):
    for client in ("a", "a", "a", "b"):
        crowd.come(client)
    await settle()
    waiting = crowd.come("c")
    crowd.come("d")
    await settle()
    crowd.leave("b")
    await asyncio.sleep(0)
    waiting.cancel()
    await settle()
    assert sorted(crowd.inside) == ["a", "a", "a", "d"]


async def test_many_that_stop_waiting_at_once_are_passed_over(crowd: Crowd):
    for client in ("a", "a", "a", "b"):
        crowd.come(client)
    await settle()
    waiting = [crowd.come(client) for client in ("c", "c", "d", "b", "b") for _ in range(3)]
    crowd.come("e")
    await settle()
    for task in [*crowd.tasks[:4], *waiting]:
        task.cancel()
    done = await asyncio.gather(*waiting, *crowd.tasks[:4], return_exceptions=True)
    assert {type(each) for each in done} == {asyncio.CancelledError}
    await settle()
    assert crowd.inside == ["e"]
    for _ in range(3):
        crowd.come("f")
    await settle()
    assert sorted(crowd.inside) == ["e", "f", "f", "f"]
