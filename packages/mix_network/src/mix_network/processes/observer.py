"""What is seen of a network from outside: the directory's documents and the nodes' metrics, asked now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from mix_network.processes.counters import read_counters
from mix_protocol.codec.json import decode_json
from mix_protocol.errors import MixError
from mix_protocol.topology.described import DescribedNodes, decode_described
from mix_protocol.topology.documents import (
    KeyRotationInfo,
    RewardedSet,
    decode_key_rotation_info,
    decode_rewarded_set,
)

_ANSWER_S: Final = 5.0
_METRICS_PATH: Final = "api/v1/metrics/prometheus"


@dataclass(frozen=True)
class _Status:
    waits_for: str | None = None


@dataclass(frozen=True)
class Sight:
    """What the directory says at a moment."""

    rewarded: RewardedSet
    described: DescribedNodes
    rotation: KeyRotationInfo
    waits_for: str | None = None
    """Why the documents are not of the epoch that goes on by the clock."""

    def layer_of(self, identity: str) -> int | None:
        """The layer in which a node, by its identity in base58, mixes in this epoch."""
        node_id = self._node_ids.get(identity)
        return next((number for number, layer in enumerate(self.rewarded.layers, 1) if node_id in layer), None)

    def router_of(self, identity: str) -> str | None:
        """The address of an exit's router."""
        for node in self.described.data:
            if node.description.host_information.keys.ed25519 == identity:
                router = node.description.ip_packet_router
                return router.address if router is not None else None
        return None

    def has_all(self, identities: Collection[str], mix_nodes: int) -> bool:
        """Whether these nodes are registered, perhaps among others, and so many nodes mix."""
        layers = self.rewarded.layers
        return all(layers) and sum(map(len, layers)) == mix_nodes and self._node_ids.keys() >= set(identities)

    def epoch(self, wall_s: float) -> dict[str, Any]:
        """Which epoch it is, in the shape of `LocalNetwork.metrics`; a directory does not tell its seed."""
        info = self.rotation
        length_s = int(info.epoch_duration.seconds)
        started_at = info.epoch_started_at
        return {
            "id": info.current_absolute_epoch_id,
            "rotation": info.progress.current_key_rotation_id,
            "length_s": length_s,
            "ends_in_s": round(started_at + length_s - wall_s, 3) if started_at is not None else 0.0,
            "drawn": True,
            "waits_for": self.waits_for,
            "seed": None,
        }

    @property
    def _node_ids(self) -> dict[str, int]:
        return {node.description.host_information.keys.ed25519: node.node_id for node in self.described.data}


class Observer:
    """Asks. What does not answer has the counters that it had."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=_ANSWER_S, trust_env=False)
        self._counters: dict[str, dict[str, Any]] = {}

    async def close(self) -> None:
        """Ask no more."""
        await self._http.aclose()

    async def look(self, directory_url: str) -> Sight | None:
        """What the directory says; None if it does not answer."""
        paths = (
            "v1/nym-nodes/rewarded-set",
            "v2/nym-nodes/described",
            "v1/epoch/key-rotation-info",
            "v1/mix-network/status",
        )
        try:
            answers = await asyncio.gather(*(self._get(f"{directory_url}/{path}") for path in paths))
            return Sight(
                decode_rewarded_set(answers[0]),
                decode_described(answers[1]),
                decode_key_rotation_info(answers[2]),
                decode_json(answers[3], _Status, "status").waits_for,
            )
        except (httpx.HTTPError, MixError):
            return None

    async def count(self, api_urls: Mapping[str, str]) -> None:
        """Read the counters of nodes, by the addresses of their HTTP APIs."""
        await asyncio.gather(*(self._count(name, url) for name, url in api_urls.items()))

    def counters(self, name: str) -> dict[str, Any]:
        """The newest counters of a node."""
        return self._counters.get(name, {})

    async def _count(self, name: str, url: str) -> None:
        try:
            self._counters[name] = read_counters((await self._get(f"{url}/{_METRICS_PATH}")).decode())
        except (httpx.HTTPError, ValueError, KeyError):
            return

    async def _get(self, url: str) -> bytes:
        answer = await self._http.get(url)
        answer.raise_for_status()
        return answer.content
