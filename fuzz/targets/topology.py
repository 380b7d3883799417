"""A directory's answers put together, as a client does: pages to lists, lists to a picture of the network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from support.every_decoder import VALID

from fuzz.draws import Draws, as_chunk
from fuzz.registry import target
from fuzz.vectors import captured
from mix_network.node.directory_client import PATHS, NetworkPicture
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import NetworkFailure
from mix_protocol.topology.described import decode_described
from mix_protocol.topology.documents import MAX_NODES, decode_key_rotation_info, decode_rewarded_set, decode_skimmed
from mix_protocol.topology.entries import list_entry_gateways
from mix_protocol.topology.exits import list_exits
from mix_protocol.topology.pages import DescribedPages, SkimmedPages
from mix_protocol.topology.skimmed_bincode import decode_skimmed_bincode
from mix_protocol.topology.topology import Topology

_NODES = "api_api_v2_unstable_nym-nodes_skimmed"


def _documents() -> Iterable[bytes]:
    rewarded = captured("*rewarded-set.json")[0]
    described = captured("*described.json")[0]
    rotation = captured("*key-rotation-info.json")[0]
    mixnodes = captured(f"{_NODES}_mixnodes_active.json")[0]
    gateways = captured(f"{_NODES}_entry-gateways.json")[0]
    yield b"\0" + b"".join(map(as_chunk, (rewarded, mixnodes, gateways, described, rotation)))
    bincode = captured(f"{_NODES}_entry-gateways.bincode")[0]
    yield b"\1" + b"".join(map(as_chunk, (rewarded, bincode, bincode, described, rotation)))
    small = (VALID["rewarded"], VALID["skimmed"], VALID["skimmed"], VALID["described"], VALID["rotation"])
    yield b"\0" + b"".join(as_chunk(samples[0]) for samples in small)


@target(_documents)
def directory_documents(data: bytes) -> None:
    """All five documents that a client asks for."""
    draws = Draws(data)
    decode = decode_skimmed_bincode if draws.number() % 2 else decode_skimmed
    rewarded, lists = decode_rewarded_set(draws.chunk()), []
    for _ in range(2):
        pages = SkimmedPages()
        page = decode(draws.chunk())
        while pages.next_page is not None:  # the same one again and again ends, too
            pages.receive(page)
        lists.append(pages.result())
    described = DescribedPages()
    page_of_described = decode_described(draws.chunk())
    while described.next_page is not None:
        described.receive(page_of_described)
    decode_key_rotation_info(draws.chunk())
    # A network that is not complete is nobody's fault.
    with contextlib.suppress(NetworkFailure):
        list_entry_gateways(lists[1])
        list_exits(described.result(), lists[1])
        topology = Topology.from_documents(rewarded, *lists)
        for gateway in list(topology.gateways)[:3]:
            topology.route_to(gateway, SeededRandom("route"))


def _picture() -> Iterable[bytes]:
    names = ("rotation", "rewarded", "skimmed", "skimmed", "semi-skimmed")
    yield b"".join(as_chunk(VALID[name][0]) for name in names)


@target(_picture)
def node_picture(data: bytes) -> None:
    """The documents that a node asks for."""
    draws = Draws(data)
    picture = NetworkPicture.decode({name: draws.chunk() for name in PATHS})
    assert len(picture.addresses) < MAX_NODES * 100
    assert picture.noise_keys.keys() <= set(picture.addresses)
    with contextlib.suppress(NetworkFailure):
        _ = picture.topology
