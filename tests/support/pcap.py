"""Reads recordings, as their format (draft-ietf-opsawg-pcap) says."""

from __future__ import annotations

import struct


def recorded_packets(data: bytes) -> list[tuple[float, bytes]]:
    """The packets of a recording, each with its time."""
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
