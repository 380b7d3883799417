"""Asks a directory for what several directories have signed, and keeps it while one look at the network lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from mix_protocol.topology.documents import SkimmedNodes
from mix_protocol.topology.signed_snapshot import SignedSnapshot, SnapshotDocuments, SnapshotTrust
from mix_tunnel.platform import Platform
from mix_tunnel.runtime.unhurried import unhurried

ONE_LOOK_S: Final = 5.0
"""Nodes and exits are asked for side by side, or one right after the other; both come from the same answer then."""


@dataclass(frozen=True, slots=True)
class SignedLook:
    """What a quorum has signed.

    signatures -- of how many trusted directories
    """

    epoch_id: int
    signatures: int
    documents: SnapshotDocuments = field(repr=False)


class SignedDocuments:
    """The signed documents of one directory.

    fetch -- gives the directory's answer
    """

    def __init__(self, platform: Platform, trust: SnapshotTrust, fetch: Callable[[], Awaitable[bytes]]) -> None:
        self._platform = platform
        self._trust = trust
        self._fetch_answer = fetch
        self._asking = asyncio.Lock()
        self._look: SignedLook | None = None
        self._looked_at = 0.0

    async def latest(self) -> SignedLook:
        """The documents of now. Raises what `SnapshotTrust.check_in_steps` does."""
        async with self._asking:
            if self._look is None or self._platform.now() - self._looked_at > ONE_LOOK_S:
                self._look = await self._fetch()
                self._looked_at = self._platform.now()
            return self._look

    async def _fetch(self) -> SignedLook:
        signed = SignedSnapshot.decode(await self._fetch_answer())
        crypto, wall_s = self._platform.crypto(), self._platform.wall_clock()
        count = await unhurried(self._trust.check_in_steps(signed, crypto, wall_s))
        return SignedLook(signed.snapshot.epoch_id, count, SnapshotDocuments.decode(signed.snapshot.body))


def gateways_among(nodes: SkimmedNodes) -> SkimmedNodes:
    """Those of all nodes that declare that they are gateways."""
    gateways = [
        node
        for node in nodes.nodes.data
        if node.supported_roles.entry or node.supported_roles.exit_ipr or node.supported_roles.exit_nr
    ]
    return SkimmedNodes.of(nodes.metadata, gateways)
