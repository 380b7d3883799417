"""What nodes tell of themselves, and ask a directory: how long the worst of it takes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.bounded_work import check_bounded

from mix_protocol.codec import base58
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.node_api.answers import MAX_ANSWER_LENGTH, decode_answer
from mix_protocol.node_api.directory_requests import MAX_ASKED_ADDRESSES, AddressesRequest, RefreshRequest
from mix_protocol.node_api.exit_policy import UsedExitPolicy
from mix_protocol.node_api.host_information import decode_host_information
from mix_protocol.node_api.metrics import SessionStats

CRYPTO = NativeCrypto()
KEY = base58.encode(b"\xff" * 32)


def fill(start: str, piece: str, end: str) -> bytes:
    """As many pieces as an answer has room for."""
    return (start + ",".join([piece] * ((MAX_ANSWER_LENGTH - len(start + end)) // (len(piece) + 1))) + end).encode()


def host(**changes: object) -> bytes:
    keys = {"ed25519_identity": KEY, "x25519_sphinx": KEY}
    data = {"ip_address": ["ffff:" * 7 + "ffff"] * 64, "hostname": "a" * 1000, "keys": keys, **changes}
    return json.dumps({"data": data, "signature": base58.encode(b"\xff" * 64)}).encode()


TEXTS: dict[str, Callable[[], bytes]] = {
    "a signature that is nobody's": host,
    "a long host name": lambda: host(hostname="\x01" * (MAX_ANSWER_LENGTH // 7)),
    "addresses": lambda: fill('{"addresses":[', '"1.1.1.1"', "]}"),
    "as many addresses as there may be": lambda: json.dumps(
        {"addresses": ["ffff:" * 7 + "ffff"] * MAX_ASKED_ADDRESSES}
    ).encode(),
    "rules": lambda: fill(
        '{"enabled":true,"policy":{"rules":[',
        '{"action":"reject6","pattern":{"ip_pattern":"*","ports":{"start":1,"end":2}}}',
        "]}}",
    ),
    "sessions": lambda: fill('{"update_time":"","sessions":[', '{"duration_ms":1,"typ":""}', "]}"),
    "numbers": lambda: fill(f'{{"node_identity":"{KEY}","request_timestamp":1,"signature":[', "1", "]}"),
    "brackets": lambda: b"[" * MAX_ANSWER_LENGTH,
    "an open string of quotes": lambda: b'"' + b'\\"' * (MAX_ANSWER_LENGTH // 2 - 1),
}


@pytest.mark.parametrize("case", TEXTS)
def test_answers_and_requests(case: str):
    text = TEXTS[case]()
    assert len(text) <= MAX_ANSWER_LENGTH
    check_bounded(lambda: decode_host_information(CRYPTO, text))
    check_bounded(lambda: RefreshRequest.decode(text))
    for kind in (AddressesRequest, UsedExitPolicy, SessionStats):
        check_bounded(lambda kind=kind: decode_answer(text, kind, "answer"))
