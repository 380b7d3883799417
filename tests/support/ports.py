"""Ports of loopback that are kept from everybody else for as long as a test needs them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_HOST = "127.0.0.1"


@contextmanager
def refusing_port() -> Iterator[int]:
    """A TCP port that refuses every connection, until a server of the test's own listens there (see below)."""
    with _reserved(0) as taken:
        yield taken.getsockname()[1]


@contextmanager
def closed_udp_port() -> Iterator[int]:
    """A UDP port that is reported to be closed: who is bound to it takes datagrams from a single peer, from itself."""
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind((_HOST, 0))
        taken.connect(taken.getsockname())
        yield taken.getsockname()[1]


@contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """TCP ports on which a server may listen that sets SO_REUSEADDR, and which the kernel gives to nobody else."""
    with ExitStack() as stack:
        yield [stack.enter_context(_reserved(0)).getsockname()[1] for _ in range(count)]


@contextmanager
def port_of_both_kinds() -> Iterator[tuple[int, socket.socket]]:
    """A port whose UDP half is bound to the socket, and whose TCP half is reserved as by `reserved_ports`."""
    while True:
        datagrams = socket.socket(type=socket.SOCK_DGRAM)
        datagrams.bind((_HOST, 0))
        port = datagrams.getsockname()[1]
        try:
            streams = _reserved(port)
        except OSError:  # the other half is somebody's
            datagrams.close()
        else:
            break
    with datagrams, streams:
        yield port, datagrams


def _reserved(port: int) -> socket.socket:
    taken = socket.socket()
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((_HOST, port))
    except OSError:
        taken.close()
        raise
    return taken
