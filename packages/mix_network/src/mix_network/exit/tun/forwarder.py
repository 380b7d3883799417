"""Forwards clients' packets through a TUN device: TCP, UDP and ping are the kernel's, and so are its answers.

What the kernel can't do stays with the userspace NAT: DNS that the exit answers itself, and loopback destinations.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any

from mix_network.exit.nat.flow import FlowKey, FlowTable
from mix_network.exit.nat.nat import UserspaceNat
from mix_network.exit.nat.packets import reset_for
from mix_network.exit.special_addresses import is_loopback
from mix_network.exit.tun.conntrack import ConnectionTracking
from mix_network.exit.tun.device import TunDevice
from mix_network.exit.tun.errors import TunUnavailable
from mix_network.exit.tun.flows import KernelFlow, inward_key, outward_key, quoted_packet, tcp_flags
from mix_network.exit.tun.kernel import ForwardingState, KernelForwarding
from mix_network.exit.tun.renumbering import Renumbering
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import (
    ICMP,
    ICMPV6,
    IPV4_HEADER_LENGTH,
    IPV6_HEADER_LENGTH,
    TCP,
    UDP,
    IpPacket,
    decode_ip,
    unpack_address,
)
from mix_protocol.netstack.wire.tcp import ACK, SYN

_PACKETS_AT_ONCE = 32
_MOST_FRAGMENTED = 256
_PROTOCOLS = (TCP, UDP, ICMP, ICMPV6)

logger = logging.getLogger(__name__)


class TunForwarder:
    """Forwards IP packets by the kernel; needs root and Linux. Is a `Forwarder`.

    Needs a running event loop. Raises TunUnavailable.

    nat -- for what the kernel can't do; its flow table, policy and queue are everybody's
    """

    def __init__(self, random: RandomBytes, nat: UserspaceNat, state: ForwardingState | None = None) -> None:
        self._nat = nat
        self._link = nat.link
        self._state = state or ForwardingState()
        self._device = TunDevice()
        try:
            self._kernel = KernelForwarding.start(self._state, self._device.name, nat.mtu_bytes, random)
        except BaseException:
            self._device.close()
            raise
        self._renumbering = Renumbering(*self._kernel.networks)
        self._tracking: ConnectionTracking | None = None
        try:
            self._tracking = ConnectionTracking()
        except OSError:
            logger.warning("the kernel gives no access to its connections, so it keeps those of clients who are gone")
        # Of datagrams that came in fragments, of which only the first one has ports.
        self._fragmented: OrderedDict[tuple[bytes, bytes, int], FlowKey] = OrderedDict()
        asyncio.get_running_loop().add_reader(self._device.fileno(), self._readable)
        self._reading = True
        self._closed = False

    @property
    def device_name(self) -> str:
        """The device's name in the system."""
        return self._device.name

    @property
    def mtu_bytes(self) -> int:
        """The longest packet."""
        return self._nat.mtu_bytes

    @property
    def flows(self) -> FlowTable:
        """What is forwarded at this moment, by the kernel and by sockets."""
        return self._nat.flows

    def receive_packet(self, packet: bytes, now: float) -> None:
        """Take a client's packet."""
        try:
            decoded = decode_ip(packet)
        except PeerMisbehaved:
            return
        # What options and extension headers could ask routers for, no client of ours needs.
        plain = IPV4_HEADER_LENGTH if len(decoded.source) == 4 else IPV6_HEADER_LENGTH
        if decoded.is_fragment or decoded.header_length != plain:
            return
        if decoded.protocol not in _PROTOCOLS:
            self._link.refuse(packet, decoded, UnreachableReason.PROTOCOL)
            return
        key = outward_key(decoded)
        if key is None:
            return
        if is_loopback(unpack_address(decoded.destination)) or self._answers_dns(key):
            self._nat.receive_packet(packet, now)
            return
        flow = self.flows.get(key)
        if not isinstance(flow, KernelFlow):
            flow = self._open(key, packet, decoded, now)
            if flow is None:
                return
        flow.see(decoded, outward=True)
        self.flows.touch(flow, now)
        try:
            self._device.write(self._renumbering.to_kernel(packet, decoded))
        except OSError:
            self._link.refuse(packet, decoded, UnreachableReason.NETWORK)

    def packets_to_send(self, now: float) -> list[bytes]:
        """The packets for clients."""
        return self._nat.packets_to_send(now)

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called."""
        return self._nat.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Let time pass."""
        self._nat.handle_timeout(now)

    def drop_client(self, address: bytes) -> None:
        """End everything of the client with this packed address, which is gone."""
        self._nat.drop_client(address)

    def snapshot(self) -> dict[str, Any]:
        """The flow table's counters as JSON-able values."""
        return self._nat.snapshot()

    async def close(self) -> None:
        """End every flow, and take back what the kernel was told."""
        if self._closed:
            return
        self._closed = True
        await self._nat.close()
        self._stop_reading()
        if self._tracking is not None:
            self._tracking.close()
        self._device.close()
        try:
            self._kernel.close()
        except (OSError, TunUnavailable) as error:
            reason = error.fields["reason"] if isinstance(error, TunUnavailable) else error.strerror
            logger.warning("what the kernel was told can't be taken back: %s; the next start tries again", reason)

    def _answers_dns(self, key: FlowKey) -> bool:
        return key.protocol != "icmp" and self._link.answers_dns(key.remote[1])

    def _open(self, key: FlowKey, packet: bytes, decoded: IpPacket, now: float) -> KernelFlow | None:
        """A new flow; None if there may be none, of which the client is told."""
        client, destination = unpack_address(key.client[0]), unpack_address(key.remote[0])
        port = key.remote[1]
        if key.protocol == "tcp" and tcp_flags(decoded) & (SYN | ACK) != SYN:
            # A connection that was over here: the client shall not wait for it.
            self._reset(decoded)
            return None
        if key.protocol != "icmp" and not port:
            return None
        if not self._kernel.has_ipv6 and client.version == 6:
            self._link.refuse(packet, decoded, UnreachableReason.NETWORK)
            return None
        if not self._link.allows(client, destination, port) or not self.flows.make_room(key.client[0], now):
            self._link.refuse(packet, decoded, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
            self._reset(decoded)  # also reaches stacks that hear no reports
            return None
        older = self.flows.get(key)
        if older is not None:
            older.abort()
        flow = KernelFlow(key, now, self._forget)
        self.flows.add(flow)
        self._nat.watch_idle(now)
        return flow

    def _reset(self, decoded: IpPacket) -> None:
        reset = reset_for(decoded) if decoded.protocol == TCP else None
        if reset is not None:
            self._link.send(reset)

    def _forget(self, flow: KernelFlow) -> None:
        self.flows.remove(flow)
        if self._tracking is not None:
            self._tracking.forget(flow.key, self._renumbering.kernel_of(flow.key.client[0]))

    def _readable(self) -> None:
        for _ in range(_PACKETS_AT_ONCE):
            try:
                packet = self._device.read()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # Somebody has removed it. What clients send from now on is refused, by the failing writes.
                self._stop_reading()
                logger.error("the exit's device %s is gone: %s", self._device.name, error.strerror)
                return
            self._receive_from_kernel(packet)

    def _receive_from_kernel(self, packet: bytes) -> None:
        try:
            decoded = decode_ip(packet)
        except PeerMisbehaved:
            return
        client = self._renumbering.client_of(decoded.destination)
        if client is None or (len(client) == 4 and decoded.header_length != IPV4_HEADER_LENGTH):
            return
        quoted = None if decoded.fragment_offset else quoted_packet(decoded)
        if quoted is not None:
            # An error is the client's business if it quotes what that client sent.
            key = outward_key(quoted) if quoted.source == decoded.destination else None
            key = FlowKey(key.protocol, (client, key.client[1]), key.remote) if key is not None else None
        else:
            key = self._key_of(decoded, client)
        flow = self.flows.get(key) if key is not None else None
        if not isinstance(flow, KernelFlow):
            return
        if quoted is None:
            self.flows.touch(flow, self._link.clock())
            if not decoded.fragment_offset:
                flow.see(decoded, outward=False)
        self._link.send(self._renumbering.to_client(packet, decoded, quoted))

    def _key_of(self, decoded: IpPacket, client: bytes) -> FlowKey | None:
        """The flow of a packet, or of a fragment whose first one has come before."""
        datagram = decoded.source, decoded.destination, decoded.identification
        if decoded.fragment_offset:
            return self._fragmented.get(datagram)
        key = inward_key(decoded, client)
        if decoded.more_fragments and key is not None:
            self._fragmented[datagram] = key
            if len(self._fragmented) > _MOST_FRAGMENTED:
                self._fragmented.popitem(last=False)
        return key

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self._device.fileno())
