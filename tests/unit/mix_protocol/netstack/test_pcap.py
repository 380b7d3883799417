"""Recordings that Wireshark and tcpdump read."""

from __future__ import annotations

import io

from support.pcap import recorded_packets

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.netstack import NetworkStack, PcapFile, PcapWriter
from mix_protocol.netstack.link import Link


def test_both_directions_are_recorded_in_order_and_the_stack_works_as_before() -> None:
    file = io.BytesIO()
    left = NetworkStack(SeededRandom(1), addresses=["10.0.0.1"])
    right = NetworkStack(SeededRandom(2), addresses=["10.0.0.2"])
    recorded = PcapWriter(right, PcapFile(file, lambda: 1_800_000_000.25))
    assert recorded.mtu_bytes == 1500
    listener = right.listen_tcp(port=80)
    link = Link(left, recorded)
    connection = left.connect_tcp(("10.0.0.2", 80), link.now)
    connection.send(b"hello")
    link.run_for(1.0)
    accepted = listener.accept()
    assert accepted is not None
    assert accepted.receive() == b"hello"
    found = recorded_packets(file.getvalue())
    assert {when for when, _ in found} == {1_800_000_000.25}
    flags = [packet[33] & 0x3F for _, packet in found]
    assert flags[:3] == [0x02, 0x12, 0x18]  # SYN, SYN and ACK, PSH and ACK
    assert found[2][1].endswith(b"hello")


def test_several_devices_are_recorded_in_one_file() -> None:
    file = io.BytesIO()
    recording = PcapFile(file)
    for number, packet in enumerate((b"first", b"second", b"third")):
        device = NetworkStack(SeededRandom(number), addresses=[f"10.0.0.{number + 1}"])
        PcapWriter(device, recording).receive_packet(packet, float(number))
    assert recorded_packets(file.getvalue()) == [(0.0, b"first"), (1.0, b"second"), (2.0, b"third")]


def test_without_a_wall_clock_the_links_own_time_is_written() -> None:
    file = io.BytesIO()
    device = PcapWriter(NetworkStack(SeededRandom(1), addresses=["10.0.0.1"]), PcapFile(file))
    device.receive_packet(b"not even IP", 12.5)
    assert recorded_packets(file.getvalue()) == [(12.5, b"not even IP")]
