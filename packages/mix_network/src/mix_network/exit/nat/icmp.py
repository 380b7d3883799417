"""Ping: echo requests continue on the operating system's unprivileged ping sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct

from mix_network.exit.nat.flow import FlowKey
from mix_network.exit.nat.link import NatLink, local_address_for, unreachable_reason
from mix_network.exit.nat.packets import echo_reply
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.netstack.wire.icmp import IcmpEcho, UnreachableReason, decode_icmp
from mix_protocol.netstack.wire.ip import IpPacket, unpack_address

IDLE_S = 30.0
"""How long a ping's answer is waited for; half of RFC 5508's least (requirement 2), since nobody pings in minutes."""

_ECHO = struct.Struct("!BBHHH")
_REPLY_TYPES = {4: 0, 6: 129}
_REQUEST_TYPES = {4: 8, 6: 128}

logger = logging.getLogger(__name__)


class _PingFlow:
    """One client's pings with one identifier to one host. The kernel puts an identifier of its own in their place."""

    def __init__(self, link: NatLink, key: FlowKey, now: float) -> None:
        self.key = key
        self.last_active = now
        self.idle_s = IDLE_S
        self._link = link
        remote = unpack_address(key.remote[0])
        self._version = remote.version
        if remote.version == 4:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        else:
            self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)
        try:
            self._socket.setblocking(False)
            local = local_address_for(remote)
            if local is not None:
                self._socket.bind(local)
            self._socket.connect((str(remote), 0))
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def send(self, echo: IcmpEcho) -> None:
        """Send one echo request; the kernel fills in identifier and checksum. Raises OSError."""
        self._socket.send(_ECHO.pack(_REQUEST_TYPES[self._version], 0, 0, 0, echo.sequence) + echo.payload)

    def _readable(self) -> None:
        with self._link.isolated(self):
            self._read()

    def _read(self) -> None:
        try:
            data = self._socket.recv(0xFFFF)
        except OSError:
            return  # nothing there, or a report about an earlier ping: no answer is answer enough
        if len(data) < _ECHO.size:
            return
        kind, _, _, _, sequence = _ECHO.unpack_from(data)
        if kind == _REPLY_TYPES[self._version]:
            self._link.flows.touch(self, self._link.clock())
            reply = IcmpEcho(False, self.key.client[1], sequence, data[_ECHO.size :])
            self._link.send(echo_reply(self.key, reply))

    def abort(self) -> None:
        """Close the socket and leave the table."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._link.flows.remove(self)


class PingForwarder:
    """Forwards echo requests where the system lets unprivileged programs ping, and refuses them politely elsewhere."""

    def __init__(self, link: NatLink) -> None:
        self.link = link
        self._told = False

    def receive_packet(self, original: bytes, packet: IpPacket, now: float) -> None:
        """Take a client's packet; anything but an echo request is dropped."""
        try:
            message = decode_icmp(packet.payload, packet.source, packet.destination)
        except PeerMisbehaved:
            return
        if not isinstance(message, IcmpEcho) or not message.is_request:
            return
        key = FlowKey("icmp", (packet.source, message.identifier), (packet.destination, 0))
        try:
            flow = self.link.flows.get(key)
            if not isinstance(flow, _PingFlow):
                flow = self._open(key, now)
            if flow is None:
                self.link.refuse(original, packet, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
                return
            self.link.flows.touch(flow, now)
            flow.send(message)
        except PermissionError:
            self._tell_once()
            self.link.refuse(original, packet, UnreachableReason.ADMINISTRATIVELY_PROHIBITED)
        except (BlockingIOError, InterruptedError):
            pass  # lost, as it could be anywhere on the way
        except OSError as error:
            self.link.refuse(original, packet, unreachable_reason(error))

    def _open(self, key: FlowKey, now: float) -> _PingFlow | None:
        """A new flow; None if it is not allowed. Raises OSError."""
        if not self.link.allows(unpack_address(key.client[0]), unpack_address(key.remote[0]), 0):
            return None
        if not self.link.flows.make_room(key.client[0], now):
            return None
        flow = _PingFlow(self.link, key, now)
        self.link.flows.add(flow)
        return flow

    def _tell_once(self) -> None:
        if not self._told:
            self._told = True
            logger.warning(
                "this system lets no unprivileged program ping, so pings through the exit are refused; "
                "'sysctl net.ipv4.ping_group_range=\"0 2147483647\"' would allow them"
            )
