import json
from dataclasses import replace

import pytest

from mix_protocol.codec import base58
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.node_api.errors import InvalidSignature, UnusableAddress
from mix_protocol.node_api.host_information import (
    NO_ROTATION,
    check_addresses,
    decode_host_information,
    encode_host_information,
)
from mix_protocol.topology.described import HostInformation, HostKeys, NoiseKey, SphinxKey

SEED = b"\x07" * 32
SPHINX, NEXT, NOISE = (base58.encode(bytes([number]) * 32) for number in (1, 2, 3))


@pytest.fixture
def information(crypto) -> HostInformation:
    return HostInformation(
        ip_address=["1.2.3.4", "2001:db8::1"],
        hostname="node.example",
        keys=HostKeys(
            ed25519=base58.encode(crypto.ed25519_public(SEED)),
            x25519=SPHINX,
            current_x25519_sphinx_key=SphinxKey(rotation_id=41, public_key=SPHINX),
            pre_announced_x25519_sphinx_key=SphinxKey(rotation_id=42, public_key=NEXT),
            x25519_versioned_noise=NoiseKey(supported_version=1, x25519_pubkey=NOISE),
        ),
    )


def signed(crypto, data: object, *, over: object = None) -> bytes:
    """A document as a node of another make writes it, with a signature over `over` or itself."""
    text = json.dumps(data if over is None else over, separators=(",", ":"))
    signature = base58.encode(crypto.ed25519_sign(SEED, text.encode()))
    return json.dumps({"data": data, "signature": signature}).encode()


def test_what_is_signed_is_the_compact_text_in_the_nodes_order(crypto, information):
    document = json.loads(encode_host_information(crypto, SEED, information))
    identity = information.keys.ed25519
    text = (
        '{"ip_address":["1.2.3.4","2001:db8::1"],"hostname":"node.example","keys":{'
        f'"ed25519_identity":"{identity}","x25519_sphinx":"{SPHINX}",'
        f'"primary_x25519_sphinx_key":{{"rotation_id":41,"public_key":"{SPHINX}"}},'
        f'"pre_announced_x25519_sphinx_key":{{"rotation_id":42,"public_key":"{NEXT}"}},'
        f'"x25519_versioned_noise":{{"supported_version":1,"x25519_pubkey":"{NOISE}"}}}}}}'
    )
    assert json.dumps(document["data"], separators=(",", ":")) == text
    signature = base58.decode(document["signature"], 64)
    assert crypto.ed25519_verify(crypto.ed25519_public(SEED), text.encode(), signature)


def test_it_comes_back(crypto, information):
    assert decode_host_information(crypto, encode_host_information(crypto, SEED, information)) == information
    plain = replace(
        information,
        hostname=None,
        keys=replace(information.keys, pre_announced_x25519_sphinx_key=None, x25519_versioned_noise=None),
    )
    encoded = encode_host_information(crypto, SEED, plain)
    assert b'"pre_announced_x25519_sphinx_key":null,"x25519_versioned_noise":null' in encoded
    assert decode_host_information(crypto, encoded) == plain


def test_addresses_are_signed_as_rust_writes_them(crypto, information):
    odd = replace(information, ip_address=["2001:DB8:0:0::1", "::ffff:1.2.3.4"])
    encoded = encode_host_information(crypto, SEED, odd)
    assert b'["2001:db8::1","::ffff:1.2.3.4"]' in encoded
    respelt = encoded.replace(b"2001:db8::1", b"2001:0db8:0::0001")
    assert decode_host_information(crypto, respelt).ip_address == ["2001:db8::1", "::ffff:1.2.3.4"]


def test_members_that_are_not_known_are_outside_of_the_signature(crypto, information):
    document = json.loads(encode_host_information(crypto, SEED, information))
    document["data"]["newer"] = 1
    document["data"]["keys"]["newest"] = 1
    assert decode_host_information(crypto, json.dumps(document).encode()) == information


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.2.3.4", "1.2.3.5"),
        ("node.example", "nodes.example"),
        (SPHINX, NEXT),
        ('"rotation_id":41', '"rotation_id":43'),
    ],
)
def test_nothing_that_is_known_can_be_changed(crypto, information, old, new):
    encoded = encode_host_information(crypto, SEED, information)
    assert old.encode() in encoded
    with pytest.raises(InvalidSignature):
        decode_host_information(crypto, encoded.replace(old.encode(), new.encode()))


def test_of_older_shapes_only_what_they_cover_is_believed(crypto):
    identity = base58.encode(crypto.ed25519_public(SEED))
    place = {"ip_address": ["1.2.3.4"], "hostname": None}
    spliced = {  # whatever somebody on the way has added
        "primary_x25519_sphinx_key": {"rotation_id": 41, "public_key": SPHINX},
        "pre_announced_x25519_sphinx_key": {"rotation_id": 42, "public_key": NEXT},
        "x25519_versioned_noise": {"supported_version": 7, "x25519_pubkey": NOISE},
    }
    names = {"ed25519_identity": identity, "x25519_sphinx": SPHINX}
    only = HostKeys(
        ed25519=identity,
        x25519=SPHINX,
        current_x25519_sphinx_key=SphinxKey(rotation_id=NO_ROTATION, public_key=SPHINX),
    )
    with_noise = replace(only, x25519_versioned_noise=NoiseKey(supported_version=1, x25519_pubkey=NOISE))
    third = {**place, "keys": {**names, "x25519_noise": None}}
    second = {**place, "keys": {**names, "x25519_noise": ""}}
    first = {**place, "keys": {"ed25519": identity, "x25519": SPHINX}}
    for older in (third, second, first):
        assert decode_host_information(crypto, signed(crypto, older)).keys == only
    noisy = {**place, "keys": {**names, "x25519_noise": NOISE}}
    document = signed(crypto, {**place, "keys": {**names, **spliced}}, over=noisy)
    assert decode_host_information(crypto, document).keys == with_noise
    document = signed(crypto, {**place, "keys": {**first["keys"], **spliced}}, over=first)
    assert decode_host_information(crypto, document).keys == only


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b'{"data":{"ip_address":[],"keys":{}},"signature":"11"}',
        b'{"data":{"ip_address":["1.2.3"],"keys":{"ed25519":"11","x25519":"11"}},"signature":"11"}',
    ],
)
def test_what_has_another_shape_is_malformed(crypto, document):
    with pytest.raises(MalformedMessage):
        decode_host_information(crypto, document)


@pytest.mark.parametrize("address", ["fe80::1%eth0", "1.2.3.4.5", "example.org"])
def test_addresses_are_addresses(crypto, information, address):
    document = json.loads(encode_host_information(crypto, SEED, information))
    document["data"]["ip_address"] = [address]
    with pytest.raises(MalformedMessage):
        decode_host_information(crypto, json.dumps(document).encode())
    document["data"]["ip_address"] = ["1.2.3.4"] * 65
    with pytest.raises(MalformedMessage):
        decode_host_information(crypto, json.dumps(document).encode())


def test_a_node_signs_for_itself_alone(crypto, information):
    with pytest.raises(ValueError, match="identity"):
        encode_host_information(crypto, b"\x08" * 32, information)
    without = replace(information, keys=replace(information.keys, current_x25519_sphinx_key=None))
    with pytest.raises(ValueError, match="Sphinx key"):
        encode_host_information(crypto, SEED, without)


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "::", "::1", "ff02::1"])
def test_an_address_that_nobody_reaches(information, address):
    check_addresses(information)
    with pytest.raises(UnusableAddress):
        check_addresses(replace(information, ip_address=["1.2.3.4", address]))
    with pytest.raises(UnusableAddress):
        check_addresses(replace(information, ip_address=[]))
