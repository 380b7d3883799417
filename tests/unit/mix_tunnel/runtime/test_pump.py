"""The engine's clockwork goes on when a part of the work fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from support.virtual_time import virtual_time

from mix_tunnel.runtime.pump import CRASH_PAUSE_S, MOST_CRASHES_IN_A_ROW, EnginePump

pytestmark = pytest.mark.expects_crashes


class Engine:
    """What the pump sees of an engine; `failing` names the methods that raise."""

    is_paced = True

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.received: list[bytes] = []
        self.turns = 0
        self.events: list[str] = []

    def _maybe_fail(self, name: str) -> None:
        if name in self.failing:
            raise ZeroDivisionError("10.0.0.1")

    def note_lag(self, lag_s: float) -> None:
        pass

    def note_absence(self, absent_s: float) -> None:
        pass

    def note_waiting(self, waiting: int, now: float) -> None:
        pass

    def receive_pushed(self, payload: bytes, now: float) -> bool:
        self._maybe_fail("receive_pushed")
        self.received.append(payload)
        return True

    def packets_to_send(self, now: float, *, waiting: int) -> list[str]:
        self.turns += 1
        self._maybe_fail("packets_to_send")
        return ["packet"]

    def departing(self, now: float, *, waiting: int) -> list[str]:
        self._maybe_fail("departing")
        return []

    @property
    def departs_at(self) -> float | None:
        return 1e9 if "prepare_ahead" in self.failing else None

    def prepare_ahead(self, now: float) -> bool:
        self._maybe_fail("prepare_ahead")
        return False

    def handle_timeout(self, now: float) -> None:
        self._maybe_fail("handle_timeout")

    def next_timeout(self) -> float | None:
        return 0.0 if "handle_timeout" in self.failing else None

    def next_event(self) -> str | None:
        return self.events.pop(0) if self.events else None


class Sink:
    waiting = 0

    def __init__(self) -> None:
        self.sent = 0

    def send_packets(self, packets: Sequence[Any]) -> None:
        self.sent += len(packets)


class Subject:
    def __init__(self) -> None:
        self.engine, self.sink = Engine(), Sink()
        self.heard: list[str] = []
        self.crashes: list[Exception] = []
        loop = asyncio.get_running_loop()
        self.pump = EnginePump(self.engine, loop.time, self._hear, self.crashes.append)  # type: ignore[arg-type]
        self.pump.attach(self.sink)

    def _hear(self, event: Any) -> None:
        if event == "bad":
            raise ZeroDivisionError
        self.heard.append(event)


@virtual_time
async def test_a_payload_that_cannot_be_handled_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    subject = Subject()
    subject.engine.failing = {"receive_pushed"}
    for _ in range(1000):
        subject.pump.receive_pushed(b"poison")
    subject.engine.failing.clear()
    subject.pump.receive_pushed(b"good")
    await asyncio.sleep(0.01)
    assert subject.engine.received == [b"good"]
    assert subject.sink.sent == 1
    assert subject.crashes == []
    assert len(caplog.records) == 1
    assert "10.0.0.1" not in caplog.text


@virtual_time
@pytest.mark.parametrize("part", ["packets_to_send", "handle_timeout", "departing"])
async def test_a_turn_that_fails_is_not_the_last(part: str, caplog: pytest.LogCaptureFixture) -> None:
    subject = Subject()
    subject.engine.failing = {part}
    await asyncio.sleep(20 * CRASH_PAUSE_S)
    subject.pump.wake()
    assert subject.engine.turns <= 25  # it does not spin
    subject.engine.failing.clear()
    before = subject.sink.sent
    await asyncio.sleep(2 * CRASH_PAUSE_S)
    assert subject.sink.sent > before
    assert subject.crashes == []
    assert len(caplog.records) == 1


@virtual_time
async def test_an_event_that_cannot_be_handled_does_not_hide_the_next() -> None:
    subject = Subject()
    subject.engine.events = ["bad", "good"]
    await asyncio.sleep(2 * CRASH_PAUSE_S)
    assert subject.heard == ["good"]


@virtual_time
async def test_what_fails_for_too_long_stops() -> None:
    subject = Subject()
    subject.engine.failing = {"packets_to_send"}
    await asyncio.sleep((MOST_CRASHES_IN_A_ROW + 10) * CRASH_PAUSE_S)
    assert [type(crash) for crash in subject.crashes] == [ZeroDivisionError]
