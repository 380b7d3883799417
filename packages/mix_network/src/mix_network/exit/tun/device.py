"""A TUN device of Linux: IP packets that are written come out of it in the kernel, and the other way round.

It has one queue and no offloads. More queues serve more threads, and the exit has one. With offloads (virtio headers)
the kernel would hand over runs of segments, to be cut and summed up here: that takes Python 13 to 26 µs a segment, and
to read one that the kernel has cut takes 3.5 µs.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys

from mix_network.exit.tun.errors import TunUnavailable

DEVICE_NAMES = "mix"
"""What the names of our devices begin with; the kernel adds a number."""

_PATH = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_MOST_BYTES = 0xFFFF
_REQUEST = struct.Struct("16sH22x")


class TunDevice:
    """A new device, which is gone once it is closed or the process has ended, whatever ended it.

    Raises TunUnavailable.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise TunUnavailable(reason="TUN devices of this kind are Linux'")
        try:
            self._descriptor = os.open(_PATH, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise TunUnavailable(reason=_reason(error)) from None
        try:
            request = _REQUEST.pack(f"{DEVICE_NAMES}%d".encode(), _IFF_TUN | _IFF_NO_PI)
            given = fcntl.ioctl(self._descriptor, _TUNSETIFF, request)
        except OSError as error:
            os.close(self._descriptor)
            raise TunUnavailable(reason=_reason(error)) from None
        self.name: str = _REQUEST.unpack(given)[0].rstrip(b"\0").decode()
        """The device's name in the system."""

    def fileno(self) -> int:
        """What to wait for until it is readable."""
        return self._descriptor

    def read(self) -> bytes:
        """The next IP packet. Raises BlockingIOError when there is none, OSError when the device is gone."""
        return os.read(self._descriptor, _MOST_BYTES)

    def write(self, packet: bytes) -> None:
        """Give an IP packet to the kernel. Raises OSError."""
        os.write(self._descriptor, packet)

    def close(self) -> None:
        """Remove the device, with its addresses and routes."""
        os.close(self._descriptor)


def _reason(error: OSError) -> str:
    if error.errno in (errno.EPERM, errno.EACCES):
        return "it takes root, or the capability CAP_NET_ADMIN"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"the kernel has no {_PATH}"
    return os.strerror(error.errno or 0)
