"""Whatever a server sends and however it is cut into pieces, one reading comes out, which a strict parser confirms."""

from __future__ import annotations

import contextlib

import h11
from hypothesis import example, given
from hypothesis import strategies as st
from support.odd_answers import ODD_ANSWERS

from mix_protocol.errors import PeerMisbehaved
from mix_tunnel.runtime.http.http1.chunks import ChunkReader
from mix_tunnel.runtime.http.http1.head import HeadReader
from mix_tunnel.runtime.http.http1.reader import ResponseReader

WIRES = [answer.wire for answer in ODD_ANSWERS if len(answer.wire) < 2_000]
SCRAPS = [
    *(b"HTTP/1.1 200 OK", b"HTTP/1.0 404 No", b"HTTP/1.1 100 Continue", b"HTTP/1.1 204 None"),
    *(b"Content-Length:", b"Transfer-Encoding:", b"X-A:", b"chunked", b"identity", b","),
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"0", b"2", b"a", b";", b":", b"ok", b"HTTP/1.1 200 OK\r\n\r\n"),
]
METHODS = st.sampled_from(["GET", "HEAD", "POST"])


@st.composite
def answers(draw):
    """An odd answer with a few bytes taken out, put in or changed; or scraps of answers in any order."""
    if draw(st.booleans()):
        return b"HTTP/1.1 200 OK\r\n" + b"".join(draw(st.lists(st.sampled_from(SCRAPS), max_size=30)))
    wire = bytearray(draw(st.sampled_from(WIRES)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(wire)))
        wire[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from(SCRAPS) | st.binary(max_size=2))
    return bytes(wire)


def read(method: str, pieces: list[bytes]) -> tuple[object, ...]:
    """What a reader makes of pieces: the strict parser's heads and body, and how it ended."""
    reader = ResponseReader(method)
    strict = h11.Connection(our_role=h11.CLIENT)
    strict.send(h11.Request(method=method, target="/", headers=[("Host", "a.test"), ("Content-Length", "0")]))
    strict.send(h11.EndOfMessage())
    heads: list[object] = []
    body = b""
    for piece in pieces:
        if reader.failure is not None:
            break
        plain = reader.feed(piece)
        if plain:
            strict.receive_data(plain)
        while (event := strict.next_event()) not in (
            h11.NEED_DATA,
            h11.PAUSED,
        ):  # never raises: nothing is left to guess
            if isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert reader.ended
                break
            else:
                heads.append((event.status_code, bytes(event.reason), tuple(event.headers.raw_items())))
    assert strict.trailing_data[0] == b""  # what came unasked is the reader's
    failure = None if reader.failure is None else (type(reader.failure), str(reader.failure))
    assert failure is None or isinstance(reader.failure, PeerMisbehaved)
    return heads, body, reader.ended, reader.odd, failure


@given(METHODS, answers())
@example("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\rX")
def test_byte_by_byte_is_as_all_at_once(method, wire):
    whole = read(method, [wire])
    assert read(method, [wire[index : index + 1] for index in range(len(wire))]) == whole


@given(METHODS, answers(), st.data())
def test_any_pieces_are_as_all_at_once(method, wire, data):
    cut = data.draw(st.integers(0, len(wire)))
    assert read(method, [piece for piece in (wire[:cut], wire[cut:]) if piece]) == read(method, [wire])


@given(st.binary(max_size=300))
def test_a_head_is_read_again_as_it_was_read(noise):
    with contextlib.suppress(PeerMisbehaved):
        head = HeadReader().feed(b"HTTP/1.1 200 " + noise + b"\r\n\r\n")
        assert head is not None
        again = HeadReader().feed(head.wire())
        assert again is not None
        assert (again.status, again.reason, again.fields, again.odd) == (head.status, head.reason, head.fields, False)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 9))
def test_chunks_give_back_what_was_chunked(pieces, step):
    wire = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\nrest"
    reader = ChunkReader()
    got = b"".join(reader.feed(wire[at : at + step]) for at in range(0, len(wire) - 4, step))
    assert (got, reader.ended, reader.odd, reader.failure) == (b"".join(pieces), True, False, None)


@given(answers(), answers())
def test_two_lengths_never_leave_a_connection_in_use(first, second):
    """Whoever reads an answer otherwise than we do finds the next one elsewhere; we find none behind it."""
    reader = ResponseReader("GET")
    reader.feed(first + second)
    lengths = first.lower().count(b"content-length") + first.lower().count(b"transfer-encoding")
    if reader.ended and not reader.odd and not reader.rest:
        assert lengths <= 1 or b"HTTP/1.1 1" in first
