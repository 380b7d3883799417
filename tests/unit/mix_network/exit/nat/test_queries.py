"""DNS queries under way."""

import asyncio

import pytest

from mix_network.exit.nat import queries
from mix_network.exit.nat.queries import Queries

ALICE, BOB, CAROL = (bytes((10, 0, 0, number)) for number in (2, 3, 4))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MAX_QUERIES", 5)
    monkeypatch.setattr(queries, "MAX_CLIENT_QUERIES", 4)


async def never() -> None:
    await asyncio.Event().wait()


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_flood_of_one_client_leaves_room_for_others(few: None):
    under_way, ended = Queries(), []

    async def answer(name: str) -> None:
        try:
            await never()
        finally:
            ended.append(name)

    for number in range(10):
        under_way.start(ALICE, answer(f"alice {number}"))
    under_way.start(BOB, answer("bob"))
    await settle()
    assert len(under_way) == 5
    under_way.start(CAROL, answer("carol"))
    await settle()
    assert ended == ["alice 0"]
    assert len(under_way) == 5
    await under_way.close()
    assert len(under_way) == 0


async def test_what_is_answered_makes_room(few: None):
    under_way = Queries()
    for _ in range(8):
        under_way.start(ALICE, asyncio.sleep(0))
        await settle()
    assert len(under_way) == 0


async def test_a_client_that_is_gone_gets_no_answer(few: None):
    under_way, answered = Queries(), []

    async def answer(name: str) -> None:
        await asyncio.sleep(0)
        answered.append(name)

    under_way.start(ALICE, answer("alice"))
    under_way.start(BOB, answer("bob"))
    under_way.drop_client(ALICE)
    await settle()
    assert answered == ["bob"]
    assert len(under_way) == 0
