"""Recordings for Wireshark and tcpdump, and a device that records the packets of another device in one."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

from mix_protocol.netstack.device import Device

_MAGIC_MICROSECONDS = 0xA1B2C3D4
_VERSION = (2, 4)
_SNAP_LENGTH = 65535
_LINKTYPE_RAW = 101  # packets begin with their IP header

_FILE_HEADER = struct.Struct("<IHHiIII")
_RECORD_HEADER = struct.Struct("<IIII")


class PcapFile:
    """A recording that is being made, of one device or of several.

    file -- open for writing bytes; stays the caller's to close
    wall_clock -- seconds since 1970; without it the records carry the monotonic `now`
    """

    def __init__(self, file: BinaryIO, wall_clock: Callable[[], float] | None = None) -> None:
        self._file = file
        self._wall_clock = wall_clock
        file.write(_FILE_HEADER.pack(_MAGIC_MICROSECONDS, *_VERSION, 0, 0, _SNAP_LENGTH, _LINKTYPE_RAW))

    def record(self, packet: bytes, now: float) -> None:
        """Append a packet."""
        microseconds = round((now if self._wall_clock is None else self._wall_clock()) * 1_000_000)
        seconds, fraction = divmod(max(0, microseconds), 1_000_000)
        kept = packet[:_SNAP_LENGTH]
        self._file.write(_RECORD_HEADER.pack(seconds & 0xFFFFFFFF, fraction, len(kept), len(packet)))
        self._file.write(kept)


class PcapWriter:
    """Records what passes to and from a device, in the order in which it passes."""

    def __init__(self, device: Device, recording: PcapFile) -> None:
        self._device = device
        self._recording = recording

    @property
    def mtu_bytes(self) -> int:
        """The wrapped device's."""
        return self._device.mtu_bytes

    def receive_packet(self, packet: bytes, now: float) -> None:
        """Record a packet and pass it to the device."""
        self._recording.record(packet, now)
        self._device.receive_packet(packet, now)

    def packets_to_send(self, now: float) -> list[bytes]:
        """Record the device's packets and pass them on."""
        packets = self._device.packets_to_send(now)
        for packet in packets:
            self._recording.record(packet, now)
        return packets

    def next_timeout(self) -> float | None:
        """The wrapped device's."""
        return self._device.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """The wrapped device's."""
        self._device.handle_timeout(now)
