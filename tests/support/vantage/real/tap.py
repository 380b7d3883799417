"""Writes down what passes over loopback: when, between which ports, and how long each frame is.

    python -m support.vantage.real.tap FILE --nodes PORT... --gateway PORT

A process of its own, with the kernel's time for each segment, so that neither it nor those who are watched delay what
it sees. It needs the right to see raw packets (CAP_NET_RAW), says `ready` when it listens, and ends with SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from support.processes import supporting
from support.vantage.real.cutting import Connection, Cutter, NodeCutter, WebSocketCutter

_ETH_P_IP = 0x0800
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_IGNORE_OUTGOING = 263, 6, 23
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 26, 33, 35
_BUFFER_BYTES = 64 << 20
_SYN = 0x02
_ROW = struct.Struct("<dHHHH")
_STOP_S = 30


class Passed(NamedTuple):
    """One frame. at -- seconds since 1970; header -- of Sphinx, between nodes"""

    at: float
    source: int
    destination: int
    length: int
    header: bytes


class _Instruction(NamedTuple):
    """Of the kernel's classic packet filter (`linux/filter.h`)."""

    code: int
    if_true: int
    if_false: int
    value: int


def _port_filter(ports: list[int]) -> bytes:
    """Accepts TCP over IPv4 from or to one of the ports; the packet begins with its IP header."""
    load_protocol = _Instruction(0x30, 0, 0, 9)
    load_header_length = _Instruction(0xB1, 0, 0, 0)
    drop, accept = _Instruction(0x06, 0, 0, 0), _Instruction(0x06, 0, 0, 0xFFFF_FFFF)
    body: list[_Instruction] = []
    left = 2 * len(ports) + 1
    for offset in (0, 2):
        body.append(_Instruction(0x48, 0, 0, offset))
        for port in ports:
            left -= 1
            # Over the comparisons that are left, the second load and the drop, to the accept.
            body.append(_Instruction(0x15, left + (1 if offset == 0 else 0), 0, port))
    program = [load_protocol, _Instruction(0x15, 0, len(body) + 1, 6), load_header_length, *body, drop, accept]
    return b"".join(struct.pack("=HBBI", *each) for each in program)


def _open(ports: list[int]) -> socket.socket:
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)  # nothing comes before it is bound
    program = ctypes.create_string_buffer(_port_filter(ports))
    head = struct.pack("@HP", (len(program) - 1) // 8, ctypes.addressof(program))
    tap.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)
    tap.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)  # on loopback everything passes twice
    with contextlib.suppress(PermissionError):
        tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    tap.bind(("lo", _ETH_P_IP))
    return tap


class _Watch:
    def __init__(self, out: IO[bytes], nodes: list[int], gateway: int) -> None:
        self._out = out
        self._nodes = frozenset(nodes)
        self._gateway = gateway
        self._connections: dict[tuple[int, int], Connection] = {}

    def take(self, at: float, packet: bytes) -> None:
        """Take one IP packet."""
        start = 4 * (packet[0] & 0xF)
        source, destination, sequence = struct.unpack_from("!HHI", packet, start)
        data = packet[start + 4 * (packet[start + 12] >> 4) : int.from_bytes(packet[2:4])]
        if packet[start + 13] & _SYN:
            self._connections[source, destination] = Connection(sequence + 1, self._cutter(destination))
        connection = self._connections.get((source, destination))
        if not data or connection is None:  # of one that was there before us nobody knows where frames begin
            return
        for length, header in connection.feed(sequence, data):
            self._out.write(_ROW.pack(at, source, destination, length, len(header)) + header)

    def _cutter(self, destination: int) -> type[Cutter]:
        return NodeCutter if destination in self._nodes else WebSocketCutter


def may_listen() -> bool:
    """Whether this process may see raw packets."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()
    except PermissionError:
        return False
    return True


def read_rows(path: Path) -> list[Passed]:
    """Everything in a tap's file."""
    data, at, rows = path.read_bytes(), 0, []
    while at < len(data):
        *row, kept = _ROW.unpack_from(data, at)
        at += _ROW.size + kept
        rows.append(Passed(*row, data[at - kept : at]))
    return rows


@contextlib.contextmanager
def tapping(path: Path, nodes: list[int], gateway: int) -> Iterator[None]:
    """A tap until the block ends. Raises `TapFailed`."""
    command = supporting("support.vantage.real.tap", str(path), "--gateway", str(gateway), "--nodes", *map(str, nodes))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if process.stdout.readline() != "ready\n":
            raise TapFailed(f"the tap ended with {process.wait()}")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        code = process.wait(_STOP_S)
    if code:
        raise TapFailed(f"the tap ended with {code}")


class TapFailed(Exception):
    """It could not listen, or has not seen everything."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.vantage.real.tap")
    parser.add_argument("file", type=Path)
    parser.add_argument("--nodes", type=int, nargs="+", required=True, help="ports at which nodes take packets")
    parser.add_argument("--gateway", type=int, required=True, help="the port at which the gateway takes clients")
    arguments = parser.parse_args()
    over: list[Any] = []
    signal.signal(signal.SIGTERM, lambda *what: over.append(what))
    with _open([*arguments.nodes, arguments.gateway]) as tap, arguments.file.open("wb") as out:
        watch = _Watch(out, arguments.nodes, arguments.gateway)
        tap.settimeout(0.2)
        print("ready", flush=True)
        while True:
            try:
                packet, [(_, _, stamp)], *_ = tap.recvmsg(1 << 17, 64)
            except TimeoutError:
                if over:
                    break
                continue
            seconds, nanoseconds = struct.unpack("@qq", stamp)
            watch.take(seconds + nanoseconds / 1e9, packet)
        _, dropped = struct.unpack("@II", tap.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        if dropped:
            sys.exit(f"the kernel had no room for {dropped} segments")


if __name__ == "__main__":
    main()
