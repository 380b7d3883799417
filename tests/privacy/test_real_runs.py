"""The machinery of real runs: what a tap sees of a native client on a local network adds up, from end to end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.vantage.gaps import packets_per_second
from support.vantage.matrix import judge
from support.vantage.real.cutting import BytesMissed, Connection, Frame, NodeCutter, WebSocketCutter
from support.vantage.real.measure import record_rounds
from support.vantage.real.tap import TapFailed, may_listen, tapping
from support.vantage.record import ENTRY_GATEWAY, EXIT_GATEWAY, LINK_DOWN, LINK_UP, MIXES, VANTAGES, Record, Seen

from mix_protocol.addressing import KeyRotation
from mix_protocol.mixwire.frames import encode_frame
from mix_protocol.sphinx.geometry import HEADER_LENGTH, PacketSize
from mix_protocol.sphinx.version import SphinxVersion

SECONDS = 4.0
ON_THEIR_WAY = 60
"""Packets that have been here and never came there: the client closed its connection before."""
WHOLE, ACK = PacketSize.REGULAR.packet_length, PacketSize.ACK.packet_length
UP, DOWN = 2460, 2115
DOWN_SMALL = (53, 72)
"""An acknowledgement, and the gateway's answer to each packet."""
PING = {6, 10}
"""The gateway asks every half minute whether the client is still there."""


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    if not may_listen():
        pytest.skip("raw packets may not be seen here")
    return record_rounds("native client", ["idle", "browsing"], SECONDS)


@pytest.mark.timeout(300)
def test_every_vantage_sees_the_same_packets_pass(records: dict[str, Record]) -> None:
    seen = records["idle"].seen  # all of the run, which ends when everything has arrived
    counts = {vantage: Counter((each.flow, each.length) for each in seen[vantage]) for vantage in VANTAGES}
    print(counts)
    up, down = counts[LINK_UP]["up", UP], counts[LINK_DOWN]["down", DOWN]
    first, returned = counts[ENTRY_GATEWAY]["own > mix", WHOLE], counts[EXIT_GATEWAY]["own > mix", WHOLE]
    assert abs(up - first) <= ON_THEIR_WAY
    assert abs(up - down) <= ON_THEIR_WAY
    # Each packet goes through one node of each layer, and so does what comes back.
    for mix in MIXES:
        came = sum(count for (flow, length), count in counts[mix].items() if (flow[-3:], length) == ("own", WHOLE))
        assert abs(came - first - returned) <= ON_THEIR_WAY
    assert abs(counts[EXIT_GATEWAY]["mix > own", WHOLE] - returned) <= ON_THEIR_WAY
    for record in records.values():
        assert np.mean(record.gaps(LINK_UP)) == pytest.approx(1 / packets_per_second(), rel=0.5)


def test_lengths_and_versions_are_constant(records: dict[str, Record]) -> None:
    for vantage, lengths in ((LINK_UP, {UP}), (LINK_DOWN, {DOWN, *DOWN_SMALL})):
        seen = {each.length for record in records.values() for each in within(record, vantage)}
        assert lengths <= seen <= lengths | PING
    for vantage in (ENTRY_GATEWAY, *MIXES, EXIT_GATEWAY):
        kinds = {(each.length, each.version) for record in records.values() for each in within(record, vantage)}
        assert kinds <= {(length, version) for length in (WHOLE, ACK) for version in (SphinxVersion.LAST_SEED, None)}


def test_the_same_tables_can_be_made_of_it(records: dict[str, Record]) -> None:
    matrix = judge(records, windows_s=[0.25], processes=1)
    print(matrix)
    assert all(auc.low <= 0.75 for auc in matrix.values()), str(matrix)


def within(record: Record, vantage: str) -> list[Seen]:
    [(began, ended)] = record.spans
    return [seen for seen in record.seen[vantage] if began <= seen.at < ended]


def test_a_stream_between_nodes_is_cut_into_packets_however_it_was_split() -> None:
    packets = [bytes([number]) * WHOLE for number in (1, 2)]
    stream = b"".join(encode_frame(packet, KeyRotation.ODD) for packet in packets)
    cutter = NodeCutter()
    frames = [frame for at in range(0, len(stream), 1000) for frame in cutter.feed(stream[at : at + 1000])]
    assert frames == [Frame(WHOLE, packet[:HEADER_LENGTH]) for packet in packets]


def test_a_websocket_is_cut_into_frames_however_it_was_split() -> None:
    frames = [
        b"\x82\x05hello",
        b"\x82\xfe\x01\x00" + bytes(4 + 256),
        b"\x82\x7f" + (70_000).to_bytes(8) + bytes(70_000),
    ]
    stream = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n" + b"".join(frames)
    for size in (1, 7, 1000, len(stream)):
        cutter = WebSocketCutter()
        cut = [frame.length for at in range(0, len(stream), size) for frame in cutter.feed(stream[at : at + size])]
        assert cut == [len(frame) for frame in frames]


def test_segments_that_come_twice_are_taken_once_and_missing_ones_are_noticed() -> None:
    connection = Connection(0xFFFF_FFFE, WebSocketCutter)
    assert connection.feed(0xFFFF_FFFE, b"\r\n\r\n\x82\x01") == []
    assert connection.feed(0, b"\r\n\x82\x01a\x82") == [Frame(3, b"")]
    with pytest.raises(BytesMissed):
        connection.feed(100, b"late")


def test_a_tap_that_may_not_listen_says_so(tmp_path: Path) -> None:
    with pytest.raises(TapFailed), tapping(tmp_path / "no such folder" / "passed", [1], 2):
        pass
