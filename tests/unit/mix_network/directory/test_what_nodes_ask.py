"""What nodes ask a directory, and whom it answers how."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from support.app_client import AppClient

from mix_network.directory.app import create_app
from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.draw import draw_rewarded_set
from mix_network.directory.refreshing import RefreshRequests
from mix_network.directory.registered_node import RegisteredNode
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, NoiseKeys, SphinxKeyring
from mix_network.origins import Origins
from mix_network.rotation import RotationSchedule
from mix_protocol.codec import base58
from mix_protocol.codec.bincode import BincodeReader
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.node_api.directory_requests import RefreshRequest
from mix_protocol.topology.described import decode_described
from mix_protocol.topology.documents import decode_skimmed
from mix_protocol.topology.semi_skimmed import decode_semi_skimmed

CRYPTO = NativeCrypto()
SCHEDULE = RotationSchedule()
WALL_S = 1_795_249_698.0
SEMI_SKIMMED = "/api/v{}/unstable/nym-nodes/semi-skimmed"
REFRESH = "/api/v1/nym-nodes/refresh-described"
BY_ADDRESSES = "/api/v1/unstable/nym-nodes/by-addresses"


@pytest.fixture
def directory():
    """Five nodes, each at addresses of its own, of which those with even numbers announce a Noise key."""
    random, nodes, clock, looked = SeededRandom(7), {}, [WALL_S], []
    for number in range(1, 6):
        noise = NoiseKeys.generate(CRYPTO, random) if number % 2 == 0 else None
        identity, keyring = IdentityKeys.generate(CRYPTO, random), SphinxKeyring(CRYPTO, random, SCHEDULE, WALL_S)
        roles = {"ws_port": 9000} if number > 3 else {"mixes": True}
        addresses = (f"192.0.2.{number}", f"2001:db8::{number}")
        facts = NodeFacts(ip_addresses=addresses, mix_port=1789, build_version="1.40.0", **roles)
        description = SelfDescription(
            identity.public, keyring, lambda facts=facts: facts, noise.public if noise is not None else None
        )
        nodes[number] = SimpleNamespace(identity=identity, noise=noise, description=description)

    def registered(wall_s):
        return [RegisteredNode(number, node.description.describe(wall_s)) for number, node in nodes.items()]

    def assign(epoch):
        return draw_rewarded_set(bytes(32), epoch, [each.candidate for each in registered(WALL_S)])

    app = create_app(
        DirectoryDocuments(registered, assign, SCHEDULE),
        lambda: clock[0],
        dict,
        Origins(only_local=False),
        lambda _: None,
        look_again=looked.append,
    )
    return SimpleNamespace(http=AppClient(app), nodes=nodes, clock=clock, looked=looked)


def test_nodes_learn_of_all_nodes_and_their_noise_keys(directory):
    answer = directory.http.get(SEMI_SKIMMED.format(2) + "?page=0")
    assert answer.headers["content-type"] == "application/json"
    document = decode_semi_skimmed(answer.content)
    skimmed = decode_skimmed(directory.http.get("/api/v2/unstable/nym-nodes/skimmed").content)
    assert [node.basic for node in document.nodes.data] == skimmed.nodes.data
    assert document.metadata == skimmed.metadata
    for node in document.nodes.data:
        noise, key = directory.nodes[node.basic.node_id].noise, node.x25519_noise_versioned_key
        assert (key is None) is (noise is None)
        if key is not None:
            assert (key.supported_version, base58.decode(key.x25519_pubkey)) == (1, noise.public)
    assert set(answer.json()) == {"metadata", "nodes"}
    assert set(answer.json()["nodes"]["data"][0]) == {"basic", "x25519_noise_versioned_key"}


def test_the_oldest_version_has_no_epochs(directory):
    second, first = (directory.http.get(SEMI_SKIMMED.format(version)).json() for version in (2, 1))
    assert first == {
        "status": None,
        "refreshed_at": second["metadata"]["refreshed_at"],
        "nodes": second["nodes"],
    }


def test_the_newest_version_tells_the_software_too_and_comes_as_bincode(directory):
    answer = directory.http.get(SEMI_SKIMMED.format(3)).json()
    second = directory.http.get(SEMI_SKIMMED.format(2)).json()
    assert answer["metadata"] == second["metadata"]
    for new, old in zip(answer["nodes"]["data"], second["nodes"]["data"], strict=True):
        assert new == {
            "basic": old["basic"],
            "noise_key": old["x25519_noise_versioned_key"],
            "build_version": "1.40.0",
            "lp": None,
        }
    packed = directory.http.get(SEMI_SKIMMED.format(3) + "?output=bincode")
    assert packed.headers["content-type"] == "application/bincode"
    reader = BincodeReader(packed.content, "list", byteorder="little")
    assert not reader.boolean()
    assert [reader.uint(), reader.uint()] == [answer["metadata"][name] for name in ("absolute_epoch_id", "rotation_id")]
    assert reader.string(64) == answer["metadata"]["refreshed_at"]
    assert [reader.uint() for _ in range(4)] == [5, 0, 5, 5]
    assert reader.uint() == answer["nodes"]["data"][0]["basic"]["node_id"]


def test_the_older_description_says_nothing_of_the_lewes_protocol(directory):
    first, second = (directory.http.get(f"/api/v{version}/nym-nodes/described") for version in (1, 2))
    assert decode_described(first.content) == decode_described(second.content)
    for row in second.json()["data"]:
        del row["description"]["lewes_protocol"]
    assert [row["description"] for row in first.json()["data"]] == [
        {name: value for name, value in row["description"].items() if name != "lewes_protocol"}
        for row in second.json()["data"]
    ]
    assert "lewes_protocol" not in first.text


def ask(directory, request: RefreshRequest) -> tuple[int, object]:
    answer = directory.http.post(REFRESH, content=request.encode())
    return answer.status_code, answer.json()


def test_a_node_is_looked_at_again_when_it_asks_and_at_most_once_a_minute(directory):
    first, second = directory.nodes[1].identity, directory.nodes[2].identity
    assert ask(directory, RefreshRequest.sign(CRYPTO, first.seed, int(WALL_S))) == (200, None)
    status, answer = ask(directory, RefreshRequest.sign(CRYPTO, first.seed, int(WALL_S)))
    assert (status, answer["message"]) == (429, "this node has asked within the last minute; wait a while")
    assert ask(directory, RefreshRequest.sign(CRYPTO, second.seed, int(WALL_S))) == (200, None)
    directory.clock[0] += 59
    assert ask(directory, RefreshRequest.sign(CRYPTO, first.seed, int(WALL_S + 59)))[0] == 429
    directory.clock[0] += 1
    assert ask(directory, RefreshRequest.sign(CRYPTO, first.seed, int(WALL_S + 60)))[0] == 200
    assert directory.looked == [first.public, second.public, first.public]


def test_whoever_else_asks_is_told_what_is_wrong(directory):
    seed, stranger = directory.nodes[1].identity.seed, b"\x01" * 32
    assert ask(directory, RefreshRequest.sign(CRYPTO, stranger, int(WALL_S)))[0] == 404
    genuine = RefreshRequest.sign(CRYPTO, seed, int(WALL_S))
    forged = RefreshRequest(genuine.identity, genuine.timestamp + 1, genuine.signature)
    assert ask(directory, forged)[0] == 401
    for timestamp in (WALL_S + 1, WALL_S - 31):
        assert ask(directory, RefreshRequest.sign(CRYPTO, seed, int(timestamp)))[0] == 400
    for body in (b"", b"null", b"{}", b"[" * 1000):
        answer = directory.http.post(REFRESH, content=body)
        assert answer.status_code == 400
        assert answer.json()["message"].startswith("malformed refresh request")
    assert directory.http.post(REFRESH, content=b" " * (256 * 1024 + 1)).status_code == 413
    assert directory.http.get(REFRESH).status_code == 405
    assert directory.looked == []
    assert ask(directory, genuine)[0] == 200


def test_a_directory_whose_clock_was_set_back_forgets_what_is_to_come():
    known, looked = RefreshRequest.sign(CRYPTO, b"\x01" * 32, 1000), []
    requests = RefreshRequests(CRYPTO, lambda identity, wall_s: True, looked.append)
    assert requests.take(known, 1000.0)[0] == 200
    earlier = RefreshRequest.sign(CRYPTO, b"\x01" * 32, 500)
    assert requests.take(earlier, 500.0)[0] == 200
    assert len(looked) == 2


def test_whose_addresses_these_are(directory):
    asked = ["192.0.2.1", "2001:db8::2", "::ffff:192.0.2.3", "192.0.2.99", "2001:0db8::0001"]
    answer = directory.http.post(BY_ADDRESSES, content=json.dumps({"addresses": asked}))
    assert answer.json() == {"existence": dict(zip(asked, [1, 2, 3, None, 1], strict=True))}
    for wrong in (b"", b'{"addresses":["node.example"]}', json.dumps({"addresses": ["192.0.2.1"] * 1001})):
        assert directory.http.post(BY_ADDRESSES, content=wrong).status_code == 400
