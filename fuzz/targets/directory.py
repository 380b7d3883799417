"""Requests to a directory: any method, path, query, headers and body, as its server hands them to the application; and
what other directories tell it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, MutableMapping
from functools import cache
from typing import Any

from support.every_decoder import VALID

from fuzz.draws import Draws, as_chunk
from fuzz.registry import target
from fuzz.targets.loops import run_to_end
from mix_network.directory.app import create_app
from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.draw import draw_rewarded_set
from mix_network.directory.options import ListedNode
from mix_network.directory.peers import STATEMENT_TAG, DirectoryStatement
from mix_network.directory.proposal import Proposal
from mix_network.directory.registered_node import RegisteredNode
from mix_network.links.line import LinkEmulation
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, SphinxKeyring
from mix_network.origins import Origins
from mix_network.rotation import RotationSchedule
from mix_protocol.codec import base58
from mix_protocol.codec.json import encode_json
from mix_protocol.codec.steps import run
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.topology.documents import MAX_NODES
from mix_protocol.topology.errors import NoQuorum
from mix_protocol.topology.signed_snapshot import SignedSnapshot, Snapshot, SnapshotDocuments, SnapshotTrust

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "x")
WALL_S = 1_800_000_000.0
MOST_ANSWERED = 1 << 20


@cache
def _application() -> Any:
    """A directory of four nodes."""
    crypto, random, schedule = NativeCrypto(), SeededRandom("fuzz directory"), RotationSchedule()

    def node(number: int, **roles: Any) -> RegisteredNode:
        identity = IdentityKeys.generate(crypto, random).public
        keyring = SphinxKeyring(crypto, random, schedule, WALL_S)
        facts = NodeFacts(ip_addresses=("127.0.0.1",), mix_port=1000 + number, build_version="1.40.0", **roles)
        return RegisteredNode(number, SelfDescription(identity, keyring, lambda: facts).describe(WALL_S))

    nodes = [node(1, ws_port=9000), *(node(number, mixes=True) for number in (11, 12, 13))]
    documents = DirectoryDocuments(
        lambda wall_s: nodes,
        lambda epoch: draw_rewarded_set(bytes(32), epoch, [each.candidate for each in nodes]),
        schedule,
    )
    links = LinkEmulation()
    return create_app(documents, lambda: WALL_S, lambda: {"nodes": []}, Origins(only_local=True), links.change)


def _request(method: int, path: str, query: str = "", body: bytes = b"", **headers: str) -> bytes:
    pairs = b"".join(as_chunk(name.encode()) + as_chunk(value.encode()) for name, value in headers.items())
    return bytes([method]) + as_chunk(path.encode()) + as_chunk(query.encode()) + as_chunk(body) + pairs


def _requests() -> Iterable[bytes]:
    nodes = "/api/v2/unstable/nym-nodes/skimmed"
    paths = ["/api/v1/nym-nodes/rewarded-set", "/api/v1/epoch/current", "/api/v1/epoch/key-rotation-info"]
    paths += ["/api/v2/nym-nodes/described", f"{nodes}/mixnodes/all", f"{nodes}/entry-gateways", "/metrics.json", "/no"]
    yield from (_request(0, path, "page=0&per_page=10&output=bincode", host="127.0.0.1") for path in paths)
    yield _request(0, nodes, "role=entry-gateway", host="localhost:1", origin="http://localhost:3000")
    yield _request(4, "/link", body=b"delay=80ms loss=1% rate=2mbit", host="localhost")
    yield _request(2, nodes, origin="https://elsewhere.test", **{"access-control-request-method": "GET"})
    yield _request(3, "/api/v1/nym-nodes/refresh-described", body=b'{"node_identity":"x"}', host="[::1]:8000")
    yield _request(3, "/api/v1/unstable/nym-nodes/by-addresses", body=b'{"ips":["127.0.0.1"]}', host="localhost")


@target(_requests)
def directory_requests(data: bytes) -> None:
    """One request; it is answered, with less than anybody could mind."""
    draws = Draws(data)
    method, path, query, body = draws.choice(METHODS), draws.chunk(), draws.chunk(), draws.chunk()
    query = bytes(byte for byte in query if 0x21 <= byte <= 0x7E)  # h11 lets nothing else through
    headers: list[tuple[bytes, bytes]] = []
    while draws and len(headers) < 100:
        headers.append((draws.chunk().lower(), draws.chunk()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 8000),
    }
    statuses: list[int] = []
    answered = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal answered
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        answered += len(message.get("body", b""))

    run_to_end(_application()(scope, receive, send))
    assert len(statuses) == 1
    assert statuses[0] < 500
    assert answered < MOST_ANSWERED


SEED = bytes(range(32))


def _between_directories() -> Iterable[bytes]:
    crypto = NativeCrypto()
    documents = (VALID[name][0] for name in ("rotation", "rewarded", "skimmed", "described"))
    candidate = {"node_id": 1, "identity": base58.encode(bytes(32)), "mixes": True, "enters": False, "exits": False}
    draw = {"epoch_id": 7, "seed": "00" * 32, "drawn_by": base58.encode(bytes(32)), "candidates": [candidate]}
    body = SnapshotDocuments(*documents, encode_json(draw)).encode()
    snapshot = Snapshot(7, int(WALL_S), int(WALL_S) + 60, body)
    signed = SignedSnapshot(snapshot, (snapshot.sign(crypto, SEED),)).encode()
    statement = DirectoryStatement(made_at=int(WALL_S), commitments={"8": "00"}, nodes=["x@192.0.2.1:80"])
    yield as_chunk(signed) + as_chunk(statement.encode(crypto, SEED))


@target(_between_directories)
def between_directories(data: bytes) -> None:
    """What directories tell each other, read as if it were signed: a peer may lie."""
    draws, crypto = Draws(data), NativeCrypto()
    with contextlib.suppress(PeerMisbehaved):
        signed = SignedSnapshot.decode(draws.chunk())
        proposal = run(Proposal.decode_in_steps(signed.snapshot.body))
        assert len(proposal.draw.candidates) <= MAX_NODES
        with contextlib.suppress(NoQuorum):
            SnapshotTrust([crypto.ed25519_public(SEED)]).check(signed, crypto, WALL_S)
    # Mutants have the signature that they need to be looked at.
    body = draws.chunk().partition(b"\n")[2]
    signature = base58.encode(crypto.ed25519_sign(SEED, STATEMENT_TAG + body)).encode()
    statement = DirectoryStatement.decode(signature + b"\n" + body, crypto, crypto.ed25519_public(SEED), WALL_S)
    statement.commitment(8)
    for text in statement.nodes:
        ListedNode.parse(text)
