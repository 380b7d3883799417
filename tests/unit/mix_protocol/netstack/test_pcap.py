"""Recordings that Wireshark and tcpdump read."""

from __future__ import annotations

import io
import struct

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import NetworkStack, PcapWriter
from mix_protocol.netstack.link import Link


def records(data: bytes) -> list[tuple[float, bytes]]:
    """Read a recording as its format (draft-ietf-opsawg-pcap) says."""
    magic, major, minor, _, _, snap, linktype = struct.unpack_from("<IHHiIII", data)
    assert (magic, major, minor, snap, linktype) == (0xA1B2C3D4, 2, 4, 65535, 101)
    at, found = 24, []
    while at < len(data):
        seconds, microseconds, kept, length = struct.unpack_from("<IIII", data, at)
        assert kept == length
        found.append((seconds + microseconds / 1e6, data[at + 16 : at + 16 + kept]))
        at += 16 + kept
    assert at == len(data)
    return found


def test_both_directions_are_recorded_in_order_and_the_stack_works_as_before() -> None:
    file = io.BytesIO()
    left = NetworkStack(SeededRandom(1), addresses=["10.0.0.1"])
    right = NetworkStack(SeededRandom(2), addresses=["10.0.0.2"])
    recorded = PcapWriter(right, file, lambda: 1_800_000_000.25)
    assert recorded.mtu_bytes == 1500
    listener = right.listen_tcp(port=80)
    link = Link(left, recorded)
    connection = left.connect_tcp(("10.0.0.2", 80), link.now)
    connection.send(b"hello")
    link.run_for(1.0)
    accepted = listener.accept()
    assert accepted is not None
    assert accepted.receive() == b"hello"
    found = records(file.getvalue())
    assert {when for when, _ in found} == {1_800_000_000.25}
    flags = [packet[33] & 0x3F for _, packet in found]
    assert flags[:3] == [0x02, 0x12, 0x18]  # SYN, SYN and ACK, PSH and ACK
    assert found[2][1].endswith(b"hello")


def test_without_a_wall_clock_the_links_own_time_is_written() -> None:
    file = io.BytesIO()
    device = PcapWriter(NetworkStack(SeededRandom(1), addresses=["10.0.0.1"]), file)
    device.receive_packet(b"not even IP", 12.5)
    assert records(file.getvalue()) == [(12.5, b"not even IP")]
