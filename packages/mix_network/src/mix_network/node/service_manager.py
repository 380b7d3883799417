"""Tells systemd how a service is doing (sd_notify(3)): text in a datagram to the socket that the environment names."""

from __future__ import annotations

import contextlib
import os
import socket
import time


class ServiceManager:
    """Does nothing where nobody asked to be told."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET") if address is None else address

    def ready(self, status: str) -> None:
        """The service does its work."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """It reads its configuration again; `ready` follows."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """It is about to end."""
        self._tell("STOPPING=1")

    def _tell(self, *lines: str) -> None:
        address = self._address
        if not address or address[0] not in "/@":
            return
        name = "\0" + address[1:] if address[0] == "@" else address
        # Whoever started the service and does not listen any more is no reason to fail.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.sendto("\n".join(lines).encode(), name)
