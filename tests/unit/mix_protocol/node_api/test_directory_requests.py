import json

import pytest

from mix_protocol.codec import base58
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.node_api.answers import decode_answer, encode_answer
from mix_protocol.node_api.directory_requests import AddressesAnswer, AddressesRequest, RefreshRequest
from mix_protocol.node_api.errors import InvalidSignature, StaleRequest

SEED = b"\x07" * 32
NOW = 1_800_000_000


def test_a_request_is_signed_over_identity_time_and_purpose(crypto):
    request = RefreshRequest.sign(crypto, SEED, NOW)
    public = crypto.ed25519_public(SEED)
    body = json.loads(request.encode())
    assert list(body) == ["node_identity", "request_timestamp", "signature"]
    assert body["node_identity"] == base58.encode(public)
    text = public + NOW.to_bytes(8, "big") + b"describe-cache-refresh-request"
    assert crypto.ed25519_verify(public, text, bytes(body["signature"]))
    assert RefreshRequest.decode(request.encode()) == request


@pytest.mark.parametrize(("later_s", "error"), [(0, None), (30, None), (-0.5, StaleRequest), (30.5, StaleRequest)])
def test_a_request_holds_for_half_a_minute(crypto, later_s, error):
    request = RefreshRequest.sign(crypto, SEED, NOW)
    if error is None:
        request.check(crypto, NOW + later_s)
    else:
        with pytest.raises(error):
            request.check(crypto, NOW + later_s)


def test_whoever_else_signs_is_refused(crypto):
    request = RefreshRequest.sign(crypto, SEED, NOW)
    for other in (
        RefreshRequest(crypto.ed25519_public(b"\x08" * 32), NOW, request.signature),
        RefreshRequest(request.identity, NOW - 1, request.signature),
        RefreshRequest(request.identity, NOW, bytes(64)),
    ):
        with pytest.raises(InvalidSignature):
            other.check(crypto, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"signature": [0] * 63},
        {"signature": [256] + [0] * 63},
        {"signature": "text"},
        {"request_timestamp": 1 << 63},
        {"request_timestamp": 1.5},
        {"node_identity": "11"},
        {"node_identity": None},
    ],
)
def test_what_is_no_request_is_malformed(crypto, change):
    body = {**json.loads(RefreshRequest.sign(crypto, SEED, NOW).encode()), **change}
    with pytest.raises(MalformedMessage):
        RefreshRequest.decode(json.dumps(body).encode())


def test_which_nodes_have_these_addresses():
    question = AddressesRequest(addresses=["1.2.3.4", "2001:db8::1"])
    assert encode_answer(question) == b'{"addresses":["1.2.3.4","2001:db8::1"]}'
    assert decode_answer(encode_answer(question), AddressesRequest, "question") == question
    answer = AddressesAnswer(existence={"1.2.3.4": 7, "2001:db8::1": None})
    assert encode_answer(answer) == b'{"existence":{"1.2.3.4":7,"2001:db8::1":null}}'
    assert decode_answer(encode_answer(answer), AddressesAnswer, "answer") == answer


@pytest.mark.parametrize("addresses", [["1.2.3"], ["node.example"], ["1.2.3.4"] * 1_001])
def test_what_is_asked_for_are_addresses_and_not_too_many(addresses):
    with pytest.raises(MalformedMessage):
        decode_answer(json.dumps({"addresses": addresses}).encode(), AddressesRequest, "question")
