"""What a node tells of itself: public keys, those of the moment, and its roles."""

from mix_network.directory.registered_node import RegisteredNode
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_keys import IdentityKeys, ServiceKeys, SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.codec import base58
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.topology.described import DescribedNode, DescribedNodes, decode_described, encode_described
from mix_protocol.topology.documents import SupportedRoles

CRYPTO = NativeCrypto()
SCHEDULE = RotationSchedule(epoch_duration_s=60, validity_epochs=4, genesis_unix_s=0)
ROTATION_S = 240.0


class Node:
    def __init__(self, **roles):
        random = SeededRandom("self")
        self.identity = IdentityKeys.generate(CRYPTO, random)
        self.keyring = SphinxKeyring(CRYPTO, random, SCHEDULE, 10 * ROTATION_S)
        self.service = ServiceKeys.generate(CRYPTO, random)
        facts = NodeFacts(ip_addresses=("192.0.2.1",), mix_port=1789, build_version="1.40.0", **roles)
        self.says = SelfDescription(self.identity.public, self.keyring, lambda: facts)


def test_what_a_directory_lists_is_what_the_node_says():
    node = Node(mixes=True, ws_port=9000, hostname="node.example", wss_port=9001)
    description = node.says.describe(10 * ROTATION_S)
    listed = decode_described(encode_described(DescribedNodes.of([DescribedNode(node_id=7, description=description)])))
    assert listed.data[0].description == description
    assert description.declared_role == SupportedRoles(mixnode=True, entry=True)
    registered = RegisteredNode(7, description)
    assert registered.identity == node.identity.public
    assert registered.mix_port == 1789
    assert (registered.candidate.mixes, registered.candidate.enters, registered.candidate.exits) == (True, True, False)


def test_the_next_key_is_told_in_the_last_epoch_of_a_rotation_and_chosen_by_who_asks_for_the_next():
    node = Node(mixes=True)
    before = RegisteredNode(1, node.says.describe(10 * ROTATION_S + 60))
    keys = before.description.host_information.keys
    assert keys.pre_announced_x25519_sphinx_key is None
    assert before.sphinx_key(10) == keys.x25519 == keys.current_x25519_sphinx_key.public_key
    late = RegisteredNode(1, node.says.describe(11 * ROTATION_S - 1))
    announced = late.description.host_information.keys.pre_announced_x25519_sphinx_key
    assert announced.rotation_id == 11
    # What was asked before the boundary is still right behind it.
    assert late.sphinx_key(11) == announced.public_key != late.sphinx_key(10) == keys.x25519
    after = RegisteredNode(1, node.says.describe(11 * ROTATION_S))
    assert after.sphinx_key(11) == announced.public_key


def test_a_key_of_no_known_rotation_falls_back_to_the_one_in_force():
    node = Node(mixes=True)
    registered = RegisteredNode(1, node.says.describe(10 * ROTATION_S))
    assert registered.sphinx_key(99) == base58.encode(node.keyring.current.public)


def test_no_secret_leaves_it():
    node = Node(mixes=True)
    told = encode_described(
        DescribedNodes.of([DescribedNode(node_id=1, description=node.says.describe(11 * ROTATION_S - 1))])
    ).decode()
    secrets = [node.identity.seed, *(pair.secret for pair in node.keyring.pairs)]
    for secret in secrets:
        assert base58.encode(secret) not in told
        assert secret.hex() not in told
