"""The part that all nodes share: incoming → processing → delay queue → outgoing."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol

from mix_network.descriptors import DescriptorBudget
from mix_network.links.line import LinkEmulation
from mix_network.metrics import NodeMetrics
from mix_network.mixnode.incoming import Incoming
from mix_network.mixnode.loop_cover import LoopCover
from mix_network.mixnode.mixer import Mixer
from mix_network.mixnode.noise_links import NoiseLinks
from mix_network.mixnode.outgoing import Outgoing, OutgoingLimits
from mix_network.mixnode.processing import PacketProcessor, ReplayFilters
from mix_network.network_view import NetworkView
from mix_network.node_keys import HeldKeys
from mix_network.origins import Origins
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.mixwire.frames import NodeFrame
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, SealedPacket

_CRASHES = CrashLog(logging.getLogger(__name__))


class PacketTracer(Protocol):
    """Is told what comes and goes; `now` is monotonic seconds."""

    def started(self, node: str, packet: bytes, now: float, *, is_cover: bool = False) -> None:
        """A node sends a packet that has not come to it as one."""
        ...

    def passed(self, node: str, packet: bytes, following: bytes | None, now: float) -> None:
        """A packet has come, and another one is made of it; None if it ends there."""
        ...


@dataclass(frozen=True)
class NodeContext:
    """What a node is given by the program around it.

    wall_clock -- seconds since 1970, for epochs; delays go by the event loop's monotonic clock
    links -- what the ways to other nodes and to clients are like
    budget -- how many descriptors each part may take
    origins -- whose web pages may use the gateways; None for everybody's
    cover_rate -- loops of its own that a node sends a second, on average
    shares -- how many processes share the work of each node, and so what it may hold
    tracer -- follows packets for the picture of a local network; None anywhere else
    """

    crypto: CryptoProvider
    view: NetworkView
    schedule: RotationSchedule
    wall_clock: Callable[[], float]
    host: str = "127.0.0.1"
    outgoing_limits: OutgoingLimits | None = None
    links: LinkEmulation = field(default_factory=LinkEmulation)
    budget: DescriptorBudget = DescriptorBudget()  # noqa: RUF009 -- frozen
    origins: Origins | None = None
    cover_rate: float = 0.0
    shares: int = 1
    tracer: PacketTracer | None = None


FinalHandler = Callable[[FinalPacket | SealedPacket, PacketSize, KeyRotation], None]


class OwnLoops(Protocol):
    """Knows a node's own cover: `LoopCover`, or who asks it elsewhere."""

    def has_returned(self, destination: bytes, identifier: bytes) -> bool:
        """Whether a packet that ends here is a loop of the node's own."""
        ...


async def follow_rotations(context: NodeContext, update: Callable[[float], None]) -> None:
    """Call `update` with the time when a new epoch begins, for as long as this runs."""
    schedule, wall_clock = context.schedule, context.wall_clock
    while True:
        wall_s = wall_clock()
        with _CRASHES.isolated("one change of keys"):
            update(wall_s)
        # A minute at most, so that a machine that slept or a clock that was set is noticed.
        await asyncio.sleep(min(60.0, max(0.01, schedule.epoch_start(schedule.epoch_at(wall_s) + 1) - wall_s)))


class MixingNode:
    """Receives packets of other nodes, holds them for their delays and sends them on.

    on_final -- what to do with packets that end here; None drops them, as a node without that role does
    mixes -- whether packets that don't end here are sent on, as a mix node does
    loops -- the node's own cover, for whom it is to be known and not delivered
    replay_filters -- which packets were seen, where other processes or runs of this node know of some; None remembers
        those of this one
    noise_secret -- the key for encrypted links that this node announces; None where it announces none
    """

    def __init__(
        self,
        context: NodeContext,
        keyring: HeldKeys,
        metrics: NodeMetrics,
        *,
        mixes: bool,
        on_final: FinalHandler | None,
        loops: OwnLoops | None = None,
        replay_filters: ReplayFilters | None = None,
        noise_secret: bytes | None = None,
    ) -> None:
        self.metrics = metrics
        self._context = context
        self._keyring = keyring
        self._on_final = on_final
        self._loops = loops
        processor = PacketProcessor(context.crypto, keyring, metrics, replay_filters)
        self._mixer = Mixer(processor, metrics, mixes=mixes, shares=context.shares)
        noise = NoiseLinks(context.crypto, context.view, noise_secret)
        self._incoming = Incoming(
            self._receive_frames,
            metrics,
            context.budget.peers,
            noise.from_peer,
            lambda: context.view.on_unknown(),  # noqa: PLW0108 -- whoever minds may be set later
        )
        self._outgoing = Outgoing(
            context.view, metrics, context.outgoing_limits, context.links, noise.to_node, ip_address(context.host)
        )
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False
        self._tracer = context.tracer
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, port: int = 0) -> NodeAddress:
        """Listen for other nodes; returns the address."""
        port = await self._incoming.start(self._context.host, port)
        self._tasks = [asyncio.create_task(follow_rotations(self._context, self._update_keys))]
        if isinstance(self._loops, LoopCover):
            self._tasks.append(asyncio.create_task(self._loops.run(self._send_cover)))
        return NodeAddress.from_text(self._context.host, port)

    async def serve(self, listening: socket.socket) -> None:
        """Take packets of those whom this socket accepts; the keys are somebody else's to change."""
        await self._incoming.serve(listening)

    def keys_changed(self) -> None:
        """Forget what belongs to keys that are gone."""
        self._mixer.keys_changed()

    def drop_connections(self) -> None:
        """Break every connection with other nodes, as a restart does."""
        self._incoming.drop()
        self._outgoing.drop()

    async def drain(self, limit_s: float) -> None:
        """Take nothing more, and let what is held go on when its time has come, for so long at most."""
        await self._incoming.close()
        now = asyncio.get_running_loop().time
        until = now() + limit_s
        while (release_at := self._mixer.next_timeout()) is not None and now() < until:
            await asyncio.sleep(max(0.001, min(release_at, until) - now()))
            await asyncio.sleep(0)  # the timer's turn, and that in which what it has released is written
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Stop listening, drop what is held and close every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._mixer.clear()
        await self._incoming.close()
        await self._outgoing.close()
        # Whoever starts it again starts one that runs; what a stopped one still held is gone.
        self.resume()

    def stop(self) -> None:
        """Do nothing any more, as a process that got SIGSTOP: connections stay open, what comes waits."""
        self._is_stopped = True
        self._incoming.stop()
        self._outgoing.stop()

    def resume(self) -> None:
        """Go on where it stopped; packets whose delays are over leave at once."""
        self._is_stopped = False
        self._outgoing.resume()
        self._incoming.resume()
        self._arm_timer()

    def send(self, next_hop: NodeAddress, packet: bytes, key_rotation: KeyRotation) -> None:
        """Send a packet to its next hop at once: a client's packet to its first one, or an ack."""
        if self._tracer is not None:
            self._tracer.started(self.metrics.name, packet, asyncio.get_running_loop().time())
        self._outgoing.send(next_hop, packet, key_rotation)

    def _send_cover(self, next_hop: NodeAddress, packet: bytes, key_rotation: KeyRotation) -> None:
        if self._tracer is not None:
            self._tracer.started(self.metrics.name, packet, asyncio.get_running_loop().time(), is_cover=True)
        self._outgoing.send(next_hop, packet, key_rotation)

    def _receive_frames(self, frames: Sequence[NodeFrame]) -> None:
        """Take packets that came together; their delays begin before they are processed."""
        now = asyncio.get_running_loop().time()
        for frame, processed in zip(frames, self._mixer.receive(frames, now), strict=True):
            try:
                if self._tracer is not None and processed is not None:
                    following = processed.packet if isinstance(processed, ForwardPacket) else None
                    self._tracer.passed(self.metrics.name, frame.packet, following, now)
                if isinstance(processed, FinalPacket | SealedPacket):
                    self._end(processed, frame)
            except Exception as error:
                _CRASHES.note(error, "the handling of one packet")
        self._arm_timer()

    def _end(self, packet: FinalPacket | SealedPacket, frame: NodeFrame) -> None:
        loops = self._loops
        if loops is not None and loops.has_returned(packet.destination, packet.surb_identifier):
            return
        if self._on_final is None:
            self.metrics.drop("not_a_gateway")
            return
        self.metrics.final += 1
        self._on_final(packet, PacketSize.from_packet_length(len(frame.packet)), frame.key_rotation)

    def _arm_timer(self) -> None:
        release_at = self._mixer.next_timeout()
        if release_at is None or self._is_stopped:
            return
        if self._timer is not None:
            if self._timer.when() <= release_at:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(release_at, self._release)

    def _release(self) -> None:
        # The event loop's timers are a millisecond coarse, so under load one turn releases what a millisecond has.
        self._timer = None
        if self._is_stopped:
            return
        send = self._outgoing.send
        for next_hop, packet, key_rotation in self._mixer.release(asyncio.get_running_loop().time()):
            try:
                send(next_hop, packet, key_rotation)
            except Exception as error:
                _CRASHES.note(error, "the sending of one packet")
        self._arm_timer()

    def _update_keys(self, wall_s: float) -> None:
        self._keyring.update(wall_s)
        self.keys_changed()
