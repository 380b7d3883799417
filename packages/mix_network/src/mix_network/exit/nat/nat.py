"""The NAT as a device: clients' IP packets go in, answers come out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from mix_network.exit.hosts_resolver import HostsResolver
from mix_network.exit.nat.flow import FlowTable
from mix_network.exit.nat.icmp import PingForwarder
from mix_network.exit.nat.link import NatLink
from mix_network.exit.nat.packets import unreachable_for
from mix_network.exit.nat.tcp import TcpForwarder
from mix_network.exit.nat.udp import UdpForwarder
from mix_network.exit.policy import ExitPolicy
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.ipr.addresses import client_number
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import ICMP, ICMPV6, TCP, UDP, IpAddress, decode_ip, unpack_address

_SWEEP_S = 1.0
_MAX_QUEUED_PACKETS = 4096
_MAX_CLIENT_QUEUED_PACKETS = 512

_CRASHES = CrashLog(logging.getLogger(__name__))


class UserspaceNat:
    """Forwards IP packets by the operating system's ordinary sockets; needs no privilege. Is a `Forwarder`.

    Needs a running event loop: sockets become readable between the calls of its methods.

    on_output -- called when `packets_to_send` has something new or `next_timeout` changed; may be called often
    on_refused -- told the client and the destination ("ip:port", port 0 where there is none) of what the policy refuses
    flows -- an empty table; None for one with the usual bounds

    `link` is the common ground of its parts, for whoever forwards beside it.
    """

    def __init__(
        self,
        random: RandomBytes,
        *,
        policy: ExitPolicy,
        resolver: HostsResolver | None,
        clock: Callable[[], float],
        on_output: Callable[[], None],
        on_refused: Callable[[IpAddress, str], None] = lambda client, destination: None,
        mtu_bytes: int = 1500,
        flows: FlowTable | None = None,
    ) -> None:
        self._on_output = on_output
        self._queue: list[bytes] = []
        self._queued: Counter[int] = Counter()
        self._stack = NetworkStack(random, mtu_bytes=mtu_bytes)
        self._stack.on_crash = lambda error: _CRASHES.note(error, "one connection or packet of a client")
        table = flows if flows is not None else FlowTable()
        self.link = NatLink(self._send, on_output, clock, policy, resolver, mtu_bytes, on_refused, table)
        self._tcp = TcpForwarder(self.link, self._stack)
        self._udp = UdpForwarder(self.link)
        self._ping = PingForwarder(self.link)
        self._sweep_at: float | None = None

    @property
    def mtu_bytes(self) -> int:
        """The longest packet."""
        return self.link.mtu_bytes

    def set_policy(self, policy: ExitPolicy) -> None:
        """Judge what is opened from now on by this policy."""
        self.link.policy = policy

    @property
    def flows(self) -> FlowTable:
        """What is forwarded at this moment."""
        return self.link.flows

    def receive_packet(self, packet: bytes, now: float) -> None:
        """Take a client's packet."""
        try:
            decoded = decode_ip(packet)
        except PeerMisbehaved:
            return
        if decoded.is_fragment:
            return
        if decoded.protocol == TCP:
            self._tcp.receive_packet(packet, now)
        elif decoded.protocol == UDP:
            self._udp.receive_packet(packet, decoded, now)
        elif decoded.protocol in (ICMP, ICMPV6):
            self._ping.receive_packet(packet, decoded, now)
        else:
            self._send(unreachable_for(packet, decoded, UnreachableReason.PROTOCOL))
        self.watch_idle(now)

    def watch_idle(self, now: float) -> None:
        """Look from time to time for flows that are idle for too long, as there are some now."""
        if self._sweep_at is None and len(self.flows):
            self._sweep_at = now + _SWEEP_S

    def packets_to_send(self, now: float) -> list[bytes]:
        """The packets for clients."""
        packets, self._queue = self._queue, []
        self._queued.clear()
        while True:
            self._tcp.settle()
            packets += self._stack.packets_to_send(now)
            if not self._tcp.changed:
                return packets

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called."""
        times = [time for time in (self._stack.next_timeout(), self._sweep_at) if time is not None]
        return min(times, default=None)

    def handle_timeout(self, now: float) -> None:
        """Let time pass."""
        self._stack.handle_timeout(now)
        self._tcp.settle()
        if self._sweep_at is not None and now >= self._sweep_at:
            self.flows.end_idle(now)
            self._sweep_at = now + _SWEEP_S if len(self.flows) else None

    def drop_client(self, address: bytes) -> None:
        """End everything of the client with this packed address, which is gone: nothing goes to the address any more,
        for the next one to have it must not find what was meant for this one."""
        for flow in self.flows.of_client(address):
            flow.abort()
        self._tcp.settle()
        self._udp.drop_client(address)
        self._stack.forget_peer(unpack_address(address))
        self._queue = [packet for packet in self._queue if _destination(packet) != address]

    def snapshot(self) -> dict[str, Any]:
        """The flow table's counters as JSON-able values."""
        return {"flows": self.flows.counts(), "flow_count": len(self.flows), "refused": self.link.refused}

    async def close(self) -> None:
        """End every flow and close every socket."""
        await self._tcp.close()
        await self._udp.close()
        for flow in self.flows.all():
            flow.abort()

    def _send(self, packet: bytes) -> None:
        client = client_number(_destination(packet))
        if len(self._queue) < _MAX_QUEUED_PACKETS and self._queued[client] < _MAX_CLIENT_QUEUED_PACKETS:
            self._queue.append(packet)
            self._queued[client] += 1
        self._on_output()


def _destination(packet: bytes) -> bytes:
    """The destination address of a packet that we made."""
    return packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
