from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mix_tunnel.rpc.errors import MalformedRpcMessage
from mix_tunnel.rpc.records import HEAD_BYTES, Record, RecordDecoder

RECORDS = st.lists(st.builds(Record, st.integers(0, 255), st.binary(max_size=40)), max_size=8)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(RECORDS, st.lists(st.integers(0, 10_000), max_size=12))
def test_records_come_back_whatever_the_pieces(records: list[Record], places: list[int]):
    decoder = RecordDecoder(40)
    stream = b"".join(record.encode() for record in records)
    assert [record for piece in cut(stream, places) for record in decoder.receive(piece)] == records
    decoder.end()


@given(st.lists(st.binary(max_size=64), max_size=12))
def test_any_bytes_are_records_or_refused_and_memory_is_bounded(pieces: list[bytes]):
    decoder = RecordDecoder(100)
    try:
        for piece in pieces:
            assert all(len(record.payload) <= 100 for record in decoder.receive(piece))
            assert len(decoder._buffer) < HEAD_BYTES + 100
        decoder.end()
    except MalformedRpcMessage:
        pass
