import pytest

from mix_protocol.crypto.provider import InvalidPublicKey
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.gateway.errors import InvalidClientSignature, InvalidGatewaySignature, MalformedFrame, UnexpectedFrame
from mix_protocol.gateway.handshake import ClientHandshake, GatewayHandshake

RANDOM = SeededRandom("handshake")
CLIENT_SEED, GATEWAY_SEED = RANDOM(32), RANDOM(32)


def sides(crypto, random=None, expected_gateway=None):
    random = random or SeededRandom(1)
    identity = expected_gateway or crypto.ed25519_public(GATEWAY_SEED)
    return ClientHandshake(crypto, random, CLIENT_SEED, identity), GatewayHandshake(crypto, random, GATEWAY_SEED)


def test_both_sides_get_the_same_key(crypto):
    client, gateway = sides(crypto)
    init = client.start()
    assert len(init) == 80
    assert init[:32] == crypto.ed25519_public(CLIENT_SEED)
    reply = gateway.respond(init)
    assert len(reply) == 124
    proof, key = client.finish(reply)
    assert len(proof) == 92
    assert gateway.finish(proof) == key
    assert gateway.client_identity == crypto.ed25519_public(CLIENT_SEED)


def test_the_key_is_hkdf_of_the_shared_secret_under_the_salt(crypto):
    drawn = []

    def random(count):
        drawn.append(SeededRandom(len(drawn))(count))
        return drawn[-1]

    client, gateway = sides(crypto, random)
    reply = gateway.respond(client.start())
    _, key = client.finish(reply)
    secret, salt = drawn[0], drawn[1]
    assert key == crypto.hkdf_blake3(crypto.x25519(secret, reply[:32]), salt, 32)


def test_keys_are_fresh(crypto):
    keys = set()
    random = SeededRandom(1)
    for _ in range(3):
        client, gateway = sides(crypto, random)
        keys.add(client.finish(gateway.respond(client.start()))[1])
    assert len(keys) == 3


def test_another_gateway_cannot_pretend(crypto):
    client, gateway = sides(crypto, expected_gateway=crypto.ed25519_public(b"?" * 32))
    with pytest.raises(InvalidGatewaySignature):
        client.finish(gateway.respond(client.start()))


@pytest.mark.parametrize("at", [0, 31, 32, 111, 112, 123])
def test_a_changed_reply_is_noticed(crypto, at):
    client, gateway = sides(crypto)
    reply = bytearray(gateway.respond(client.start()))
    reply[at] ^= 1
    with pytest.raises(InvalidGatewaySignature):
        client.finish(bytes(reply))


@pytest.mark.parametrize("at", [0, 79, 80, 91])
def test_a_changed_proof_is_noticed(crypto, at):
    client, gateway = sides(crypto)
    proof = bytearray(client.finish(gateway.respond(client.start()))[0])
    proof[at] ^= 1
    with pytest.raises(InvalidClientSignature):
        gateway.finish(bytes(proof))


def test_a_client_cannot_take_anothers_identity(crypto):
    client, gateway = sides(crypto)
    init = crypto.ed25519_public(b"victim's seed".ljust(32)) + client.start()[32:]
    proof, _ = client.finish(gateway.respond(init))
    with pytest.raises(InvalidClientSignature):
        gateway.finish(proof)


def test_a_proof_cannot_be_replayed(crypto):
    random = SeededRandom(1)
    client, gateway = sides(crypto, random)
    init = client.start()
    proof, _ = client.finish(gateway.respond(init))
    other = GatewayHandshake(crypto, random, GATEWAY_SEED)
    other.respond(init)
    with pytest.raises(InvalidClientSignature):
        other.finish(proof)


@pytest.mark.parametrize("length", [0, 79, 81, 123, 125])
def test_wrong_lengths(crypto, length):
    client, gateway = sides(crypto)
    with pytest.raises(UnexpectedFrame):
        gateway.finish(bytes(length))
    init = client.start()
    for receive in (client.finish, gateway.respond):
        with pytest.raises(MalformedFrame):
            receive(bytes(length))
    gateway.respond(init)
    with pytest.raises(MalformedFrame):
        gateway.finish(bytes(length))


def test_keys_of_low_order_are_refused(crypto):
    client, gateway = sides(crypto)
    init = client.start()
    with pytest.raises(InvalidPublicKey):
        gateway.respond(init[:32] + bytes(32) + init[64:])
    with pytest.raises(InvalidPublicKey):
        client.finish(bytes(124))
