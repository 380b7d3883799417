"""A node's announcement, the directory's questions, and what becomes of both: over the real HTTP APIs, in memory."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from support.virtual_time import virtual_time

from mix_network.directory.epochs import EpochBook
from mix_network.directory.inquiry import NodeInquiry
from mix_network.directory.options import ListedNode
from mix_network.directory.registration import Registration
from mix_network.directory.registry import Admission, NodeRegistry
from mix_network.directory.state import DirectoryState
from mix_network.errors import DirectoryUnreachable, RegistrationRefused
from mix_network.metrics import NodeMetrics
from mix_network.node.api import create_node_api
from mix_network.node.directory_client import DirectoryClient
from mix_network.node.figures import NodeFigures
from mix_network.node.machine import LoadMeter
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, ServiceKeys, SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.node_api.announcement import Announcement

CRYPTO = NativeCrypto()
SCHEDULE = RotationSchedule()
WALL_S = 1_795_249_698.0
HOST = "192.0.2.7"


class Node:
    """A node's API, and how it announces itself."""

    def __init__(self, seed="node", ip_addresses=(HOST,), **roles):
        random = SeededRandom(seed)
        self.identity = IdentityKeys.generate(CRYPTO, random)
        keyring = SphinxKeyring(CRYPTO, random, SCHEDULE, WALL_S)
        facts = NodeFacts(
            ip_addresses=ip_addresses, mix_port=1789, build_version="1.40.0", **(roles or {"mixes": True})
        )
        self.description = SelfDescription(self.identity.public, keyring, lambda: facts)
        self.metrics = NodeMetrics("node", "mix-node")
        self.api = create_node_api(
            CRYPTO,
            self.identity.seed,
            self.description,
            NodeFigures(self.metrics),
            wall_clock=lambda: WALL_S,
            started_at=WALL_S,
            load=LoadMeter(lambda: WALL_S),
        )

    def announcement(self, **changes):
        return Announcement.sign(
            CRYPTO, self.identity.seed, **{"host": HOST, "http_port": 8080, "timestamp": int(WALL_S), **changes}
        )


class Internet(httpx.AsyncBaseTransport):
    """Leads the directory to a node, or nowhere; `spoil` changes answers by path."""

    def __init__(self, node):
        self.node = node
        self.asked = []
        self.spoil = {}

    async def handle_async_request(self, request):
        self.asked.append(str(request.url))
        if self.node is None:
            raise httpx.ConnectError("nobody there")
        path = request.url.path.removeprefix("/api/v1/")
        response = await httpx.ASGITransport(self.node.api).handle_async_request(request)
        if path in self.spoil:
            spoilt = self.spoil[path]
            stream = Drip(spoilt.content, 1) if spoilt.is_stream_consumed else spoilt.stream
            return httpx.Response(spoilt.status_code, headers=spoilt.headers, stream=stream)
        return response


class Drip(httpx.AsyncByteStream):
    """A body of one piece again and again."""

    def __init__(self, piece, count, pause_s=0.0):
        self._piece, self._count, self._pause_s = piece, count, pause_s

    async def __aiter__(self):
        for _ in range(self._count):
            await asyncio.sleep(self._pause_s)
            yield self._piece


@pytest.fixture
def directory(tmp_path):
    def make(node, **admission):
        state = DirectoryState(tmp_path)
        internet = Internet(node)
        registry = NodeRegistry(state, Admission(**admission), absent_after_s=600)
        epochs = EpochBook(state, SeededRandom("seed"), lambda: registry.candidates(WALL_S), list)
        inquiry = NodeInquiry(CRYPTO, allow_local=bool(admission.get("allow_local")), transport=internet)
        registration = Registration(
            CRYPTO, registry, inquiry, epochs, wall_clock=lambda: WALL_S, current_epoch=lambda: 7
        )
        app = Starlette(routes=[Mount("/api", routes=registration.routes())])
        client = DirectoryClient(["http://directory/api"], httpx.ASGITransport(app))
        return SimpleNamespace(
            registry=registry, internet=internet, client=client, app=app, state=state, registration=registration
        )

    return make


async def test_a_node_is_asked_and_registered(directory):
    service = ServiceKeys.generate(CRYPTO, SeededRandom("service")).recipient(bytes(32))
    node = Node(ws_port=9000, ip_packet_router=service)
    there = directory(node)
    assert await there.client.announce(node.announcement()) == 1
    (registered,) = there.registry.registered(WALL_S)
    assert registered.description == node.description.describe(WALL_S)
    assert registered.identity == node.identity.public
    # Again, from elsewhere: the same number.
    await there.client.announce(node.announcement(http_port=8081))
    (again,) = there.registry.registered(WALL_S)
    assert again.node_id == registered.node_id
    assert there.internet.asked[-1].startswith("http://192.0.2.7:8081/api/v1/")
    # And after the directory's restart.
    assert NodeRegistry(there.state, Admission(), 600).registered(WALL_S) == [again]


async def test_who_does_not_answer_for_long_is_not_listed(directory):
    node = Node()
    there = directory(node)
    await there.client.announce(node.announcement())
    assert len(there.registry.registered(WALL_S + 600)) == 1
    assert there.registry.registered(WALL_S + 601) == []
    assert there.registry.candidates(WALL_S + 601) == []
    there.registry.answered(node.identity.public, node.description.describe(WALL_S), WALL_S + 700)
    assert len(there.registry.registered(WALL_S + 701)) == 1


async def test_who_performs_badly_gets_no_job(directory):
    node = Node()
    there = directory(node)
    await there.client.announce(node.announcement())
    (candidate,) = there.registry.candidates(WALL_S, least_performance=0.5)
    there.registry.set_performance({candidate.node_id: 0.49})
    assert there.registry.candidates(WALL_S, least_performance=0.5) == []
    assert there.registry.candidates(WALL_S) == [candidate]
    assert there.registry.registered(WALL_S)[0].performance == 0.49


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"timestamp": int(WALL_S) - 40}, "node's clock"),
        ({"host": "127.0.0.1"}, "others can reach"),
        ({"host": "169.254.1.1"}, "others can reach"),
        ({"host": "0.0.0.0"}, "others can reach"),
        ({"host": "node.example"}, "announce an IP address"),
        ({"host": "192.0.2.8"}, "does not name the address"),
    ],
)
async def test_what_can_not_be_is_refused_with_the_reason(directory, changes, says):
    node = Node()
    there = directory(node)
    with pytest.raises((RegistrationRefused, DirectoryUnreachable)) as caught:
        await there.client.announce(node.announcement(**changes))
    assert says in str(caught.value) + str(caught.value.fields)
    assert len(there.registry) == 0


async def test_nobody_announces_another_node(directory):
    node, stranger = Node(), Node("stranger")
    there = directory(node)
    with pytest.raises(RegistrationRefused, match="not signed"):
        await there.client.announce(replace(stranger.announcement(), identity=node.identity.public))
    with pytest.raises(RegistrationRefused, match="another node answers"):
        await there.client.announce(stranger.announcement())
    assert len(there.registry) == 0


async def test_listed_nodes_alone(directory):
    node, stranger = Node(), Node("stranger")
    there = directory(node, identities=frozenset({node.identity.public}))
    await there.client.announce(node.announcement())
    with pytest.raises(RegistrationRefused, match="listed nodes alone"):
        await there.client.announce(stranger.announcement())
    assert not any(url.startswith("http://192.0.2.7:8080") for url in there.internet.asked[6:])


async def test_listed_nodes_are_asked_until_they_answer(directory):
    node, away = Node(), Node("away")
    there = directory(node)
    listed = [ListedNode(each.identity.public, HOST, 8080) for each in (away, node)]
    await there.registration.ask_listed(listed)  # at that address another one answers for the first
    (registered,) = there.registry.registered(WALL_S)
    assert registered.identity == node.identity.public
    asked = len(there.internet.asked)
    await there.registration.ask_listed(listed[1:])
    assert len(there.internet.asked) == asked


async def test_nobody_there_is_told(directory):
    node = Node()
    there = directory(None)
    with pytest.raises(RegistrationRefused, match="does not answer health"):
        await there.client.announce(node.announcement())


@pytest.mark.parametrize(
    ("path", "answer", "says"),
    [
        ("health", httpx.Response(200, json={"status": "down", "uptime": 1}), "not up"),
        ("health", httpx.Response(200, content=b"x" * 300_000), "too long"),
        ("health", httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Drip(b"", 1)), "encoded"),
        ("health", httpx.Response(302, headers={"Location": "http://192.0.2.1/"}), "does not answer health"),
        ("roles", httpx.Response(404), "does not answer roles"),
        ("build-information", httpx.Response(200, json=[]), "codec.malformed"),
        ("host-information", httpx.Response(404), "codec.malformed"),
    ],
)
async def test_answers_that_are_not_as_they_must_be(directory, path, answer, says):
    node = Node()
    there = directory(node)
    there.internet.spoil[path] = answer
    with pytest.raises(RegistrationRefused, match=says):
        await there.client.announce(node.announcement())
    assert len(there.registry) == 0


async def test_loopback_is_for_directories_that_were_told_so(directory):
    node = Node(ip_addresses=("127.0.0.1",))
    there = directory(node, allow_local=True)
    await there.client.announce(node.announcement(host="127.0.0.1"))
    assert len(there.registry) == 1


async def test_what_is_no_announcement(directory):
    there = directory(Node())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(there.app), base_url="http://directory") as http:
        for content, status in ((b"{}", 400), (b"x" * 5000, 413), (b"", 400)):
            answer = await http.post("/api/v1/mix-network/announce", content=content)
            assert answer.status_code == status
            assert answer.json()["message"]


async def test_a_directory_that_is_not_there_is_passed_over(directory):
    node = Node()
    there = directory(node)

    class Both(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            if request.url.host == "nowhere":
                raise httpx.ConnectError("no")
            return await httpx.ASGITransport(there.app).handle_async_request(request)

    client = DirectoryClient(["http://nowhere/api", "http://directory/api"], Both())
    assert await client.announce(node.announcement()) == 1
    client = DirectoryClient(["http://nowhere/api"], Both())
    with pytest.raises(DirectoryUnreachable):
        await client.announce(node.announcement())
    with pytest.raises(DirectoryUnreachable):
        await client.documents()


@virtual_time
async def test_a_directory_that_drips_is_passed_over():
    class Both(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            if request.url.host == "drips":
                return httpx.Response(500, stream=Drip(b"a", 1000, pause_s=9.0))
            if request.url.host == "gives":
                return httpx.Response(200, stream=Drip(b"a", 1000, pause_s=9.0))
            return httpx.Response(200, stream=Drip(b"b", 1))

    async with DirectoryClient(["http://gives/api", "http://directory/api"], Both()) as client:
        assert set((await client.documents()).values()) == {b"b"}
    async with DirectoryClient(["http://drips/api", "http://directory/api"], Both()) as client:
        assert await client.announce(Node().announcement()) == 1
    async with DirectoryClient(["http://drips/api"], Both()) as client:
        with pytest.raises(DirectoryUnreachable):
            await client.announce(Node().announcement())


async def test_counters_are_for_the_nodes_own_machine():
    node = Node()
    node.metrics.received = 42
    node.metrics.drop("replayed")
    for host, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.99", 403)):
        transport = httpx.ASGITransport(node.api, client=(host, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            answer = await http.get("/api/v1/metrics/prometheus")
            assert answer.status_code == status
            assert (await http.get("/api/v1/metrics/packets-stats")).status_code == status
            assert (await http.get("/api/v1/health")).status_code == 200
            if status == 200:
                assert "mix_node_received_total 42.0" in answer.text
                assert 'mix_node_dropped_total{reason="replayed"} 1.0' in answer.text
                page = {"Origin": "https://evil.example"}
                assert (await http.get("/api/v1/metrics/prometheus", headers=page)).status_code == 403


async def test_a_node_says_what_it_is():
    service = ServiceKeys.generate(CRYPTO, SeededRandom("service")).recipient(bytes(32))
    node = Node(ws_port=9000, ip_packet_router=service)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(node.api), base_url="http://node/api/v1/") as http:
        router = (await http.get("ip-packet-router")).json()
        assert router["address"] == service.to_text()
        assert service.to_text().startswith(f"{router['encoded_identity_key']}.{router['encoded_x25519_key']}@")
        gateway = (await http.get("gateway")).json()
        assert gateway["client_interfaces"]["mixnet_websockets"] == {"ws_port": 9000, "wss_port": None}
        told = json.dumps([(await http.get(path)).text for path in ("host-information", "roles", "gateway")])
        assert node.identity.seed.hex() not in told
