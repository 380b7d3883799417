"""A node's life with its directories: it stays registered, and follows who is in the network."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from mix_network.errors import DirectoryUnreachable, RegistrationRefused
from mix_network.node.directory_client import DirectoryClient, NetworkPicture
from mix_network.rotation import RotationSchedule
from mix_network.storage.node_state import StoredDocuments
from mix_network.unhurried import unhurried
from mix_protocol.crypto.randomness import RandomBytes, exponential
from mix_protocol.errors import MixError
from mix_protocol.node_api.announcement import Announcement

_REFRESH_S: Final = 60.0
_LEAST_REFRESH_S: Final = 1.0
"""Whatever strangers send: the directory is not asked more often."""
_ANNOUNCE_S: Final = 600.0
_RETRY_S: Final = (0.5, 30.0)

logger = logging.getLogger(__name__)


class Membership:
    """Asks and tells the directories.

    schedule -- follows what they say of epochs
    documents -- their last answers, for a start while none of them answers
    announcement -- makes one of this moment
    """

    def __init__(
        self,
        directories: DirectoryClient,
        documents: StoredDocuments,
        schedule: RotationSchedule,
        *,
        announcement: Callable[[], Announcement],
        random: RandomBytes,
        wall_clock: Callable[[], float],
    ) -> None:
        self._directories = directories
        self._documents = documents
        self._schedule = schedule
        self._announcement = announcement
        self._random = random
        self._wall_clock = wall_clock
        self._is_to_announce = asyncio.Event()
        self._lacks_news = asyncio.Event()

    def announce_soon(self) -> None:
        """What the node tells has changed."""
        self._is_to_announce.set()

    def refresh_soon(self) -> None:
        """Something that the picture of the network does not have was seen."""
        self._lacks_news.set()

    async def first_picture(self, stopped: asyncio.Event) -> NetworkPicture | None:
        """By a directory; or that of the last run, when none answers: who knows the epochs can work.

        None if the node is to stop before it gets one.
        """
        pause_s, is_told = _RETRY_S[0], False
        while not stopped.is_set():
            try:
                return await self._ask()
            except MixError as error:
                kept = self._documents.load()
                if kept:
                    with contextlib.suppress(MixError, ValueError, KeyError):
                        picture = await unhurried(NetworkPicture.decode_in_steps(kept))
                        self._schedule.follow(picture.rotation)
                        logger.warning("no directory answers (%s); the network of the last run is used", error)
                        return picture
                if not is_told:
                    logger.warning("waiting for a directory: %s (%s)", error, error.fields.get("why", error.code))
                    is_told = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), pause_s)
            pause_s = min(2 * pause_s, _RETRY_S[1])
        return None

    async def stay_registered(self) -> None:
        """Announce the node, now and then again, and when its keys change."""
        pause_s = _RETRY_S[0]
        is_known = False
        while True:
            self._is_to_announce.clear()
            try:
                await self._directories.announce(self._announcement())
                if not is_known:
                    logger.info("the directory knows this node")
                    self._lacks_news.set()  # the picture was taken when the node was not in it yet
                is_known, pause_s = True, _RETRY_S[0]
                wait_s = min(_ANNOUNCE_S, self._schedule.epoch_duration_s / 2)
            except RegistrationRefused as error:
                logger.error("%s", error)
                is_known, wait_s = False, _RETRY_S[1]
            except DirectoryUnreachable as error:
                logger.log(logging.WARNING if is_known else logging.INFO, "not announced: %s", error.fields.get("why"))
                is_known, wait_s, pause_s = False, pause_s, min(2 * pause_s, _RETRY_S[1])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_to_announce.wait(), wait_s)

    async def follow(self, take: Callable[[NetworkPicture], None]) -> None:
        """Ask who is in the network, when an epoch begins, and now and then; each answer goes to `take`."""
        pause_s, wait_s = _RETRY_S[0], self._until_refresh()
        while True:
            await asyncio.sleep(min(wait_s, _LEAST_REFRESH_S))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lacks_news.wait(), max(0.0, wait_s - _LEAST_REFRESH_S))
            self._lacks_news.clear()
            try:
                take(await self._ask())
                pause_s, wait_s = _RETRY_S[0], self._until_refresh()
            except MixError as error:
                logger.warning("the picture of the network is not refreshed: %s (%s)", error, error.fields.get("why"))
                wait_s, pause_s = pause_s, min(2 * pause_s, _RETRY_S[1])

    async def _ask(self) -> NetworkPicture:
        answers = await self._directories.documents()
        picture = await unhurried(NetworkPicture.decode_in_steps(answers))
        try:
            self._schedule.follow(picture.rotation)
        except ValueError as error:
            raise DirectoryUnreachable(why=str(error)) from None
        self._documents.keep(answers)
        return picture

    def _until_refresh(self) -> float:
        """Seconds until the next epoch has begun, or less. Nodes don't ask all at once."""
        wall_s, epoch_s = self._wall_clock(), self._schedule.epoch_duration_s
        until_next_s = self._schedule.epoch_start(self._schedule.epoch_at(wall_s) + 1) - wall_s
        late_s = min(exponential(self._random, min(1.0, epoch_s / 50)), epoch_s / 5)
        return min(_REFRESH_S, epoch_s / 4, max(0.0, until_next_s) + late_s) if until_next_s > 0 else late_s
