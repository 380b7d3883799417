"""The pump's order of work: packets whose moment has come leave first, and building others never delays them."""

import asyncio
from typing import Any, cast

from support.virtual_time import VirtualTimeLoop, virtual_time

from mix_tunnel.runtime.pump import EnginePump


class SlowEngine:
    """Departures at known moments, and work that takes time."""

    is_paced = True
    matters = True

    def __init__(self, departures: list[float], *, piece_s: float, pieces: int, receive_s: float = 0.0) -> None:
        self.departures = departures
        self.piece_s = piece_s
        self.pieces = pieces
        self.receive_s = receive_s
        self.loop = cast(VirtualTimeLoop, asyncio.get_running_loop())
        self.late: list[float] = []
        self.log: list[str] = []

    def now(self) -> float:
        return self.loop.time()

    @property
    def departs_at(self) -> float | None:
        return self.departures[0] if self.departures else None

    def departing(self, now: float, *, waiting: int = 0) -> list[Any]:
        due = []
        while self.departures and self.departures[0] <= now:
            self.late.append(now - self.departures.pop(0))
            due.append("packet")
        self.log += ["depart"] * len(due)
        return due

    def packets_to_send(self, now: float, *, waiting: int = 0) -> list[Any]:
        self.log.append("feed")
        return self.departing(now)

    def prepare_ahead(self, now: float) -> bool:
        if not self.pieces:
            return False
        self.pieces -= 1
        self.loop.be_busy(self.piece_s)
        return True

    def note_lag(self, lag_s: float) -> None:
        pass

    def note_absence(self, absent_s: float) -> None:
        pass

    def note_waiting(self, waiting: int, now: float) -> None:
        pass

    def receive_pushed(self, payload: bytes, now: float) -> bool:
        self.loop.be_busy(self.receive_s)
        self.log.append("receive")
        return self.matters

    def next_event(self) -> None:
        return None

    def next_timeout(self) -> float | None:
        return self.departs_at

    def handle_timeout(self, now: float) -> None:
        self.log.append("time-out")


class Sink:
    waiting = 0

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send_packets(self, packets: Any) -> None:
        self.sent += packets


def crash(error: Exception) -> None:
    raise AssertionError("the pump crashed") from error


def start(engine: Any) -> tuple[EnginePump, Sink]:
    pump = EnginePump(engine, engine.now, lambda event: None, crash)
    sink = Sink()
    pump.attach(sink)
    return pump, sink


@virtual_time
async def test_no_piece_of_preparing_is_begun_that_would_reach_into_a_departure():
    began = asyncio.get_running_loop().time()
    engine = SlowEngine([began + 0.05 * n for n in range(1, 20)], piece_s=0.004, pieces=10_000)
    pump, sink = start(engine)
    await asyncio.sleep(2.0)
    pump.stop()
    assert len(sink.sent) == 19
    assert max(engine.late[2:]) < 0.001  # how long a piece takes is learnt from the first ones
    assert engine.pieces < 10_000


@virtual_time
async def test_packets_leave_amid_much_that_comes_and_before_anything_else_of_a_turn():
    began = asyncio.get_running_loop().time()
    engine = SlowEngine([began + 0.0035, began + 0.0085], piece_s=0.0, pieces=0, receive_s=0.001)
    pump, sink = start(engine)
    await asyncio.sleep(0)
    engine.log.clear()
    for _ in range(10):
        pump.receive_pushed(b"payload")
    assert engine.log == [*["receive"] * 4, "depart", *["receive"] * 5, "depart", "receive"]
    assert len(sink.sent) == 2
    pump.stop()


@virtual_time
async def test_without_a_connection_nothing_is_built_and_nothing_leaves():
    engine = SlowEngine([asyncio.get_running_loop().time() + 0.01], piece_s=0.001, pieces=5)
    pump = EnginePump(engine, engine.now, lambda event: None, crash)  # type: ignore[arg-type]
    pump.receive_pushed(b"payload")
    await asyncio.sleep(0.005)
    pump.stop()
    assert engine.pieces == 5
    assert engine.late == []


@virtual_time
async def test_a_timer_that_comes_early_does_not_run_everything():
    """As browsers' timers do, by up to two milliseconds."""
    loop = asyncio.get_running_loop()
    engine = SlowEngine([loop.time() + 0.02], piece_s=0.0, pieces=0)
    pump, sink = start(engine)
    await asyncio.sleep(0)
    engine.log.clear()
    pump._take_timer()
    assert engine.log == []
    assert sink.sent == []
    await asyncio.sleep(0.03)
    assert engine.log[0] == "depart"
    assert len(sink.sent) == 1
    pump.stop()


@virtual_time
async def test_cover_that_comes_back_wakes_nobody():
    loop = asyncio.get_running_loop()
    engine = SlowEngine([loop.time() + 1.0], piece_s=0.0, pieces=0)
    pump, _ = start(engine)
    await asyncio.sleep(0.1)
    engine.log.clear()
    engine.matters = False
    pump.receive_pushed(b"cover")
    await asyncio.sleep(0.1)
    assert engine.log == ["receive"]
    engine.matters = True
    pump.receive_pushed(b"data")
    await asyncio.sleep(0.1)
    assert engine.log == ["receive", "receive", "feed"]
    pump.stop()


@virtual_time
async def test_an_earlier_deadline_is_not_slept_through():
    """The timer is set once for a deadline; it is set anew where an earlier one has come up, and only then."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    engine = SlowEngine([began + 5.0], piece_s=0.0, pieces=0)
    pump, sink = start(engine)
    await asyncio.sleep(0.1)
    timer = pump._timer
    pump.wake()
    await asyncio.sleep(0.1)
    assert pump._timer is timer
    engine.departures.insert(0, began + 1.0)
    pump.wake()
    await asyncio.sleep(1.0)
    assert len(sink.sent) == 1
    assert max(engine.late) < 0.001
    await asyncio.sleep(5.0)
    assert len(sink.sent) == 2
    pump.stop()


@virtual_time
async def test_preparing_leaves_others_their_turn():
    loop = asyncio.get_running_loop()
    engine = SlowEngine([loop.time() + 1.0], piece_s=0.0005, pieces=40)
    pump, _ = start(engine)
    turns = 0
    while engine.pieces:
        await asyncio.sleep(0)
        turns += 1
    assert 5 <= turns <= 40
    pump.stop()


@virtual_time
async def test_what_departs_between_two_that_come_is_replaced():
    loop = asyncio.get_running_loop()
    engine = SlowEngine([loop.time() + 0.0105, loop.time() + 1.0], piece_s=0.0001, pieces=0, receive_s=0.02)
    engine.matters = False
    pump, sink = start(engine)
    await asyncio.sleep(0.01)
    engine.pieces = 3
    pump.receive_pushed(b"cover")
    assert len(sink.sent) == 1
    await asyncio.sleep(0.01)
    assert engine.pieces == 0
    pump.stop()
