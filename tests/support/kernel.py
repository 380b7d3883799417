"""The operating system's sockets behind the runtime's protocols, so that its layers can be tried on real servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from ipaddress import ip_address
from typing import Any

from mix_protocol.errors import Closed, NetworkFailure
from mix_protocol.netstack.errors import ConnectionReset
from mix_tunnel.streams import IpAddress


class ConnectionFailed(NetworkFailure):
    """The kernel could not connect, or the connection broke."""

    code = "tcp.kernel"
    message = "the connection failed"


class StreamAborted(Closed):
    """A pending call on a stream that was aborted."""

    code = "tcp.kernel_aborted"


def _endpoint(name: tuple[Any, ...]) -> tuple[IpAddress, int]:
    return ip_address(name[0]), name[1]


class KernelStream:
    """A `ByteStream` over asyncio's streams. `abort` sends a RST, as the userspace TCP does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.aborted = False
        self.closed = False

    @property
    def local(self) -> tuple[IpAddress, int]:
        return _endpoint(self._writer.get_extra_info("sockname"))

    @property
    def remote(self) -> tuple[IpAddress, int]:
        return _endpoint(self._writer.get_extra_info("peername"))

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        try:
            data = await self._reader.read(max_bytes)
        except ConnectionResetError as error:
            raise ConnectionReset from error
        except OSError as error:
            raise ConnectionFailed from error
        if self.aborted:
            raise StreamAborted
        return data

    async def send(self, data: bytes) -> None:
        if self.aborted:
            raise StreamAborted
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise ConnectionFailed from error

    async def send_eof(self) -> None:
        try:
            self._writer.write_eof()
        except OSError as error:
            raise ConnectionFailed from error

    async def aclose(self) -> None:
        self.closed = True
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        if self.aborted or self.closed:
            return
        self.aborted = True
        kernel_socket = self._writer.get_extra_info("socket")
        if kernel_socket is not None and kernel_socket.fileno() >= 0:
            kernel_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        self._reader.feed_eof()


class KernelDatagrams:
    """A `DatagramSocket` over a kernel socket."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))

    async def send(self, data: bytes, ip: IpAddress, port: int) -> None:
        await asyncio.get_running_loop().sock_sendto(self._socket, data, (str(ip), port))

    async def receive(self) -> tuple[bytes, IpAddress, int]:
        while True:
            try:
                data, (host, port) = await asyncio.get_running_loop().sock_recvfrom(self._socket, 65_536)
            except ConnectionError:  # an ICMP error for an earlier datagram
                continue
            return data, ip_address(host), port

    def close(self) -> None:
        self._socket.close()


class KernelNetwork:
    """An `IpNetwork` over the kernel; remembers the streams that it opened."""

    def __init__(self, *, receive_buffer_bytes: int | None = None) -> None:
        self.streams: list[KernelStream] = []
        self.datagram_sockets: list[KernelDatagrams] = []
        self._receive_buffer_bytes = receive_buffer_bytes

    async def connect_tcp(self, ip: IpAddress, port: int) -> KernelStream:
        kernel_socket = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET)
        kernel_socket.setblocking(False)
        if self._receive_buffer_bytes is not None:
            kernel_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer_bytes)
        try:
            await asyncio.get_running_loop().sock_connect(kernel_socket, (str(ip), port))
        except OSError as error:
            kernel_socket.close()
            raise ConnectionFailed from error
        except BaseException:
            kernel_socket.close()
            raise
        stream = KernelStream(*await asyncio.open_connection(sock=kernel_socket))
        self.streams.append(stream)
        return stream

    def open_udp(self) -> KernelDatagrams:
        self.datagram_sockets.append(KernelDatagrams())
        return self.datagram_sockets[-1]
