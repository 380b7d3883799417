"""What a tunnel asks of the directory, with the published client's requests.

Nym spec: nym-api. The four documents of a topology are fetched together, as are the two that list the exits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mix_protocol.addressing import Recipient
from mix_protocol.errors import NetworkFailure
from mix_protocol.topology.described import DescribedNodes, decode_described_in_steps
from mix_protocol.topology.documents import (
    KeyRotationInfo,
    RewardedSet,
    SkimmedNodes,
    decode_key_rotation_info,
    decode_rewarded_set,
    decode_skimmed_in_steps,
)
from mix_protocol.topology.errors import InconsistentDocuments, UnsignedDirectory
from mix_protocol.topology.exits import ExitNode, find_exit, list_exits_in_steps
from mix_protocol.topology.pages import DescribedPages, SkimmedPages
from mix_protocol.topology.signed_snapshot import SNAPSHOT_PATH, SnapshotTrust
from mix_protocol.topology.skimmed_bincode import decode_skimmed_bincode
from mix_protocol.topology.topology import Topology
from mix_tunnel.platform import GetAnswer, Platform
from mix_tunnel.runtime.signed_documents import SignedDocuments, SignedLook, gateways_among
from mix_tunnel.runtime.unhurried import unhurried

KEY_ROTATION_PATH = "v1/epoch/key-rotation-info"
REWARDED_SET_PATH = "v1/nym-nodes/rewarded-set"
MIXNODES_PATH = "v2/unstable/nym-nodes/skimmed/mixnodes/active?page={page}"
ENTRY_GATEWAYS_PATH = "v2/unstable/nym-nodes/skimmed/entry-gateways?page={page}"
DESCRIBED_PATH = "v2/nym-nodes/described?page={page}"
ALL_NODES_PATH = "v2/unstable/nym-nodes/skimmed?page={page}"

GET_TIMEOUT_S = 30.0
MOST_EPOCHS_APART = 2
"""Caches of an honest directory may lag so much behind each other."""
EPOCH_CHANGE_ATTEMPTS = 3
EPOCH_CHANGE_PAUSE_S = 1.0
_UNKNOWN_PATH = (404, 405)


class DirectoryRefused(NetworkFailure):
    """The directory answered a request with an HTTP status other than 200. Field `status`."""

    code = "directory.status"
    message = "the directory does not have what a client needs; check that the directory URL is a Nym API"


@asynccontextmanager
async def first_failure_wins() -> AsyncIterator[None]:
    """Raise the first error of a task group instead of the group, for callers that catch kinds of `MixError`."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


@dataclass(frozen=True, slots=True)
class DirectorySnapshot:
    """The network of one epoch: what routes are drawn from, who takes clients, and when the nodes' keys change."""

    topology: Topology
    entry_gateways: SkimmedNodes
    key_rotation: KeyRotationInfo
    signatures: int = 0
    """How many of the trusted directories vouch for it; 0 where no keys were given."""


class DirectoryClient:
    """Fetches and decodes a directory's documents.

    base_url -- such as `https://validator.nymtech.net/api`
    allow_close_nodes -- whether routes may have nodes of one operator or network
    trust -- accept nothing but what a quorum of directories has signed
    """

    def __init__(
        self,
        platform: Platform,
        base_url: str,
        *,
        timeout_s: float = GET_TIMEOUT_S,
        allow_close_nodes: bool = False,
        trust: SnapshotTrust | None = None,
    ) -> None:
        self._signed = SignedDocuments(platform, trust, self._get_signed) if trust is not None else None
        self._platform = platform
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._allow_close_nodes = allow_close_nodes

    async def fetch_snapshot(self, always_include: Collection[bytes] = ()) -> DirectorySnapshot:
        """Fetch the four documents of a topology and join them.

        They may fall on both sides of an epoch's end; then they are fetched again, a few times.

        always_include -- identities of gateways that must stay, whatever their performance
        """
        for attempt in range(1, EPOCH_CHANGE_ATTEMPTS + 1):
            try:
                return await self._fetch_snapshot(always_include)
            except InconsistentDocuments:
                if attempt == EPOCH_CHANGE_ATTEMPTS:
                    raise
                await asyncio.sleep(EPOCH_CHANGE_PAUSE_S)
        raise AssertionError("unreachable")

    async def _fetch_snapshot(self, always_include: Collection[bytes]) -> DirectorySnapshot:
        if self._signed is not None:
            return await self._signed_snapshot(await self._signed.latest(), always_include)
        async with first_failure_wins(), asyncio.TaskGroup() as group:
            rotation_answer = group.create_task(self._get(KEY_ROTATION_PATH))
            rewarded_answer = group.create_task(self._get(REWARDED_SET_PATH))
            mixnodes = group.create_task(self._get_skimmed(MIXNODES_PATH))
            gateways = group.create_task(self._get_skimmed(ENTRY_GATEWAYS_PATH))
        rewarded = decode_rewarded_set(rewarded_answer.result().body)
        key_rotation = decode_key_rotation_info(rotation_answer.result().body)
        topology = await self._join(rewarded, mixnodes.result(), gateways.result(), always_include)
        if abs(topology.epoch_id - key_rotation.current_absolute_epoch_id) > MOST_EPOCHS_APART:
            raise InconsistentDocuments(
                "the node lists and the key rotation belong to different epochs; try again in a moment"
            )
        return DirectorySnapshot(topology, gateways.result(), key_rotation)

    async def _signed_snapshot(self, look: SignedLook, always_include: Collection[bytes]) -> DirectorySnapshot:
        rewarded = decode_rewarded_set(look.documents.rewarded_set)
        key_rotation = decode_key_rotation_info(look.documents.key_rotation)
        nodes = await unhurried(decode_skimmed_in_steps(look.documents.nodes))
        if not look.epoch_id == rewarded.epoch_id == key_rotation.current_absolute_epoch_id:
            raise InconsistentDocuments("the signed documents belong to different epochs; ask another directory")
        gateways = gateways_among(nodes)
        topology = await self._join(rewarded, nodes, gateways, always_include)
        return DirectorySnapshot(topology, gateways, key_rotation, look.signatures)

    async def _join(
        self, rewarded: RewardedSet, mixnodes: SkimmedNodes, gateways: SkimmedNodes, always_include: Collection[bytes]
    ) -> Topology:
        return await unhurried(
            Topology.join_in_steps(
                rewarded,
                mixnodes,
                gateways,
                always_include=always_include,
                allow_close_nodes=self._allow_close_nodes,
            )
        )

    async def fetch_exits(self) -> tuple[ExitNode, ...]:
        """List every exit that a client can use."""
        if self._signed is not None:
            documents = (await self._signed.latest()).documents
            listed = await unhurried(decode_skimmed_in_steps(documents.nodes))
            return await unhurried(list_exits_in_steps(await self._get_described(), listed))
        async with first_failure_wins(), asyncio.TaskGroup() as group:
            described = group.create_task(self._get_described())
            skimmed = group.create_task(self._get_skimmed(ALL_NODES_PATH))
        return await unhurried(list_exits_in_steps(described.result(), skimmed.result()))

    async def find_exit(self, recipient: Recipient) -> ExitNode:
        """Look a chosen exit's version up."""
        return find_exit(recipient, await self._get_described())

    async def _get_skimmed(self, path: str) -> SkimmedNodes:
        pages = SkimmedPages()
        while (page := pages.next_page) is not None:
            answer = await self._get(path.format(page=page))
            is_bincode = answer.headers.get("content-type", "").startswith("application/bincode")
            body = answer.body
            pages.receive(
                decode_skimmed_bincode(body) if is_bincode else await unhurried(decode_skimmed_in_steps(body))
            )
        return pages.result()

    async def _get_described(self) -> DescribedNodes:
        if self._signed is not None:
            return await unhurried(decode_described_in_steps((await self._signed.latest()).documents.described))
        pages = DescribedPages()
        while (page := pages.next_page) is not None:
            answer = await self._get(DESCRIBED_PATH.format(page=page))
            pages.receive(await unhurried(decode_described_in_steps(answer.body)))
        return pages.result()

    async def _get_signed(self) -> bytes:
        try:
            return (await self._get(SNAPSHOT_PATH)).body
        except DirectoryRefused as error:
            if error.fields["status"] in _UNKNOWN_PATH:
                raise UnsignedDirectory() from None
            raise

    async def _get(self, path: str) -> GetAnswer:
        answer = await self._platform.get(
            f"{self._base_url}/{path}", headers={"accept": "application/json"}, timeout_s=self._timeout_s
        )
        if answer.status != 200:
            raise DirectoryRefused(status=answer.status)
        return answer
