"""`semi-skimmed`: the node list that nodes ask for, which adds keys for encrypted links.

Nym spec: nym-api `v1`, `v2` and `v3/unstable/nym-nodes/semi-skimmed`. Nodes of this list are all that a node sends to,
so a directory lists whoever belongs to the network, with a role in this epoch or without.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mix_protocol.codec.bincode import BincodeWriter
from mix_protocol.codec.json import encode_json
from mix_protocol.codec.steps import Steps, run
from mix_protocol.topology.described import NoiseKey
from mix_protocol.topology.documents import (
    Pagination,
    SkimmedMetadata,
    SkimmedNode,
    decode_page,
    open_document,
    reading_document,
)
from mix_protocol.topology.skimmed_bincode import write_head, write_node


@dataclass(frozen=True, slots=True, kw_only=True)
class SemiSkimmedNode:
    """A node of versions 1 and 2: what clients see, and its key for encrypted links, if it announces one."""

    basic: SkimmedNode
    x25519_noise_versioned_key: NoiseKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SemiSkimmedNodeV3:
    """A node of version 3, with the version of its software and what it says of the Lewes protocol."""

    basic: SkimmedNode
    noise_key: NoiseKey | None = None
    build_version: str
    lp: dict[str, Any] | None = None


Row = TypeVar("Row", SemiSkimmedNode, SemiSkimmedNodeV3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SemiSkimmedPage(Generic[Row]):
    """A page of nodes."""

    pagination: Pagination
    data: list[Row]

    @classmethod
    def of(cls, nodes: Iterable[Row]) -> SemiSkimmedPage[Row]:
        """The whole list as one page, as servers send it."""
        data = list(nodes)
        return cls(pagination=Pagination(total=len(data), page=0, size=len(data)), data=data)


@dataclass(frozen=True, slots=True, kw_only=True)
class SemiSkimmedNodes(Generic[Row]):
    """Answer of versions 2 and 3."""

    metadata: SkimmedMetadata
    nodes: SemiSkimmedPage[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class SemiSkimmedNodesV1:
    """Answer of version 1, which has no epochs."""

    status: str | dict[str, Any] | None = None
    refreshed_at: str
    nodes: SemiSkimmedPage[SemiSkimmedNode]


def decode_semi_skimmed(data: bytes) -> SemiSkimmedNodes[SemiSkimmedNode]:
    """Decode the JSON of version 2. Nodes that can't be read are left out."""
    return run(decode_semi_skimmed_in_steps(data))


def decode_semi_skimmed_in_steps(data: bytes) -> Steps[SemiSkimmedNodes[SemiSkimmedNode]]:
    """`decode_semi_skimmed`, for an event loop that has other things to do, too."""
    what = "semi-skimmed nodes"
    with reading_document(data, what):
        document = yield from open_document(data, what)
        pagination, nodes = yield from decode_page(document.object("nodes"), SemiSkimmedNode, what)
        metadata = document.member("metadata", SkimmedMetadata)
    return SemiSkimmedNodes(metadata=metadata, nodes=SemiSkimmedPage(pagination=pagination, data=nodes))


def encode_semi_skimmed(document: SemiSkimmedNodes[Row] | SemiSkimmedNodesV1) -> bytes:
    """The compact JSON of any version."""
    return encode_json(document)


def encode_semi_skimmed_bincode(document: SemiSkimmedNodes[SemiSkimmedNodeV3]) -> bytes:
    """Version 3 under `output=bincode`, where there is no `metadata.status`.

    What nodes say of the Lewes protocol is left out, as if they didn't speak it.
    """
    writer = BincodeWriter(byteorder="little")
    write_head(writer, document.metadata, document.nodes.pagination)
    writer.uint(len(document.nodes.data))
    for node in document.nodes.data:
        write_node(writer, node.basic)
        writer.option(node.noise_key, lambda key: writer.u8(key.supported_version).string(key.x25519_pubkey))
        writer.string(node.build_version).boolean(False)
    return writer.finish()
