"""The endpoints by which nodes register, and by which anybody can draw an epoch again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mix_network.directory.epochs import EpochBook
from mix_network.directory.inquiry import NodeInquiry, reason_of
from mix_network.directory.options import ListedNode
from mix_network.directory.proposal import describe_draw
from mix_network.directory.registry import NodeRegistry
from mix_network.directory.state import KnownNode
from mix_network.errors import NodeUnanswered, RegistrationRefused
from mix_protocol.codec import base58
from mix_protocol.codec.json import encode_json
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.node_api.announcement import ANNOUNCEMENT_PATH, Announcement
from mix_protocol.topology.described import NodeDescription

_MAX_BODY_LENGTH: Final = 4096
_MAX_UNDER_WAY: Final = 64

logger = logging.getLogger(__name__)
_CRASHES = CrashLog(logger)


class Registration:
    """Takes announcements: checks the signature, asks the node, and registers what it says.

    current_epoch -- gives the epoch of this moment
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        registry: NodeRegistry,
        inquiry: NodeInquiry,
        epochs: EpochBook,
        *,
        wall_clock: Callable[[], float],
        current_epoch: Callable[[], int],
    ) -> None:
        self._crypto = crypto
        self._registry = registry
        self._inquiry = inquiry
        self._epochs = epochs
        self._wall_clock = wall_clock
        self._current_epoch = current_epoch
        self._under_way: set[bytes] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """To be served under `/api`."""
        return [
            Route(f"/{ANNOUNCEMENT_PATH}", self._announce, methods=["POST"]),
            Route("/v1/mix-network/epochs/{epoch_id:int}", self._epoch, methods=["GET"]),
        ]

    def look_again(self, identity: bytes) -> None:
        """A registered node says that it has changed: it is asked soon."""
        node = self._registry.find(identity)
        if node is not None and identity not in self._under_way and len(self._under_way) < _MAX_UNDER_WAY:
            self._under_way.add(identity)
            task = asyncio.create_task(self._ask_again(node))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask_again(self, node: KnownNode) -> None:
        try:
            with _CRASHES.isolated("one question to a node"), contextlib.suppress(MixError):
                description = await self._inquiry.ask(node.identity, node.host, node.http_port)
                self._registry.answered(node.identity, description, self._wall_clock())
        finally:
            self._under_way.discard(node.identity)

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _announce(self, request: Request) -> Response:
        with _CRASHES.isolated("one announcement of a node"):
            try:
                announcement = Announcement.decode(await _read(request))
                announcement.check(self._crypto, self._wall_clock())
                return await self._register(announcement)
            except RegistrationRefused as error:
                return _refusal(str(error), int(str(error.fields["status"])))
            except NodeUnanswered as error:
                return _refusal(str(error), 424)
            except PeerMisbehaved as error:
                return _refusal(reason_of(error), 400)
        return _refusal("the directory has failed at this request", 500)

    async def _register(self, announcement: Announcement) -> Response:
        identity = announcement.identity
        self._registry.admit(identity, announcement.host)
        if identity in self._under_way or len(self._under_way) >= _MAX_UNDER_WAY:
            return _refusal("nodes are being asked already; announce it again in a while", 429)
        self._under_way.add(identity)
        try:
            description = await self._inquiry.ask(identity, announcement.host, announcement.http_port)
        finally:
            self._under_way.discard(identity)
        node = self._take(identity, announcement.host, announcement.http_port, description)
        return Response(encode_json({"node_id": node.node_id}), media_type="application/json")

    async def ask_listed(self, nodes: Iterable[ListedNode]) -> None:
        """Register those whom the directory's operator has listed, as far as they answer and are not known yet."""
        await asyncio.gather(*map(self._ask_listed, nodes))

    async def ask_named(self, nodes: Iterable[ListedNode]) -> None:
        """Register nodes that another directory knows, as far as they may be and answer; not many at once."""
        unknown = (node for node in nodes if self._registry.find(node.identity) is None and self._admits(node))
        await asyncio.gather(*map(self._ask_listed, islice(unknown, _MAX_UNDER_WAY)))

    def _admits(self, node: ListedNode) -> bool:
        with contextlib.suppress(RegistrationRefused):
            self._registry.admit(node.identity, node.host)
            return True
        return False

    async def _ask_listed(self, node: ListedNode) -> None:
        if self._registry.find(node.identity) is not None:
            return
        with _CRASHES.isolated("one question to a node"):
            try:
                description = await self._inquiry.ask(node.identity, node.host, node.http_port)
            except MixError as error:
                logger.info("a listed node does not answer as it should: %s", error)
                return
            self._take(node.identity, node.host, node.http_port, description)

    def _take(self, identity: bytes, host: str, http_port: int, description: NodeDescription) -> KnownNode:
        is_new = self._registry.find(identity) is None
        node = self._registry.register(identity, host, http_port, description, self._wall_clock())
        if is_new:
            logger.info("node %d has registered: %s", node.node_id, base58.encode(identity))
        return node

    async def _epoch(self, request: Request) -> Response:
        with _CRASHES.isolated("one request for an epoch"):
            return self._answer_epoch(request.path_params["epoch_id"])
        return _refusal("the directory has failed at this request", 500)

    def _answer_epoch(self, epoch_id: int) -> Response:
        current = self._current_epoch()
        if epoch_id == current + 1:
            commitment = self._epochs.commitment(epoch_id).hex()
            return JSONResponse({"epoch_id": epoch_id, "seed_sha256": commitment})
        record = None
        if epoch_id == current:
            record = self._epochs.record(epoch_id)
        elif epoch_id < current:
            record = self._epochs.past(epoch_id)
        if record is None:
            return _refusal("there is no such epoch", 404)
        answer = {
            **describe_draw(record),
            "seed_sha256": hashlib.sha256(record.seed).hexdigest(),
            "rewarded_set": record.rewarded,
        }
        return Response(encode_json(answer), media_type="application/json")


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BODY_LENGTH:
            raise RegistrationRefused("that is too long for an announcement", status=413, why="")
    return bytes(body)


def _refusal(message: str, status: int) -> Response:
    return JSONResponse({"message": message}, status)
