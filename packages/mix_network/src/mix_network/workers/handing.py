"""Accepted connections handed from one process to another.

The main process accepts, for it alone can share out evenly: a kernel that spreads connections by their hash
(SO_REUSEPORT) gives a worker both connections of a neighbour as often as not, and loses what waits for a worker that
dies. To the worker it looks like a listening socket of its own.
"""

from __future__ import annotations

import socket
from typing import Any


def pair() -> tuple[socket.socket, HandedSocket]:
    """The two ends: who accepts hands over at the first, who serves listens at the second."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setblocking(False)
    return ours, HandedSocket(fileno=theirs.detach())


def hand_over(way: socket.socket, connection: socket.socket) -> bool:
    """Give a connection away; False if nobody takes it. It must then be closed here all the same."""
    try:
        socket.send_fds(way, [b"\0"], [connection.fileno()])
    except OSError:
        return False
    return True


class HandedSocket(socket.socket):
    """As a listening socket to `asyncio`: `accept` gives the next connection that was handed over."""

    def listen(self, backlog: int = 0, /) -> None:
        """It does already."""

    def accept(self) -> tuple[socket.socket, Any]:
        data, descriptors, _, _ = socket.recv_fds(self, 1, 1)
        if not data or not descriptors:
            raise BlockingIOError  # the other process is gone, or its system had no descriptor for this one
        connection = socket.socket(fileno=descriptors[0])
        try:
            return connection, connection.getpeername()
        except OSError:
            connection.close()
            raise ConnectionAbortedError from None
