"""Moves packets between the engine and the entry gateway, and wakes the engine when its time has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from mix_protocol.crash_log import CrashLog
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_tunnel.engine import EngineEvent, TunnelEngine
from mix_tunnel.runtime.presence import present_clock

MIN_SLEEP_S = 0.001
"""A machine that wants to be woken at once, again and again, must leave time for others."""
FIRST_GUESS_S = 0.002
LONGEST_PIECE_S = 0.01
"""What one piece of preparing takes: as assumed at first, and at most."""
LONGEST_PREPARING_S = 0.002
"""How long pieces are done one after the other before other tasks get their turn."""
CRASH_PAUSE_S = 0.05
MOST_CRASHES_IN_A_ROW = 200
"""A machine of which a part has failed in every run for ten seconds does not heal."""


class PacketSink(Protocol):
    """Where packets for the entry gateway go; `waiting` of them have not left yet."""

    @property
    def waiting(self) -> int: ...

    def send_packets(self, packets: Sequence[MixPacket]) -> None: ...


class EnginePump:
    """Drains the engine and re-arms one timer, each time that something has happened.

    Packets whose random moment has come leave before anything else is done. What takes time, building packets that
    leave later, is done piece by piece between those moments, and none is begun that would reach into the next one.

    What the engine must not take for the silence of others, it is told: the time in which this process was away.

    An exception that nobody expected costs the payload, the event or the turn in which it happened. Only when every
    turn for a while has ended so, the pump stops.

    now -- monotonic clock, in seconds
    on_event -- called with each of the engine's events
    on_crash -- called once with the last exception; the pump has stopped then
    """

    def __init__(
        self,
        engine: TunnelEngine,
        now: Callable[[], float],
        on_event: Callable[[EngineEvent], None],
        on_crash: Callable[[Exception], None],
    ) -> None:
        self._engine = engine
        self._now = now
        self._on_event = on_event
        self._on_crash = on_crash
        self._loop = asyncio.get_running_loop()
        self._sink: PacketSink | None = None
        self._scheduled: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._preparing: asyncio.Handle | None = None
        self._piece_s = FIRST_GUESS_S
        self._presence = present_clock()
        self._presence.hold()
        self._presence.on_lag.add(self._engine.note_lag)
        self._stopped = False
        self._crashes = CrashLog(logging.getLogger(__name__))
        self._crashes_in_a_row = 0
        self._is_pausing = False

    def attach(self, sink: PacketSink) -> None:
        """Let packets go to a gateway."""
        self._sink = sink
        self.wake()

    def detach(self) -> None:
        """The gateway is gone; time goes on."""
        self._sink = None

    def receive_pushed(self, payload: bytes) -> None:
        """Hand a pushed payload to the engine; what follows from it is done together with what else has come."""
        if self._stopped:
            return
        has_work = True
        with self._crashes.isolated("the handling of one packet that came in"):
            self._engine.note_absence(self._presence.absent_s)
            has_work = self._engine.receive_pushed(payload, self._now())
        with self._crashes.isolated("the sending of packets between two that came in"):
            # What has departed is to be replaced.
            has_work = self._send_departing(self._now()) or has_work
        if has_work:
            self.wake()

    def wake(self) -> None:
        """Run soon; to be called whenever the engine may have something to send. Many calls make one run."""
        if self._scheduled is None and not self._stopped and not self._is_pausing:
            self._scheduled = self._loop.call_soon(self._run)

    def stop(self) -> None:
        """Never run again."""
        if not self._stopped:
            self._presence.release()
            self._presence.on_lag.discard(self._engine.note_lag)
        self._stopped = True
        for handle in (self._scheduled, self._timer, self._preparing):
            if handle is not None:
                handle.cancel()
        self._scheduled = self._timer = self._preparing = self._sink = None

    def _run(self) -> None:
        self._scheduled = None
        self._is_pausing = False
        self._engine.note_absence(self._presence.absent_s)
        now = self._now()
        crash: Exception | None = None
        parts: tuple[Callable[[float], object], ...] = (
            self._send_departing,
            self._let_time_pass,
            self._send_packets,
            self._tell_events,
        )
        for part in parts:
            try:
                part(now)
            except Exception as error:
                self._crashes.note(error, "one turn of the tunnel's work")
                crash = error
        if crash is None:
            self._crashes_in_a_row = 0
            self._arm()
            if self._preparing is None:
                self._prepare()
        else:
            self._pause_after(crash)

    def _send_departing(self, now: float) -> bool:
        """Send what has its moment now; whether there was anything."""
        if self._sink is None:
            return False
        packets = self._engine.departing(now, waiting=self._sink.waiting)
        self._send(packets, now)
        return bool(packets)

    def _let_time_pass(self, now: float) -> None:
        deadline = self._engine.next_timeout()
        if deadline is not None and deadline <= now:
            self._engine.handle_timeout(now)

    def _send_packets(self, now: float) -> None:
        if self._sink is not None:
            packets = self._engine.packets_to_send(now, waiting=self._sink.waiting)
            self._send(packets, now)
            if packets and not self._engine.is_paced:
                self.wake()  # more may wait for the room that they left

    def _send(self, packets: Sequence[MixPacket], now: float) -> None:
        if packets and self._sink is not None:
            self._sink.send_packets(packets)
            self._engine.note_waiting(self._sink.waiting, now)

    def _tell_events(self, now: float) -> None:
        while (event := self._engine.next_event()) is not None:
            self._on_event(event)

    def _arm(self) -> None:
        """Set the timer for the next deadline; one that comes before it is left alone and sets itself anew then."""
        deadline = None if self._stopped else self._engine.next_timeout()
        if deadline is None or (self._timer is not None and self._timer_at <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        left_s = deadline - self._now()
        self._timer_at = deadline
        self._timer = self._loop.call_later(left_s if left_s > 0 else MIN_SLEEP_S, self._take_timer)

    def _take_timer(self) -> None:
        self._timer = None
        deadline = self._engine.next_timeout()
        if deadline is None or deadline > self._now():
            self._arm()  # timers of browsers come early by up to two milliseconds
            return
        with self._crashes.isolated("the sending of packets whose moment has come"):
            self._send_departing(self._now())
        # The rest in a turn of its own, also because browsers delay timers that were set by timers.
        self.wake()

    def _prepare_soon(self) -> None:
        if self._preparing is None and not self._stopped:
            self._preparing = self._loop.call_soon(self._prepare)

    def _prepare(self) -> None:
        """Do pieces of work for what leaves later, until there are none or it is time for others' turns."""
        self._preparing = None
        began = started = self._now()
        while started - began < LONGEST_PREPARING_S:
            departs_at = self._engine.departs_at
            if self._sink is None or departs_at is None or departs_at - started < self._piece_s:
                return  # what departs comes first; the turn after it goes on here
            is_unfinished = False
            with self._crashes.isolated("the preparing of packets"):
                is_unfinished = self._engine.prepare_ahead(started)
            if not is_unfinished:
                return
            ended = self._now()
            took_s = min(ended - started, LONGEST_PIECE_S)
            # Pieces are not all alike: what the longest took lately is what the next one may take.
            self._piece_s = max(took_s, self._piece_s + (took_s - self._piece_s) / 8)
            started = ended
        self._prepare_soon()

    def _pause_after(self, crash: Exception) -> None:
        self._crashes_in_a_row += 1
        if self._crashes_in_a_row >= MOST_CRASHES_IN_A_ROW:
            self.stop()
            self._on_crash(crash)
        elif not self._stopped:
            self._is_pausing = True
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = float("-inf")  # nothing is earlier
            self._timer = self._loop.call_later(CRASH_PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        self._run()
