"""The methods `socket.*`: the page's raw TCP, TLS and UDP sockets.

A connection's two directions end each on its own, so each has its call: what arrives is the body that follows
`socket.connect`, what is sent is the upload of `socket.write`. When both have ended the connection is closed. UDP takes
one call, `socket.udp`, whose bodies are records both ways.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from mix_protocol.errors import MixError
from mix_tunnel.rpc.bodies import Upload
from mix_tunnel.rpc.errors import InvalidParameters, MalformedRpcMessage
from mix_tunnel.rpc.records import Record, RecordDecoder
from mix_tunnel.rpc.server import IncomingCall, Method, Reply
from mix_tunnel.runtime.sockets.udp import MAX_DATAGRAM_BYTES, Datagram, UdpEndpoint
from mix_tunnel.runtime.tunnel_errors import TunnelClosed
from mix_tunnel.streams import ByteStream
from mix_tunnel.worker.tunnel_service import TunnelService

DATAGRAM = 1
"""The kind of a UDP record: length of the host (u8), host (UTF-8), port (u16, big-endian), data."""
_RESET = "the page has reset this connection"
MAX_RECORD_BYTES = 1 + 255 + 2 + MAX_DATAGRAM_BYTES


@dataclass(frozen=True, slots=True)
class ConnectParameters:
    """Where to connect to; `alpn` counts for TLS alone."""

    host: str = field(repr=False)
    port: int = field(repr=False)
    tls: bool = False
    alpn: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SocketParameters:
    """Which connection, by the id that `socket.connect` gave."""

    socket: int


class _OpenSocket:
    """A connection that the page holds. It is closed when both of its directions have ended, each in its own way."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.upload: Upload | None = None
        self._open_directions = 2

    async def end_direction(self) -> bool:
        """One direction has ended in order; whether it was the last one."""
        self._open_directions -= 1
        if self._open_directions == 0:
            await self.stream.aclose()
        return self._open_directions <= 0

    def abort(self, error: MixError) -> None:
        """Reset the connection, and wake whoever waits for the page's bytes."""
        self.stream.abort()
        if self.upload is not None:
            self.upload.fail(error)


class SocketService:
    """Opens sockets for the page."""

    def __init__(self, tunnels: TunnelService) -> None:
        self._tunnels = tunnels
        self._open: dict[int, _OpenSocket] = {}
        self._ids = itertools.count(1)

    @property
    def methods(self) -> Mapping[str, Method]:
        """The table for an `RpcServer`."""
        return {
            "socket.connect": self._connect,
            "socket.write": self._write,
            "socket.reset": self._reset,
            "socket.udp": self._open_udp,
        }

    async def _connect(self, call: IncomingCall) -> Reply:
        asked = call.params_as(ConnectParameters)
        connection = await (await self._tunnels.ready()).dial(asked.host, asked.port, tls=asked.tls, alpn=asked.alpn)
        id = next(self._ids)
        opened = self._open[id] = _OpenSocket(connection.stream)
        (local_address, local_port), (remote_address, remote_port) = connection.local, connection.remote
        value = {
            "socket": id,
            "local_address": local_address,
            "local_port": local_port,
            "remote_address": remote_address,
            "remote_port": remote_port,
            "alpn": connection.tls.alpn_protocol if connection.tls is not None else None,
        }
        return Reply(value, _Arriving(self, id, opened))

    async def _write(self, call: IncomingCall) -> None:
        """Send what the page uploads; its end is the connection's half-close, its cancellation a reset."""
        id = call.params_as(SocketParameters).socket
        opened, upload = self._open.get(id), call.upload
        if opened is None or upload is None or opened.upload is not None:
            raise TunnelClosed("this connection is not open for writing")
        opened.upload = upload
        try:
            async for data in upload:
                await opened.stream.send(data)
            await opened.stream.send_eof()
        except asyncio.CancelledError:
            self.abort(id, TunnelClosed(_RESET))
            raise
        except MixError as error:
            self.abort(id, error)
            raise
        await self.end_direction(id)

    async def _reset(self, call: IncomingCall) -> None:
        """Reset a connection, if it is still there. A call of its own, for one that is cancelled may never have run."""
        self.abort(call.params_as(SocketParameters).socket, TunnelClosed(_RESET))

    def abort_all(self) -> None:
        """Reset the connections that are left: their page is gone, or has left the tunnel."""
        for id in list(self._open):
            self.abort(id, TunnelClosed())

    async def end_direction(self, id: int) -> None:
        """Note that one direction of a connection has ended in order."""
        opened = self._open.get(id)
        if opened is not None and await opened.end_direction():
            self._open.pop(id, None)

    def abort(self, id: int, error: MixError) -> None:
        """Reset a connection."""
        opened = self._open.pop(id, None)
        if opened is not None:
            opened.abort(error)

    async def _open_udp(self, call: IncomingCall) -> Reply:
        if call.upload is None:
            raise InvalidParameters("a UDP socket's datagrams have to be uploaded")
        return Reply(None, _Datagrams((await self._tunnels.ready()).open_udp(), call.upload))


class _Arriving:
    """What arrives at a connection, as a call's body."""

    def __init__(self, service: SocketService, id: int, opened: _OpenSocket) -> None:
        self._service = service
        self._id = id
        self._stream = opened.stream
        self._closed = False

    async def read(self, max_bytes: int = 65_536) -> bytes:
        """Wait for some bytes; none at the other side's half-close."""
        try:
            return await self._stream.receive(max_bytes)
        except MixError as error:
            self._service.abort(self._id, error)
            raise

    async def aclose(self) -> None:
        """The page wants no more, or there is no more."""
        if not self._closed:
            self._closed = True
            await self._service.end_direction(self._id)


class _Datagrams:
    """A UDP socket as a call's body; a task of its own sends what the page uploads."""

    def __init__(self, endpoint: UdpEndpoint, upload: Upload) -> None:
        self._endpoint = endpoint
        self._rest = b""
        self._sending = asyncio.get_running_loop().create_task(self._send(upload), name="send datagrams")

    async def read(self, max_bytes: int = 65_536) -> bytes:
        """Wait for a datagram and give its record, or the next part of it."""
        if not self._rest:
            self._rest = _encode(await self._receive())
        data, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
        return data

    async def aclose(self) -> None:
        """Free the port."""
        self._sending.cancel()
        self._endpoint.close()
        await asyncio.wait({self._sending})

    async def _receive(self) -> Datagram:
        receiving = asyncio.ensure_future(self._endpoint.receive())
        try:
            if not self._sending.done():
                await asyncio.wait({receiving, self._sending}, return_when=asyncio.FIRST_COMPLETED)
            if self._sending.done():
                self._sending.result()  # raises what made sending impossible
            return await receiving
        finally:
            receiving.cancel()

    async def _send(self, upload: Upload) -> None:
        async for datagram in _decode(upload):
            await self._endpoint.send(*datagram)


def _encode(datagram: Datagram) -> bytes:
    host = datagram.host.encode("ascii")
    payload = len(host).to_bytes(1) + host + datagram.port.to_bytes(2) + datagram.data
    return Record(DATAGRAM, payload).encode()


async def _decode(upload: Upload) -> AsyncIterator[Datagram]:
    decoder = RecordDecoder(MAX_RECORD_BYTES)
    async for piece in upload:
        for record in decoder.receive(piece):
            yield _read(record)


def _read(record: Record) -> Datagram:
    payload = record.payload
    end = 1 + payload[0] if payload else 0
    if record.kind != DATAGRAM or not payload or len(payload) < end + 2:
        raise MalformedRpcMessage("a datagram from the page is malformed")
    host = payload[1:end].decode("utf-8", "replace")  # what is no UTF-8 is no host either, and will be refused as one
    return Datagram(payload[end + 2 :], host, int.from_bytes(payload[end : end + 2]))
