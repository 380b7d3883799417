"""Outgoing packets: one connection for each peer, opened when first needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import cast

from mix_network.links.line import Line, LinkEmulation
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.noise_links import NoiseInitiator
from mix_network.network_view import NetworkView
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.errors import MixError
from mix_protocol.mixwire.frames import encode_frame
from mix_protocol.noise.link import HANDSHAKE_TIMEOUT_S, NoiseLink


@dataclass(frozen=True)
class OutgoingLimits:
    """How patient and how large the outgoing side is (defaults: Nym spec, numeric defaults of a node).

    queue_packets, queue_bytes -- what may wait for one peer; 2000 regular packets fit, but not as many extended ones
    """

    queue_packets: int = 2000
    queue_bytes: int = 8 << 20
    connect_timeout_s: float = 1.5
    backoff_initial_s: float = 10.0
    backoff_max_s: float = 300.0


IpAddress = IPv4Address | IPv6Address

Secure = Callable[[NodeAddress], NoiseLink | None]
"""This end of an encrypted link to a node, or None where links to it are plain."""

_WRITE_BYTES = 64 << 10
"""What is written at a time; more than that waits in the queue when the peer is slow, not in the connection."""


class _PeerConnection(asyncio.Protocol):
    """One peer: a queue in front of a TCP connection that comes back by itself while packets wait.

    What is sent in one turn of the event loop is written together, at its end.
    """

    def __init__(
        self,
        address: NodeAddress,
        limits: OutgoingLimits,
        metrics: NodeMetrics,
        secure: Secure,
        from_ip: IpAddress | None,
    ) -> None:
        self._address = address
        # Of the same family, or the system chooses.
        self._from = (str(from_ip), 0) if from_ip is not None and from_ip.version == address.ip.version else None
        self._secure = secure
        self._link: NoiseLink | None = None
        self._limits = limits
        self._metrics = metrics
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._transport: asyncio.WriteTransport | None = None
        self._paused = False
        self.is_stopped = False
        self._connecting: asyncio.Task[None] | None = None
        self._flushing: asyncio.Handle | None = None

    def send(self, frame: bytes) -> None:
        """Send soon, or later while the peer is slow or not connected; a full queue drops the packet."""
        limits = self._limits
        if len(self._queue) >= limits.queue_packets or self._queued_bytes + len(frame) > limits.queue_bytes:
            self._metrics.drop("outgoing_queue_full")
            return
        self._queue.append(frame)
        self._queued_bytes += len(frame)
        if self._transport is not None:
            if self._queued_bytes >= _WRITE_BYTES:
                self._flush()
            elif self._flushing is None and not self._paused:
                self._flushing = asyncio.get_running_loop().call_soon(self._flush_now)
        elif self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        attempt = 0
        try:
            while self._queue and self._transport is None:
                try:
                    # Each time anew, for what a node announces may have changed.
                    await self._open(self._secure(self._address))
                except (OSError, MixError):  # TimeoutError is an OSError
                    pause_s = self._limits.backoff_initial_s * 2 ** min(attempt, 16)
                    attempt += 1
                    await asyncio.sleep(min(pause_s, self._limits.backoff_max_s))
        finally:
            self._connecting = None

    async def _open(self, link: NoiseLink | None) -> None:
        self._link = link
        handshake = NoiseInitiator(link) if link is not None else None
        async with asyncio.timeout(self._limits.connect_timeout_s):
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: handshake or self, str(self._address.ip), self._address.port, local_addr=self._from
            )
        if handshake is None:
            return
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await handshake.finished
            if transport.is_closing():
                raise ConnectionResetError
        except BaseException:
            self._metrics.handshakes_failed += 1
            transport.abort()
            raise
        transport.set_protocol(self)
        self.connection_made(transport)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._paused = False
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._queue and self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._flush()

    def _writable(self) -> asyncio.WriteTransport | None:
        """The connection, if it takes frames now: one that just broke is closing before `connection_lost` comes."""
        transport = self._transport
        if transport is None or self._paused or self.is_stopped or transport.is_closing():
            return None
        return transport

    def _flush_now(self) -> None:
        self._flushing = None
        self._flush()

    def _flush(self) -> None:
        queue = self._queue
        while queue and (transport := self._writable()) is not None:
            frames, size = [], 0
            while queue and size < _WRITE_BYTES:
                frames.append(queue.popleft())
                size += len(frames[-1])
            transport.writelines(frames if self._link is None else [self._link.seal(b"".join(frames))])
            if transport.is_closing():
                # The peer had reset the connection, and nothing of this has left.
                queue.extendleft(reversed(frames))
                return
            self._queued_bytes -= size
            self._metrics.forwarded += len(frames)

    def resume(self) -> None:
        """Send again, first what has waited."""
        self.is_stopped = False
        self._flush()

    def drop(self) -> None:
        """Break the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Forget what waits and close the connection."""
        self._queue.clear()
        self._queued_bytes = 0
        if self._flushing is not None:
            self._flushing.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        if self._transport is not None:
            self._transport.abort()


class Outgoing:
    """Sends Sphinx packets to other nodes of the network, and to nobody else.

    links -- what the way to them is like; None is as this machine is
    secure -- which links are encrypted
    from_ip -- the address to connect from: others go by it when they decide whether a link is encrypted. None, or an
        unspecified one, leaves it to the system
    """

    def __init__(
        self,
        view: NetworkView,
        metrics: NodeMetrics,
        limits: OutgoingLimits | None = None,
        links: LinkEmulation | None = None,
        secure: Secure = lambda _: None,
        from_ip: IpAddress | None = None,
    ) -> None:
        self._from_ip = from_ip if from_ip is not None and not from_ip.is_unspecified else None
        self._secure = secure
        self._view = view
        self._metrics = metrics
        self._limits = limits or OutgoingLimits()
        self._links = links or LinkEmulation()
        self._peers: dict[NodeAddress, tuple[_PeerConnection, Line[bytes]]] = {}
        # The ways to nodes that belong to the network by this version of its picture.
        self._lines: dict[NodeAddress, Line[bytes]] = {}
        self._checked = view.version
        self._is_stopped = False

    def send(self, next_hop: NodeAddress, packet: bytes, key_rotation: KeyRotation) -> None:
        """Send one packet to its next hop without waiting; unknown hops and full queues drop it."""
        if self._checked != self._view.version:
            self._checked, self._lines = self._view.version, {}
        line = self._lines.get(next_hop)
        if line is None:
            line = self._line_to(next_hop)
        if line is not None:
            line.send(encode_frame(packet, key_rotation))

    def _line_to(self, next_hop: NodeAddress) -> Line[bytes] | None:
        """The way to a node of the network; to nobody else there is one."""
        if not self._view.knows(next_hop):
            self._metrics.drop("unknown_next_hop")
            return None
        known = self._peers.get(next_hop)
        if known is None:
            peer = _PeerConnection(next_hop, self._limits, self._metrics, self._secure, self._from_ip)
            peer.is_stopped = self._is_stopped
            line = self._links.node_line(self._metrics.name, next_hop, peer.send, self._metrics.drop)
            known = self._peers[next_hop] = peer, line
        self._lines[next_hop] = known[1]
        return known[1]

    def stop(self) -> None:
        """Send nothing any more; packets wait for their peers as far as there is room."""
        self._is_stopped = True
        for peer, _ in self._peers.values():
            peer.is_stopped = True

    def resume(self) -> None:
        """Send again."""
        self._is_stopped = False
        for peer, _ in self._peers.values():
            peer.resume()

    def drop(self) -> None:
        """Break every connection; what waits for a peer goes over the next one."""
        for peer, _ in self._peers.values():
            peer.drop()

    async def close(self) -> None:
        """Close every connection."""
        peers = list(self._peers.values())
        self._peers.clear()
        self._lines.clear()
        for _, line in peers:
            line.close()
        await asyncio.gather(*(peer.close() for peer, _ in peers))
