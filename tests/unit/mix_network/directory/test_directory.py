"""The directory's answers, read as a client reads them."""

import datetime
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
from support.app_client import AppClient

from mix_network.directory.app import create_app
from mix_network.directory.certificates import issue_server_certificate
from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.draw import draw_rewarded_set
from mix_network.directory.registered_node import RegisteredNode
from mix_network.links.line import LinkEmulation
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, ServiceKeys, SphinxKeyring
from mix_network.origins import Origins
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.topology.described import decode_described
from mix_protocol.topology.documents import decode_key_rotation_info, decode_rewarded_set, decode_skimmed
from mix_protocol.topology.entries import list_entry_gateways
from mix_protocol.topology.exits import list_exits
from mix_protocol.topology.topology import Topology

SCHEDULE = RotationSchedule()
WALL_S = 1_795_249_698.0
SKIMMED = "/api/v2/unstable/nym-nodes/skimmed"


@pytest.fixture(params=["1.36.9", "1.37.0"])
def network(request):
    crypto, random = NativeCrypto(), SeededRandom(7)

    def node(node_id, **roles):
        identity = IdentityKeys.generate(crypto, random).public
        keyring = SphinxKeyring(crypto, random, SCHEDULE, WALL_S)
        facts = NodeFacts(ip_addresses=("127.0.0.1",), mix_port=1000 + node_id, build_version=request.param, **roles)
        described = SelfDescription(identity, keyring, lambda: facts)
        return SimpleNamespace(node_id=node_id, identity=identity, keyring=keyring, described=described)

    entry = node(1, ws_port=9000)
    service = ServiceKeys.generate(crypto, random).recipient(bytes(32))
    exit_ = node(2, ws_port=9001, ip_packet_router=service)
    mixes = [node(10 + number, mixes=True) for number in (1, 2, 3)]

    def registered(wall_s):
        return [RegisteredNode(each.node_id, each.described.describe(wall_s)) for each in (entry, exit_, *mixes)]

    def assign(epoch):
        return draw_rewarded_set(bytes(32), epoch, [each.candidate for each in registered(WALL_S)])

    documents = DirectoryDocuments(registered, assign, SCHEDULE)

    links = LinkEmulation()

    def client(origins):
        return AppClient(create_app(documents, lambda: WALL_S, lambda: {"nodes": []}, origins, links.change))

    return SimpleNamespace(
        client=client(Origins(only_local=False)),
        local_client=client(Origins(only_local=True, also=["https://app.test"])),
        entry=entry,
        exit=exit_,
        mixes=mixes,
        service=service,
        version=request.param,
        links=links,
    )


def get(network, path):
    response = network.client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.content


def test_a_client_builds_its_topology(network):
    rewarded = decode_rewarded_set(get(network, "/api/v1/nym-nodes/rewarded-set"))
    mixnodes = decode_skimmed(get(network, f"{SKIMMED}/mixnodes/active?page=0"))
    gateways = decode_skimmed(get(network, f"{SKIMMED}/entry-gateways?page=0&output=bincode"))
    topology = Topology.from_documents(rewarded, mixnodes, gateways)
    by_id = {mix.node_id: mix for mix in network.mixes}
    layers = [by_id[node_id] for (node_id,) in rewarded.layers]
    assert {each.node_id for each in layers} == set(by_id)
    assert [[node.identity for node in layer] for layer in topology.layers] == [[mix.identity] for mix in layers]
    assert set(topology.gateways) == {network.entry.identity, network.exit.identity}
    assert topology.key_rotation is not KeyRotation.UNKNOWN
    route = topology.route_to(network.exit.identity, SeededRandom(1))
    assert [hop.sphinx_key for hop in route] == [node.keyring.current.public for node in (*layers, network.exit)]


def test_a_client_finds_entries_and_exits(network):
    skimmed = decode_skimmed(get(network, f"{SKIMMED}?page=0&output=bincode"))
    assert len(skimmed.nodes.data) == 5
    assert {gateway.identity for gateway in list_entry_gateways(skimmed)} == {
        network.entry.identity,
        network.exit.identity,
    }
    (exit_,) = list_exits(decode_described(get(network, "/api/v2/nym-nodes/described?page=0")), skimmed)
    assert exit_.recipient == network.service
    assert exit_.version == network.version
    assert exit_.ipr_version == (10 if network.version == "1.37.0" else 9)


def test_epochs_and_rotations_agree(network):
    info = decode_key_rotation_info(get(network, "/api/v1/epoch/key-rotation-info"))
    skimmed = decode_skimmed(get(network, SKIMMED))
    assert info.current_absolute_epoch_id == skimmed.metadata.absolute_epoch_id == SCHEDULE.epoch_at(WALL_S)
    assert info.progress.current_key_rotation_id == skimmed.metadata.rotation_id
    progress = info.progress
    assert (
        progress.current_rotation_starting_epoch
        <= info.current_absolute_epoch_id
        <= progress.current_rotation_ending_epoch
    )
    started = datetime.datetime.fromisoformat(info.current_epoch_start).timestamp()
    assert 0 <= WALL_S - started < info.epoch_duration.seconds
    current = network.client.get("/api/v1/epoch/current").json()
    assert current["total_elapsed_epochs"] == info.current_absolute_epoch_id


@pytest.mark.parametrize(
    ("role", "node_ids"), [("active-mixnode", [11, 12, 13]), ("entry-gateway", [1]), ("gateway", [1]), ("exit", [2])]
)
def test_nodes_by_role(network, role, node_ids):
    nodes = decode_skimmed(get(network, f"{SKIMMED}?role={role}")).nodes.data
    assert [node.node_id for node in nodes] == node_ids


def test_an_unknown_role_is_told(network):
    assert network.client.get(f"{SKIMMED}?role=king").status_code == 400


def test_browsers_of_any_origin_may_ask(network):
    preflight = network.client.options(
        f"{SKIMMED}/entry-gateways?page=0&output=bincode",
        headers={
            "Origin": "http://localhost:8080",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    response = network.client.get("/api/v1/nym-nodes/rewarded-set", headers={"Origin": "http://localhost:8080"})
    assert response.headers["access-control-allow-origin"] == "*"


def test_metrics_are_not_for_pages_of_other_origins(network):
    response = network.client.get("/metrics.json", headers={"Origin": "http://localhost:8080"})
    assert response.json() == {"nodes": []}
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("origin", ["http://localhost:8080", "http://127.0.0.1", "https://app.test"])
def test_where_only_local_pages_may_come_each_is_answered_by_its_name(network, origin):
    preflight = network.local_client.options(
        SKIMMED, headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
    )
    assert preflight.status_code == 200
    response = network.local_client.get("/api/v1/epoch/current", headers={"Origin": origin})
    assert response.status_code == 200
    for answer in (preflight, response):
        assert answer.headers["access-control-allow-origin"] == origin
        assert "origin" in answer.headers["vary"].lower()
    assert network.local_client.get("/api/v1/epoch/current").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/epoch/current", SKIMMED, "/metrics.json", "/nothing"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_where_only_local_pages_may_come_others_are_refused(network, path, origin):
    for response in (
        network.local_client.get(path, headers={"Origin": origin}),
        network.local_client.options(path, headers={"Origin": origin, "Access-Control-Request-Method": "GET"}),
    ):
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers
        assert "--allow-origin" in response.json()["error"]


@pytest.mark.parametrize("path", ["/api/v1/epoch/current", "/metrics.json"])
def test_a_name_that_is_not_of_this_machine_is_refused_whoever_asks(network, path):
    for client in (network.client, network.local_client):
        assert client.get(path, headers={"Host": "evil.example:8000"}).status_code == 403
    assert network.local_client.get(path, headers={"Host": "app.test"}).status_code == 200


def test_over_https_the_certificate_is_what_names_it(network):
    """The published client knows one directory, by its name; who tests with it leads that name here."""
    name, path = "https://directory.example", "/api/v1/epoch/current"
    assert network.local_client.request("GET", path, base_url=name).status_code == 200
    evil = {"Origin": "https://evil.example"}
    assert network.local_client.request("GET", path, evil, base_url=name).status_code == 403


def test_other_paths_do_not_exist(network):
    assert network.client.get("/api/v1/nothing").status_code == 404


def test_the_certificate_is_good_for_its_names_and_its_authority_alone():
    now = datetime.datetime.now(datetime.UTC)
    issued = issue_server_certificate(["localhost", "127.0.0.1"], now)
    stranger = issue_server_certificate(["localhost"], now)
    leaf = x509.load_pem_x509_certificate(issued.certificate_pem)

    def verify(authority_pem: bytes, name: x509.DNSName) -> None:
        store = Store([x509.load_pem_x509_certificate(authority_pem)])
        PolicyBuilder().store(store).time(now).build_server_verifier(name).verify(leaf, [])

    verify(issued.authority_pem, x509.DNSName("localhost"))
    with pytest.raises(x509.verification.VerificationError):
        verify(issued.authority_pem, x509.DNSName("other.test"))
    with pytest.raises(x509.verification.VerificationError):
        verify(stranger.authority_pem, x509.DNSName("localhost"))
    assert issued.key_pem.decode() not in repr(issued)


def test_links_are_switched_and_what_describes_none_is_told(network):
    assert network.local_client.put("/link", content="mobile").status_code == 204
    assert network.links.links.text == "mobile"
    answer = network.local_client.put("/link", content="warp=9")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("there is no 'warp' of a link; it has delay")
    assert network.local_client.put("/link", content="x" * 2000).status_code == 413
    assert network.links.links.text == "mobile"


def test_links_are_not_switched_by_what_any_page_may_send(network):
    for client in (network.client, network.local_client):
        assert client.request("POST", "/link", content="mobile").status_code == 405
        preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
        asked = client.options("/link", headers=preflight)
        assert "access-control-allow-origin" not in asked.headers
    assert network.links.links.text == "none"
