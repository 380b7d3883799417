"""Frames that are put together say what they said one by one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mix_tunnel.runtime.http.http2.frames import (
    DATA,
    END_STREAM,
    MAX_FRAME_BYTES,
    PADDED,
    SETTINGS,
    WINDOW_UPDATE,
    make_frame,
)
from mix_tunnel.runtime.http.http2.merging import merged

STREAMS = st.integers(0, 3)
PIECES = st.sampled_from([b"", b"a", b"some words", bytes(9_000)])
FRAMES = st.one_of(
    st.builds(make_frame, st.just(DATA), st.sampled_from([0, 0, 0, END_STREAM, PADDED]), STREAMS, PIECES),
    st.builds(
        make_frame,
        st.just(WINDOW_UPDATE),
        st.just(0),
        STREAMS,
        st.sampled_from([0, 1, 1_000, 2**31 - 1]).map(lambda number: number.to_bytes(4, "big")) | st.just(b"x"),
    ),
    st.just(make_frame(SETTINGS, 0, 0, b"")),
)


def meaning(frames):
    """The bodies with their ends, the room given to each stream, and all else in its order."""
    bodies = {stream: [] for stream in range(4)}
    rooms = Counter()
    others = []
    for frame in frames:
        payload = bytes(frame.payload)
        if frame.kind == DATA and not frame.flags & PADDED:
            bodies[frame.stream_id] += [bytes([byte]) for byte in payload]
            bodies[frame.stream_id] += ["end"] if frame.flags else []
        elif frame.kind == WINDOW_UPDATE and len(payload) == 4 and any(payload):
            rooms[frame.stream_id] += int.from_bytes(payload, "big")
        else:
            others.append(frame)
    return bodies, rooms, others


@given(st.lists(FRAMES, max_size=12))
def test_the_meaning_is_kept(frames):
    fewer = list(merged(frames))
    assert meaning(fewer) == meaning(frames)
    assert len(fewer) <= len(frames)
    assert all(len(frame.payload) <= MAX_FRAME_BYTES for frame in fewer)


def test_runs_become_one():
    piece, room = make_frame(DATA, 0, 1, b"ab"), make_frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\2")
    end, other = make_frame(DATA, END_STREAM, 1, b"c"), make_frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1")
    assert list(merged([piece] * 100 + [end])) == [make_frame(DATA, END_STREAM, 1, b"ab" * 100 + b"c")]
    both = [make_frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\xc8"), make_frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x64")]
    assert list(merged([room, other] * 100)) == both
