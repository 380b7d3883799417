"""A directory's life with the others: it proposes snapshots or takes theirs, and signs what it finds to be so.

Each epoch has an order of the directories, which changes from epoch to epoch. The first one that is there draws the
epoch and proposes snapshots of it; the others countersign, and serve what a quorum has signed. Nobody waits for a vote:
whoever is away, or whose proposals nobody signs, is passed over after a while. Clients may ask any of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mix_network.directory.countersigning import OwnView, examine
from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.epochs import EpochBook
from mix_network.directory.peers import (
    COUNTERSIGN_PATH,
    STATEMENT_PATH,
    CountersignRefused,
    DirectoryPeer,
    DirectoryStatement,
    PeerClient,
)
from mix_network.directory.proposal import Draw, Proposal, make_snapshot
from mix_network.directory.registered_node import RegisteredNode
from mix_network.directory.state import DirectoryState, EpochRecord
from mix_network.node_keys import IdentityKeys
from mix_network.rotation import RotationSchedule
from mix_network.unhurried import unhurried
from mix_protocol.codec import base58
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import MixError
from mix_protocol.topology.documents import MAX_DOCUMENT_LENGTH
from mix_protocol.topology.signed_snapshot import (
    SNAPSHOT_PATH,
    SignedSnapshot,
    SnapshotDocuments,
    SnapshotTrust,
)

_INTERVAL_S: Final = 60.0
_RETRY_S: Final = (0.5, 4.0)
_PATIENCE_S: Final = 10.0
"""For each directory that comes first in an epoch, where epochs are long; the others wait so long for it to propose."""
_TO_ASK_AT_ONCE: Final = 64
_BODIES_AT_ONCE: Final = 2

logger = logging.getLogger(__name__)
_CRASHES = CrashLog(logger)


@dataclass(frozen=True)
class Knowledge:
    """Where a directory's own view comes from.

    nodes -- all that have registered, as they describe themselves
    good -- identities of those that should get a job now
    ask_again -- asks nodes, by identity, at once
    meet -- told of every peer's statement: whom it knows, and its prober
    statement -- gives what this directory says of itself, but for the commitments
    """

    nodes: Callable[[], Sequence[RegisteredNode]]
    good: Callable[[], frozenset[bytes]]
    ask_again: Callable[[bytes], None]
    meet: Callable[[DirectoryPeer, DirectoryStatement], Awaitable[None]]
    statement: Callable[[], DirectoryStatement]


class SnapshotSigning:
    """Signs snapshots, alone or with others.

    keys -- this directory's own, by which clients know it
    quorum -- how many of all directories must sign; None for more than half
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        keys: IdentityKeys,
        peers: Sequence[DirectoryPeer],
        quorum: int | None,
        *,
        client: PeerClient,
        state: DirectoryState,
        documents: DirectoryDocuments,
        epochs: EpochBook,
        schedule: RotationSchedule,
        knowledge: Knowledge,
        wall_clock: Callable[[], float],
    ) -> None:
        self._crypto = crypto
        self._keys = keys
        self._peers = {peer.key: peer for peer in peers}
        self._everybody = (keys.public, *self._peers)
        self._quorum = quorum
        self._client = client
        self._state = state
        self._documents = documents
        self._epochs = epochs
        self._schedule = schedule
        self._knowledge = knowledge
        self._wall_clock = wall_clock
        self._bodies = asyncio.Semaphore(_BODIES_AT_ONCE)
        self._own_draw: EpochRecord | None = None
        self._served: SignedSnapshot | None = None
        self._why: dict[bytes, str] = {}
        self._logged = ""

    @property
    def why(self) -> str:
        """Why there is no snapshot of this epoch, for a person; empty when there is one."""
        served = self._served
        if served is not None and served.snapshot.epoch_id == self._schedule.epoch_at(self._wall_clock()):
            return ""
        told = [f"{base58.encode(key)[:8]}…: {why}" for key, why in self._why.items()]
        return "; ".join(told) or "no directory has drawn it yet"

    def status(self) -> dict[str, Any]:
        """Who has signed what is served, as JSON-able values."""
        served = self._served
        return {
            "key": base58.encode(self._keys.public),
            "directories": len(self._everybody),
            "quorum": self._trust().quorum,
            "signatures": len(served.signatures) if served is not None else 0,
            "signed_epoch_id": served.snapshot.epoch_id if served is not None else None,
        }

    def routes(self) -> list[Route]:
        """To be served under `/api`, at paths that clients of other kinds don't ask for."""
        return [
            Route(f"/{SNAPSHOT_PATH}", self._answer_snapshot, methods=["GET"]),
            Route(f"/{STATEMENT_PATH}", self._answer_statement, methods=["GET"]),
            Route(f"/{COUNTERSIGN_PATH}", self._answer_countersign, methods=["POST"]),
        ]

    async def run(self) -> None:
        """Keep a snapshot that is signed, for as long as this runs."""
        pause_s = _RETRY_S[0]
        while True:
            is_signed = False
            with _CRASHES.isolated("one round of signing"):
                await asyncio.gather(*map(self._meet, self._peers.values()))
                is_signed = await self._sign()
            if self._peers:  # alone, what is missing is told with the draw
                self._tell()
            interval_s = min(_INTERVAL_S, self._schedule.epoch_duration_s / 4)
            pause_s = _RETRY_S[0] if is_signed else min(2 * pause_s, interval_s, _RETRY_S[1])
            wall_s = self._wall_clock()
            until_next_s = self._schedule.epoch_start(self._schedule.epoch_at(wall_s) + 1) - wall_s
            await asyncio.sleep(min(interval_s if is_signed else pause_s, max(0.01, until_next_s)))

    # -- proposing, and taking what others have proposed

    async def _sign(self) -> bool:
        """Get a snapshot of this epoch that enough directories have signed; whether there is one."""
        wall_s = self._wall_clock()
        epoch = self._schedule.epoch_at(wall_s)
        self._why = {}
        elapsed_s = wall_s - self._schedule.epoch_start(epoch)
        patience_s = min(_PATIENCE_S, self._schedule.epoch_duration_s / 8)
        for place, key in enumerate(self._order(epoch)):
            if key != self._keys.public:
                is_signed = await self._take(self._peers[key], epoch)
            elif self._epochs.drawn(epoch) is None and await self._take_any(epoch):
                is_signed = True
            else:
                is_signed = await self._propose(epoch)
            if is_signed:
                return True
            if elapsed_s < patience_s * (place + 1):
                break
        return False

    async def _take_any(self, epoch: int) -> bool:
        """An epoch that others have drawn while this directory was away is not drawn again."""
        for peer in self._peers.values():
            if await self._take(peer, epoch):
                return True
        return False

    async def _propose(self, epoch: int) -> bool:
        record = self._epochs.drawn(epoch)
        if record is None:
            if self._own_draw is None or self._own_draw.epoch_id != epoch:
                drawn = self._epochs.propose(epoch)
                self._own_draw = replace(drawn, drawn_by=self._keys.public) if drawn is not None else None
            record = self._own_draw
        if record is None:
            self._why[self._keys.public] = self._epochs.lacks()
            return False
        drawn_by = record.drawn_by or self._keys.public
        snapshot = make_snapshot(self._documents, self._schedule, record, drawn_by, self._wall_clock())
        proposal = SignedSnapshot(snapshot, (snapshot.sign(self._crypto, self._keys.seed),))
        others = await asyncio.gather(*(self._have_signed(peer, proposal) for peer in self._peers.values()))
        signed = SignedSnapshot(snapshot, proposal.signatures + tuple(filter(None, others)))
        if len(signed.signatures) < self._trust().quorum:
            return False
        if record is self._own_draw and self._peers:
            self._epochs.adopt(record)
        self._served = signed
        return True

    async def _have_signed(self, peer: DirectoryPeer, proposal: SignedSnapshot) -> Any:
        try:
            return await self._client.countersign(peer, proposal)
        except CountersignRefused as error:
            self._why[peer.key] = f"it does not sign: {error.fields.get('why')}"
        except MixError as error:
            self._why[peer.key] = f"it does not answer: {error.fields.get('why', error.code)}"
        return None

    async def _take(self, peer: DirectoryPeer, epoch: int) -> bool:
        """Serve what another directory has had signed, and follow its draw."""
        try:
            signed = await self._client.snapshot(peer)
            if signed is None or signed.snapshot.epoch_id != epoch:
                self._why[peer.key] = "it has no snapshot of this epoch that enough directories have signed"
                return False
            await unhurried(self._trust().check_in_steps(signed, self._crypto, self._wall_clock()))
            self._follow(Draw.decode(SnapshotDocuments.decode(signed.snapshot.body).draw), epoch)
        except MixError as error:
            self._why[peer.key] = f"its snapshot can't be taken: {error.fields.get('why', error.code)}"
            return False
        self._served = signed
        return True

    def _follow(self, draw: Draw, epoch: int) -> None:
        """Let this directory's own documents follow a draw on which a quorum has agreed."""
        record = self._epochs.drawn(epoch)
        if record is not None and self._rank(epoch, record.drawn_by or self._keys.public) <= self._rank(
            epoch, draw.drawn_by
        ):
            return
        numbers = {node.identity: node.node_id for node in self._knowledge.nodes()}
        candidates = tuple(
            replace(each, node_id=numbers[each.identity]) for each in draw.candidates if each.identity in numbers
        )
        drawn = self._epochs.redraw(draw.seed, epoch, candidates)
        self._epochs.adopt(replace(drawn, drawn_by=draw.drawn_by))

    async def _meet(self, peer: DirectoryPeer) -> None:
        """Hear what another directory says of itself."""
        try:
            statement = await self._client.statement(peer)
            following = self._schedule.epoch_at(self._wall_clock()) + 1
            commitment = statement.commitment(following)
        except MixError as error:
            logger.debug("a directory says nothing of itself: %s", error.fields.get("why", error.code))
            return
        if commitment is not None:
            self._state.keep_commitment(peer.key, following, commitment)
        await self._knowledge.meet(peer, statement)

    def _trust(self) -> SnapshotTrust:
        return SnapshotTrust(self._everybody, self._quorum)

    def _order(self, epoch: int) -> list[bytes]:
        """Who comes first in an epoch: nobody can choose a key for all of them."""
        number = epoch.to_bytes(4, "big")
        return sorted(self._everybody, key=lambda key: hashlib.sha256(number + key).digest())

    def _rank(self, epoch: int, key: bytes) -> int:
        order = self._order(epoch)
        return order.index(key) if key in order else len(order)

    def _tell(self) -> None:
        """Log when there is no snapshot of this epoch, and when there is one again; each once."""
        why = self.why
        if why and why != self._logged:
            # Before the first one a network is still coming together.
            level = logging.INFO if self._served is None else logging.WARNING
            logger.log(level, "no snapshot of this epoch is signed: %s", why)
        elif not why and self._logged:
            logger.info("a snapshot of this epoch is signed")
        self._logged = why

    # -- what others ask

    async def _answer_snapshot(self, _: Request) -> Response:
        served = self._served
        if served is None or served.snapshot.valid_until < self._wall_clock():
            return _refusal(f"no snapshot is signed by enough directories: {self.why}", 503)
        return Response(served.encode(), media_type="application/x-ndjson")

    async def _answer_statement(self, _: Request) -> Response:
        with _CRASHES.isolated("one statement of this directory"):
            following = self._schedule.epoch_at(self._wall_clock()) + 1
            commitments = {str(following): self._epochs.commitment(following).hex()}
            statement = replace(self._knowledge.statement(), commitments=commitments)
            return Response(statement.encode(self._crypto, self._keys.seed), media_type="application/x-ndjson")
        return _refusal("the directory has failed at this request", 500)

    async def _answer_countersign(self, request: Request) -> Response:
        if self._bodies.locked():
            return _refusal("others ask already; try again in a moment", 429)
        with _CRASHES.isolated("one question of another directory"):
            async with self._bodies:
                try:
                    return await self._countersign(await _read(request))
                except MixError as error:
                    return _refusal(str(error), 400)
        return _refusal("the directory has failed at this request", 500)

    async def _countersign(self, body: bytes) -> Response:
        signed = SignedSnapshot.decode(body)
        snapshot = signed.snapshot
        proposer = next((each.key for each in signed.signatures if each.key in self._peers), None)
        if proposer is None:
            return _refusal("this directory signs with those alone that its operator has listed as peers", 403)
        # Nothing of it is read before that is proven to be a peer's word.
        await unhurried(SnapshotTrust([proposer]).check_in_steps(signed, self._crypto, snapshot.taken_at))
        proposal = await unhurried(Proposal.decode_in_steps(snapshot.body))
        findings = examine(snapshot, proposal, proposer, self._own_view())
        for identity in list(findings.to_ask)[:_TO_ASK_AT_ONCE]:
            self._knowledge.ask_again(identity)
        if findings.objections:
            logger.info("a directory's snapshot is not signed: %s", "; ".join(findings.objections))
            return _refusal("; ".join(findings.objections), 409)
        return Response(base58.encode(snapshot.sign(self._crypto, self._keys.seed).signature), media_type="text/plain")

    def _own_view(self) -> OwnView:
        wall_s = self._wall_clock()
        epoch = self._schedule.epoch_at(wall_s)
        return OwnView(
            epoch_id=epoch,
            wall_s=wall_s,
            nodes={node.identity: node for node in self._knowledge.nodes()},
            good=self._knowledge.good(),
            key_rotation=self._documents.key_rotation_of(epoch),
            valid_until=int(self._schedule.serves_until(epoch)),
            adopted=self._epochs.drawn(epoch),
            commitment=lambda key: self._state.commitment(key, epoch),
            rank=lambda key: self._rank(epoch, key),
            epochs=self._epochs,
        )


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_DOCUMENT_LENGTH:
            break  # too long for its decoder, which says so
    return bytes(body)


def _refusal(message: str, status: int) -> Response:
    return JSONResponse({"message": message}, status)
