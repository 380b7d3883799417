import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.errors import PeerMisbehaved
from mix_tunnel.rpc.messages import (
    MAX_CHUNK_BYTES,
    MAX_HEAD_LENGTH,
    MAX_ID,
    Call,
    Cancel,
    Chunk,
    Credit,
    Event,
    Failure,
    Result,
    decode_head,
    encode_head,
)

MESSAGES = [
    Call(1, "fetch.start", {"url": "x"}, upload=True),
    Result(2, {"status": 200}, stream=True),
    Result(3),
    Failure(4, "tls.expired", "the certificate has expired", {"days": 3}, retryable=False),
    Event("tunnel.state", {"state": "ready"}),
    Chunk(5, end=True),
    Credit(6, 65_536),
    Cancel(MAX_ID),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip(message):
    assert decode_head(encode_head(message)) == message


def test_form_on_the_wire():
    assert json.loads(encode_head(Failure(7, "a.b", "why"))) == {
        "version": 1,
        "type": "error",
        "id": 7,
        "code": "a.b",
        "message": "why",
        "fields": {},
        "retryable": False,
    }


@pytest.mark.parametrize(
    "head",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"version":1}',
        '{"version":2,"type":"cancel","id":1}',
        '{"version":1,"type":"nonsense","id":1}',
        '{"version":1,"type":["cancel"],"id":1}',
        '{"version":1,"type":"cancel"}',
        '{"version":1,"type":"cancel","id":0}',
        '{"version":1,"type":"cancel","id":-1}',
        '{"version":1,"type":"cancel","id":1.5}',
        '{"version":1,"type":"cancel","id":"1"}',
        '{"version":1,"type":"cancel","id":9007199254740992}',
        '{"version":1,"type":"credit","id":1,"bytes":0}',
        '{"version":1,"type":"credit","id":1,"bytes":-5}',
        '{"version":1,"type":"call","id":1,"method":5}',
        '{"version":1,"type":"call","id":1,"method":"m","params":[]}',
        '{"version":1,"type":"chunk","id":1,"end":"yes"}',
        "[" * 10_000,
    ],
)
def test_refused(head):
    with pytest.raises(PeerMisbehaved):
        decode_head(head)


def test_sizes_are_bounded():
    with pytest.raises(PeerMisbehaved):
        decode_head(encode_head(Call(1, "m", {"x": "y" * MAX_HEAD_LENGTH})))
    assert decode_head(encode_head(Chunk(1)), bytes(MAX_CHUNK_BYTES))
    with pytest.raises(PeerMisbehaved):
        decode_head(encode_head(Chunk(1)), bytes(MAX_CHUNK_BYTES + 1))


def test_only_calls_and_chunks_bring_bytes():
    with pytest.raises(PeerMisbehaved):
        decode_head(encode_head(Cancel(1)), b"x")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
member = st.sampled_from(["version", "type", "id", "method", "params", "bytes", "end", "name", "value", "upload"])
kinds = st.sampled_from(["call", "result", "error", "event", "chunk", "credit", "cancel"])


@given(st.text() | st.dictionaries(member, json_values | kinds | st.just(1)).map(json.dumps))
def test_anything_is_a_message_or_refused(head):
    try:
        decode_head(head)
    except PeerMisbehaved:
        return
