"""What a node asks of its directories, and tells them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

import httpx

from mix_network.errors import DirectoryUnreachable, RegistrationRefused
from mix_network.http.asking import make_client, message_in, read_plain
from mix_protocol.addressing import NodeAddress
from mix_protocol.codec import base58
from mix_protocol.codec.steps import Steps, run
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.node_api.announcement import ANNOUNCEMENT_PATH, Announcement
from mix_protocol.topology.documents import (
    MAX_DOCUMENT_LENGTH,
    KeyRotationInfo,
    RewardedSet,
    SkimmedNodes,
    decode_key_rotation_info,
    decode_rewarded_set,
    decode_skimmed_in_steps,
)
from mix_protocol.topology.semi_skimmed import SemiSkimmedNode, SemiSkimmedNodes, decode_semi_skimmed_in_steps
from mix_protocol.topology.topology import Topology

_SILENCE_S: Final = 10.0
_DOCUMENTS_S: Final = 60.0
"""For all documents of one directory, however they drip; the next one is asked then."""
_ANNOUNCING_S: Final = 20.0
"""For one directory, so that one that drips does not keep the node from telling the others again."""
_MAX_REFUSAL_LENGTH: Final = 2000
_MAX_REASON: Final = 300
_KEY_LENGTH: Final = 32
_NODES: Final = "v2/unstable/nym-nodes/skimmed"
PATHS: Final = {
    "rotation": "v1/epoch/key-rotation-info",
    "rewarded": "v1/nym-nodes/rewarded-set",
    "mix_nodes": f"{_NODES}/mixnodes/active?page=0",
    "gateways": f"{_NODES}/entry-gateways?page=0",
    "everybody": "v2/unstable/nym-nodes/semi-skimmed?page=0",
}
"""The documents that make a picture of the network."""


@dataclass(frozen=True)
class NetworkPicture:
    """Who is in the network, by one directory at one moment."""

    rotation: KeyRotationInfo
    rewarded: RewardedSet
    mix_nodes: SkimmedNodes
    gateways: SkimmedNodes
    everybody: SemiSkimmedNodes[SemiSkimmedNode]

    @classmethod
    def decode(cls, documents: dict[str, bytes]) -> NetworkPicture:
        """Read the answers to `PATHS`. Raises `MixError`."""
        return run(cls.decode_in_steps(documents))

    @classmethod
    def decode_in_steps(cls, documents: dict[str, bytes]) -> Steps[NetworkPicture]:
        """`decode`, for a node at work: its packets must not wait until thousands of nodes have been read."""
        rotation = decode_key_rotation_info(documents["rotation"])
        rewarded = decode_rewarded_set(documents["rewarded"])
        mix_nodes = yield from decode_skimmed_in_steps(documents["mix_nodes"])
        gateways = yield from decode_skimmed_in_steps(documents["gateways"])
        everybody = yield from decode_semi_skimmed_in_steps(documents["everybody"])
        return cls(rotation, rewarded, mix_nodes, gateways, everybody)

    @property
    def topology(self) -> Topology:
        """Layers and gateways. Raises a `MixError` while the network is not complete."""
        return Topology.from_documents(self.rewarded, self.mix_nodes, self.gateways)

    @property
    def addresses(self) -> list[NodeAddress]:
        """Where packets may be sent: to all nodes, whatever they do in this epoch."""
        return [address for node in self.everybody.nodes.data for address in _addresses_of(node)]

    @property
    def noise_keys(self) -> dict[NodeAddress, bytes]:
        """The keys for encrypted links, by the address of who announces one."""
        found = {}
        for node in self.everybody.nodes.data:
            if node.x25519_noise_versioned_key is not None:
                with contextlib.suppress(MixError):
                    key = base58.decode(node.x25519_noise_versioned_key.x25519_pubkey, _KEY_LENGTH)
                    found.update(dict.fromkeys(_addresses_of(node), key))
        return found


def _addresses_of(node: SemiSkimmedNode) -> list[NodeAddress]:
    found = []
    for text in node.basic.ip_addresses:
        with contextlib.suppress(MixError, ValueError):
            found.append(NodeAddress.from_text(text, node.basic.mix_port))
    return found


class DirectoryClient:
    """Asks directories in turn, the one first that answered last.

    urls -- with the path that ends in `/api`
    """

    def __init__(self, urls: Sequence[str], transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._http = make_client(_SILENCE_S, transport)

    async def __aenter__(self) -> DirectoryClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def documents(self) -> dict[str, bytes]:
        """The answers to `PATHS`, all of one directory. Raises `DirectoryUnreachable`."""
        why = ""
        for url in list(self._urls):
            try:
                async with asyncio.timeout(_DOCUMENTS_S):
                    answers = await asyncio.gather(*(self._get(f"{url}/{path}") for path in PATHS.values()))
            except (httpx.HTTPError, PeerMisbehaved, TimeoutError) as error:
                why = str(error) or type(error).__name__
                self._urls.append(self._urls.pop(0))
                continue
            return dict(zip(PATHS, answers, strict=True))
        raise DirectoryUnreachable(why=why)

    async def announce(self, announcement: Announcement) -> int:
        """Tell every directory; gives how many have taken it. Raises `RegistrationRefused` if all that answered refuse,
        and `DirectoryUnreachable` if none answers."""
        answers = await asyncio.gather(*(self._announce(url, announcement) for url in self._urls))
        taken = sum(1 for answer in answers if answer is None)
        if taken:
            return taken
        raise next(
            (each for each in answers if isinstance(each, RegistrationRefused)), answers[0] or DirectoryUnreachable()
        )

    async def _announce(self, url: str, announcement: Announcement) -> MixError | None:
        headers = {"Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(_ANNOUNCING_S),
                self._http.stream(
                    "POST", f"{url}/{ANNOUNCEMENT_PATH}", content=announcement.encode(), headers=headers
                ) as response,
            ):
                if response.status_code < 300:
                    return None
                body = await read_plain(response, _MAX_REFUSAL_LENGTH)
        except (httpx.HTTPError, PeerMisbehaved, TimeoutError) as error:
            return DirectoryUnreachable(why=str(error) or type(error).__name__)
        why = message_in(body, _MAX_REASON)
        if response.status_code >= 500 or response.status_code == 429:
            return DirectoryUnreachable(why=why)
        return RegistrationRefused(
            f"the directory does not take this node: {why}", status=response.status_code, why=why
        )

    async def _get(self, url: str) -> bytes:
        async with self._http.stream("GET", url) as response:
            response.raise_for_status()
            return await read_plain(response, MAX_DOCUMENT_LENGTH)
