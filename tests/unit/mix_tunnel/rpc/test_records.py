import pytest

from mix_tunnel.rpc.errors import MalformedRpcMessage
from mix_tunnel.rpc.records import Record, RecordBody, RecordDecoder, read_records

HELLO = bytes.fromhex("01 00000005") + b"hello"


async def pieces(*data: bytes):
    for piece in data:
        yield piece


def test_layout():
    assert Record(1, b"hello").encode() == HELLO
    assert Record(255).encode() == bytes.fromhex("ff 00000000")


def test_a_record_is_given_when_its_last_byte_is_here():
    decoder = RecordDecoder(5)
    assert decoder.receive(HELLO[:-1]) == []
    assert decoder.receive(HELLO[-1:] + HELLO) == [Record(1, b"hello"), Record(1, b"hello")]
    decoder.end()


def test_a_record_that_is_too_large_is_refused_by_its_head():
    with pytest.raises(MalformedRpcMessage):
        RecordDecoder(4).receive(HELLO[:5])


async def test_a_stream_that_ends_inside_a_record():
    records = read_records(pieces(HELLO, HELLO[:3]), 5)
    assert await anext(records) == Record(1, b"hello")
    with pytest.raises(MalformedRpcMessage):
        await anext(records)


async def test_a_body_gives_a_record_in_as_many_pieces_as_there_is_room_for():
    waiting = [Record(1, b"hello"), None]
    closed = []

    async def next_record() -> Record | None:
        return waiting.pop(0)

    async def close() -> None:
        closed.append(True)

    body = RecordBody(next_record, close)
    assert [await body.read(6), await body.read(6), await body.read(6)] == [HELLO[:6], HELLO[6:], b""]
    await body.aclose()
    assert closed == [True]
