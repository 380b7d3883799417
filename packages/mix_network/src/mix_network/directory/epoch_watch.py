"""Sees that each epoch is drawn when it begins, and says why if it can't be. No clock of its own.

The rules for an epoch that is stuck:

- it is tried again and again, for as long as it lasts, and published as soon as it is drawn;
- meanwhile the documents are those of the last epoch that was drawn, for `MOST_EPOCHS_LATE` epochs and never longer
  than nodes take packets for its keys (`RotationSchedule.serves_until`). Nodes and clients need not know: they go on;
- after that they are of the epoch that goes on by the clock, with empty layers, which clients and nodes refuse: they
  keep what they have, until its keys are of no use any more;
- seeds and draws are on the disk, so a directory that was restarted, or whose clock went back, says what it has said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from mix_network.directory.epochs import EpochBook
from mix_network.rotation import RotationSchedule
from mix_protocol.crash_log import CrashLog

_LOOK_S: Final = 60.0
_HASTY_LOOK_S: Final = 1.0
_JUMP_S: Final = 5.0

logger = logging.getLogger(__name__)
_CRASHES = CrashLog(logger)


class EpochWatch:
    """Watches the epochs of one directory.

    why -- says what an epoch that is not drawn waits for
    """

    def __init__(
        self, epochs: EpochBook, schedule: RotationSchedule, wall_clock: Callable[[], float], why: Callable[[], str]
    ) -> None:
        self._epochs = epochs
        self._schedule = schedule
        self._wall_clock = wall_clock
        self._why = why
        self._clocks: tuple[float, float] | None = None
        self._was_drawn = False
        self._told_epoch: int | None = None

    async def run(self) -> None:
        """Look at every beginning of an epoch, and more often while one is stuck, for as long as this runs."""
        loop = asyncio.get_running_loop()
        while True:
            wait_s = _HASTY_LOOK_S
            with _CRASHES.isolated("the draw of an epoch"):
                wait_s = self.look(loop.time())
            await asyncio.sleep(wait_s)

    def look(self, now: float) -> float:
        """Draw the epoch that goes on, if it can be; gives the seconds until the next look. `now` is monotonic."""
        wall_s = self._wall_clock()
        self._note_jump(now, wall_s)
        epoch_id = self._schedule.epoch_at(wall_s)
        until_next_s = max(0.01, self._schedule.epoch_start(epoch_id + 1) - wall_s)
        if self._epochs.drawn(epoch_id) is not None:
            if self._told_epoch is not None:
                logger.info("epoch %d is drawn", epoch_id)
            self._told_epoch, self._was_drawn = None, True
            return min(_LOOK_S, until_next_s)
        if self._told_epoch != epoch_id and until_next_s < self._schedule.epoch_duration_s - _HASTY_LOOK_S:
            self._tell(epoch_id)
        return min(_HASTY_LOOK_S, until_next_s)

    def status(self) -> dict[str, Any]:
        """Which epoch it is by the clock, which one the documents are of, and what the other waits for; JSON-able."""
        epoch_id = self._schedule.epoch_at(self._wall_clock())
        published = self._epochs.published(epoch_id)
        is_drawn = self._epochs.drawn(epoch_id) is not None
        return {
            "epoch_id": epoch_id,
            "published_epoch_id": published,
            "waits_for": None if is_drawn else self._why(),
            "serves_until": None if is_drawn or published == epoch_id else self._schedule.serves_until(published),
        }

    def _tell(self, epoch_id: int) -> None:
        self._told_epoch = epoch_id
        published = self._epochs.published(epoch_id)
        # Before the first draw a network is still coming together.
        level = logging.WARNING if self._was_drawn or published != epoch_id else logging.INFO
        meanwhile = f"that of epoch {published} serves" if published != epoch_id else "nobody has a job"
        logger.log(level, "epoch %d can't be drawn, and %s meanwhile: %s", epoch_id, meanwhile, self._why())

    def _note_jump(self, now: float, wall_s: float) -> None:
        if self._clocks is not None:
            jump_s = (wall_s - self._clocks[1]) - (now - self._clocks[0])
            if abs(jump_s) > _JUMP_S:
                logger.warning(
                    "this machine's clock has jumped by %.0f s, and epochs with it; nodes and clients count by theirs",
                    jump_s,
                )
        self._clocks = now, wall_s
