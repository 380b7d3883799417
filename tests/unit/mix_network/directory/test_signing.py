"""Several directories sign what they find to be so; one that lies, is away or sees nodes otherwise hurts nobody."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.epochs import EpochBook
from mix_network.directory.peers import DirectoryPeer, DirectoryStatement, PeerClient
from mix_network.directory.registered_node import RegisteredNode
from mix_network.directory.registry import Admission, NodeRegistry
from mix_network.directory.signing import Knowledge, SnapshotSigning
from mix_network.directory.state import DirectoryState
from mix_network.errors import DirectoryUnreachable
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.node_api.errors import InvalidSignature, StaleRequest
from mix_protocol.topology.documents import decode_rewarded_set, decode_skimmed
from mix_protocol.topology.signed_snapshot import SignedSnapshot, SnapshotDocuments, SnapshotTrust
from mix_protocol.topology.topology import Topology

CRYPTO = NativeCrypto()
EPOCH_S = 3600
WALL_S = 500_000.5 * EPOCH_S


class World(httpx.AsyncBaseTransport):
    """Directories that reach each other, on a clock of their own, and nodes that each of them has asked."""

    def __init__(self, folder, stack):
        self.folder, self.stack = folder, stack
        self.wall_s = WALL_S
        self.random = SeededRandom("world")
        self.schedule = RotationSchedule(EPOCH_S, 24)
        self.directories = {}
        self.away = set()

    async def handle_async_request(self, request):
        if request.url.host in self.away:
            raise httpx.ConnectError("nobody there")
        return await httpx.ASGITransport(self.directories[request.url.host].app).handle_async_request(request)

    def node(self, number, **facts):
        facts = NodeFacts(ip_addresses=(f"11.{number}.0.1",), mix_port=1000 + number, build_version="1.40.0", **facts)
        keyring = SphinxKeyring(CRYPTO, self.random, self.schedule, self.wall_s)
        identity = IdentityKeys.generate(CRYPTO, self.random)
        return SelfDescription(identity.public, keyring, lambda: facts).describe(self.wall_s)

    def network(self, mixes=6):
        described = [self.node(each, mixes=True) for each in range(mixes)]
        return described + [self.node(100 + each, ws_port=9000) for each in range(2)]

    def add(self, names, quorum=None):
        """Directories that have each other for peers."""
        keys = {name: IdentityKeys.generate(CRYPTO, self.random) for name in names}
        for name in names:
            peers = [DirectoryPeer(keys[other].public, f"http://{other}/api") for other in names if other != name]
            self.directories[name] = self.directory(name, keys[name], peers, quorum)
        return [self.directories[name] for name in names]

    def directory(self, name, keys, peers, quorum):
        (self.folder / name).mkdir()
        state = DirectoryState(self.folder / name)
        self.stack.callback(state.close)
        registry = NodeRegistry(state, Admission(), absent_after_s=600)

        def candidates():
            return registry.candidates(self.wall_s, least_performance=0.5)

        epochs = EpochBook(
            state, SeededRandom(name), candidates, lambda: registry.candidates(self.wall_s), is_shared=bool(peers)
        )
        documents = DirectoryDocuments(registry.registered, epochs.assign, self.schedule, epochs.published)
        there = SimpleNamespace(keys=keys, registry=registry, epochs=epochs, documents=documents, asked=[], state=state)

        async def meet(peer, statement):
            there.met = statement

        there.signing = SnapshotSigning(
            CRYPTO,
            keys,
            peers,
            quorum,
            client=PeerClient(CRYPTO, lambda: self.wall_s, self),
            state=state,
            documents=documents,
            epochs=epochs,
            schedule=self.schedule,
            knowledge=Knowledge(
                registry.described,
                lambda: frozenset(each.identity for each in candidates()),
                there.asked.append,
                meet,
                lambda: DirectoryStatement(made_at=int(self.wall_s)),
            ),
            wall_clock=lambda: self.wall_s,
        )
        there.app = Starlette(routes=[Mount("/api", routes=there.signing.routes())])
        return there

    def tell(self, directory, descriptions):
        """Let a directory know nodes, in an order of its own."""
        for description in descriptions:
            identity = RegisteredNode(0, description).identity
            directory.registry.register(identity, "11.0.0.1", 8080, description, self.wall_s)

    async def served(self, name):
        async with httpx.AsyncClient(transport=self, base_url=f"http://{name}/api/") as http:
            answer = await http.get("v1/mix-network/snapshot")
        return SignedSnapshot.decode(answer.content) if answer.status_code == 200 else answer.json()["message"]


@pytest.fixture
def world(tmp_path):
    with contextlib.ExitStack() as stack:
        yield World(tmp_path, stack)


async def rounds(*directories, times=2):
    """Let each have its turn, as they do again and again."""
    for _ in range(times):
        for directory in directories:
            directory.result = await directory.signing._sign()


def reasons(directory):
    """Why its last proposal was not signed."""
    return "; ".join(directory.signing._why.values())


def trust(*directories):
    return SnapshotTrust([each.keys.public for each in directories])


async def test_a_directory_alone_signs_what_it_lists(world):
    (alone,) = world.add(["alone"])
    assert await world.served("alone") == "no snapshot is signed by enough directories: no directory has drawn it yet"
    await rounds(alone)
    assert "0 mix nodes and 0 gateways answer" in await world.served("alone")
    world.tell(alone, world.network())
    await rounds(alone)
    signed = await world.served("alone")
    assert trust(alone).check(signed, CRYPTO, world.wall_s) == 1
    texts = SnapshotDocuments.decode(signed.snapshot.body)
    rewarded, nodes = decode_rewarded_set(texts.rewarded_set), decode_skimmed(texts.nodes)
    assert rewarded == alone.documents.rewarded_set(world.wall_s)
    assert [len(layer) for layer in Topology.from_documents(rewarded, nodes, nodes).layers] == [2, 2, 2]


async def test_three_sign_one_picture_and_draw_the_same_though_they_number_nodes_otherwise(world):
    directories = world.add(["one", "two", "three"])
    network = world.network()
    for place, directory in enumerate(directories):
        world.tell(directory, network[place:] + network[:place])
    await rounds(*directories, times=3)
    served = [await world.served(name) for name in ("one", "two", "three")]
    assert served[0] == served[1] == served[2]
    assert trust(*directories).check(served[0], CRYPTO, world.wall_s) == 3

    def layers(directory):
        """Of its own, unsigned documents."""
        by_number = {node.node_id: node.identity for node in directory.registry.described()}
        return [{by_number[number] for number in layer} for layer in directory.documents.rewarded_set(WALL_S).layers]

    assert layers(directories[0]) == layers(directories[1]) == layers(directories[2])
    assert all(layers(directories[0]))


async def test_made_up_nodes_are_signed_by_nobody_and_the_others_go_on(world):
    directories = liar, *honest = world.add(["one", "two", "three"])
    own = world.network()
    world.tell(liar, own)
    network = world.network()
    for each in honest:
        world.tell(each, network)
    # Whoever comes first in an epoch, the liar's proposal finds no other signature.
    assert not await liar.signing._propose(world.schedule.epoch_at(WALL_S))
    assert "unknown here" in reasons(liar)
    assert {RegisteredNode(0, each).identity for each in own} <= set(honest[0].asked)  # as it could have been true
    await rounds(*directories)
    made_up = {description.host_information.keys.ed25519 for description in own}
    for name in ("two", "three"):
        served = await world.served(name)
        assert trust(*directories).check(served, CRYPTO, world.wall_s) == 2
        listed = decode_skimmed(SnapshotDocuments.decode(served.snapshot.body).nodes).nodes.data
        assert not made_up & {node.ed25519_identity_pubkey for node in listed}


@pytest.mark.parametrize("key", ["x25519_sphinx_pubkey", "ip_addresses", "mix_port", "entry", "supported_roles"])
async def test_changed_rows_are_not_signed(world, monkeypatch, key):
    directories = world.add(["one", "two"])
    network = world.network()
    for each in directories:
        world.tell(each, network)
    liar = directories[0]
    of_epoch = liar.documents.of_epoch

    def lie(*arguments):
        lists = of_epoch(*arguments)
        rows = list(lists.nodes.nodes.data)
        place = next(number for number, row in enumerate(rows) if row.entry is not None)
        other = getattr(world.changed, key)
        rows[place] = replace(rows[place], **{key: other})
        page = replace(lists.nodes.nodes, data=rows)
        return replace(lists, nodes=replace(lists.nodes, nodes=page))

    world.changed = of_epoch(0, WALL_S, liar.epochs.propose(5).rewarded).nodes.nodes.data[0]
    assert world.changed.entry is None
    monkeypatch.setattr(liar.documents, "of_epoch", lie)
    assert not await liar.signing._propose(world.schedule.epoch_at(WALL_S))
    assert "1 nodes are unknown here, or say something else" in reasons(liar)
    monkeypatch.undo()
    assert await liar.signing._propose(world.schedule.epoch_at(WALL_S))


@pytest.mark.parametrize(("hidden", "is_signed"), [(2, True), (3, False)])
async def test_up_to_a_third_may_be_left_out(world, hidden, is_signed):
    """Of eight nodes that do well two may be missing; they may be new."""
    one, two = world.add(["one", "two"])
    network = world.network()
    world.tell(two, network)
    world.tell(one, network[hidden:])
    assert await one.signing._propose(world.schedule.epoch_at(WALL_S)) == is_signed
    if not is_signed:
        assert "3 of 8 nodes that do well are not candidates" in reasons(one)


async def test_honest_measurements_that_differ_are_signed_and_lies_are_not(world):
    one, two = world.add(["one", "two"])
    network = world.network()
    for each in (one, two):
        world.tell(each, network)
    numbers = [node.node_id for node in one.registry.described()]
    one.registry.set_performance(dict.fromkeys(numbers, 0.8))
    assert await one.signing._propose(world.schedule.epoch_at(WALL_S))
    one.registry.set_performance(dict.fromkeys(numbers[:3], 0.1))
    assert not await one.signing._propose(world.schedule.epoch_at(WALL_S))
    assert "3 of 8 nodes that do well are not listed as doing well" in reasons(one)


async def test_a_seed_is_the_one_that_was_committed_to(world):
    one, two = world.add(["one", "two"])
    network = world.network()
    epoch = world.schedule.epoch_at(WALL_S) + 1
    await two.signing._meet(two.signing._peers[one.keys.public])
    assert two.state.commitment(one.keys.public, epoch) == one.epochs.commitment(epoch)
    world.wall_s += EPOCH_S
    for each in (one, two):
        world.tell(each, network)
    other = one.epochs.redraw(bytes(32), epoch, one.epochs.propose(epoch).candidates)
    one.signing._own_draw = replace(other, drawn_by=one.keys.public)
    assert not await one.signing._propose(epoch)
    assert "not the one to which it had committed itself" in reasons(one)
    one.signing._own_draw = None
    assert await one.signing._propose(epoch)


async def test_who_was_away_follows_the_draw_of_those_who_were_there(world):
    directories = world.add(["one", "two", "three"])
    network = world.network()
    for each in directories:
        world.tell(each, network)
    epoch = world.schedule.epoch_at(WALL_S)
    first = directories[0].signing._order(epoch)[0]
    late = next(each for each in directories if each.keys.public == first)
    others = [each for each in directories if each is not late]
    world.away = {name for name, each in world.directories.items() if each is late}
    await rounds(*others)
    drawn = others[0].epochs.drawn(epoch)
    assert drawn is not None
    assert late.epochs.drawn(epoch) is None
    world.away = set()
    await rounds(late, *others)
    assert late.epochs.drawn(epoch).seed == drawn.seed == others[1].epochs.drawn(epoch).seed
    # It comes first, and proposes from now on, with the draw of the epoch as it is.
    world.wall_s += 60
    await rounds(late, *others)
    served = [await world.served(name) for name in world.directories]
    assert served[0] == served[1] == served[2]
    assert trust(*directories).check(served[0], CRYPTO, world.wall_s) == 3


async def test_a_directory_that_is_late_in_an_epoch_is_waited_for_a_while(world):
    directories = world.add(["one", "two"], quorum=1)
    world.wall_s = world.schedule.epoch_start(world.schedule.epoch_at(WALL_S) + 1)
    for each in directories:
        world.tell(each, world.network())
    epoch = world.schedule.epoch_at(world.wall_s)
    second = next(each for each in directories if each.keys.public == each.signing._order(epoch)[1])
    assert not await second.signing._sign()
    world.wall_s += 11
    assert await second.signing._sign()


async def test_strangers_get_no_signature(world):
    one, two = world.add(["one", "two"])
    (stranger,) = world.add(["stranger"])
    for each in (one, two, stranger):
        world.tell(each, world.network())
    await rounds(stranger)
    asked = await world.served("stranger")
    async with httpx.AsyncClient(transport=world, base_url="http://one/api/v1/mix-network/") as http:
        answer = await http.post("countersign", content=asked.encode())
        assert answer.status_code == 403
        # A peer's name alone is worth nothing.
        forged = replace(asked, signatures=(replace(asked.signatures[0], key=two.keys.public),))
        answer = await http.post("countersign", content=forged.encode())
        assert answer.status_code == 400
        for content in (b"", b"{}\n", b"x" * 100, b"\n" * 100):
            assert (await http.post("countersign", content=content)).status_code == 400


async def test_a_statement_is_its_directorys_own_and_of_now(world):
    one, two = world.add(["one", "two"])
    client = PeerClient(CRYPTO, lambda: world.wall_s, world)
    peer = DirectoryPeer(one.keys.public, "http://one/api")
    statement = await client.statement(peer)
    epoch = world.schedule.epoch_at(WALL_S) + 1
    assert statement.commitment(epoch) == one.epochs.commitment(epoch)
    assert statement.commitment(epoch + 1) is None
    with pytest.raises(InvalidSignature):
        await client.statement(replace(peer, key=two.keys.public))
    late = PeerClient(CRYPTO, lambda: world.wall_s + 121, world)
    with pytest.raises(StaleRequest):
        await late.statement(peer)
    for garbage in (b"", b"\n", b"abc\n{}", bytes(100)):
        with pytest.raises(PeerMisbehaved):
            DirectoryStatement.decode(garbage, CRYPTO, one.keys.public, WALL_S)


@pytest.mark.parametrize("coding", ["br", "gzip", ""])
async def test_what_a_peer_answers_is_taken_plain_and_no_longer_than_it_may_be(world, coding):
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"
        return httpx.Response(200, headers={"content-encoding": coding}, stream=httpx.ByteStream(bytes(13 << 20)))

    (one,) = world.add(["one"])
    client = PeerClient(CRYPTO, lambda: world.wall_s, httpx.MockTransport(answer))
    peer = DirectoryPeer(one.keys.public, "http://one/api")
    for ask in (client.statement, client.snapshot):
        with pytest.raises(DirectoryUnreachable) as raised:
            await ask(peer)
        assert ("encoded" if coding else "longer") in raised.value.fields["why"]


async def test_what_is_too_old_is_not_served(world):
    (alone,) = world.add(["alone"])
    world.tell(alone, world.network())
    await rounds(alone)
    signed = await world.served("alone")
    world.wall_s = signed.snapshot.valid_until + 1
    assert "no snapshot is signed" in await world.served("alone")


async def test_half_of_two_is_no_quorum(world):
    one, two = world.add(["one", "two"])
    for each in (one, two):
        world.tell(each, world.network())
    world.away = {"two"}
    await rounds(one)
    assert not one.result
    assert "it does not answer" in await world.served("one")
