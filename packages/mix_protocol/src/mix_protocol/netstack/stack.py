"""A userspace IP stack: addresses, demultiplexing, and the sockets' front door."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable

from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.delivery import Delivery, Parcel
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.netstack.endpoint import EndpointLike, to_address
from mix_protocol.netstack.errors import DatagramTooBig, NoSourceAddress
from mix_protocol.netstack.icmp import EchoSocket, EchoTap, IcmpLayer
from mix_protocol.netstack.reassembly import Reassembler
from mix_protocol.netstack.tcp.config import TcpConfig
from mix_protocol.netstack.tcp.connection import TcpConnection
from mix_protocol.netstack.tcp.control_block import Flow
from mix_protocol.netstack.tcp.layer import TcpLayer
from mix_protocol.netstack.tcp.listener import TcpListener
from mix_protocol.netstack.udp import UdpLayer, UdpSocket, UdpTap
from mix_protocol.netstack.wire.icmp import IcmpError
from mix_protocol.netstack.wire.ip import ICMP, ICMPV6, TCP, UDP, IpAddress, IpPacket, decode_ip, decode_quoted_ip

_PORTS_AND_SEQUENCE = struct.Struct("!HHI")
_LEAST_MTU = 576
_MOST_WAITING_PACKETS = 1024
_NO_LIMIT = 1 << 30


class NetworkStack:
    """IPv4 and IPv6 with TCP, UDP and ICMP; a `Device` whose network side is an IP link.

    Sans-I/O: nothing leaves until `packets_to_send`, and acknowledgments are made only there. Who asks less often
    therefore sends fewer of them: a link that is slow should ask when it has room, not at each arrival.

    on_output -- called without arguments when a call on a socket, or a packet that wants an answer, has given the stack
        something to send. It must only take note: the stack is in the middle of its work
    on_crash -- told of exceptions that nobody expected; each has ended the one connection, or cost the one packet, that
        it came from
    dropped_packets -- how many arriving packets were malformed or nobody's
    """

    def __init__(
        self,
        random: RandomBytes,
        *,
        addresses: Iterable[IpAddress | str] = (),
        mtu_bytes: int = 1500,
        config: TcpConfig | None = None,
    ) -> None:
        if mtu_bytes < _LEAST_MTU:
            raise ValueError(f"mtu_bytes must be at least {_LEAST_MTU}")
        self._mtu_bytes = mtu_bytes
        self._random = random
        self._addresses = [to_address(address).packed for address in addresses]
        self._waiting: deque[bytes] = deque()
        self._reassembler = Reassembler()
        self._icmp = IcmpLayer(self._choose_source, self._send_at_once, self._error_arrives)
        self._udp = UdpLayer(random, self._choose_source, self._send_at_once, self._icmp.send_unreachable)
        self._tcp = TcpLayer(random, config or TcpConfig(), mtu_bytes, self._icmp.send_unreachable, self._crashed)
        self._tcp.on_output = self._tell_output
        self.on_output: Callable[[], None] | None = None
        self.on_crash: Callable[[Exception], None] | None = None
        self.dropped_packets = 0

    # The device.

    @property
    def mtu_bytes(self) -> int:
        """The longest IP packet that the link carries."""
        return self._mtu_bytes

    def receive_packet(self, packet: bytes, now: float) -> None:
        """Take an IP packet from the network; one that is malformed, or nobody's, is dropped."""
        try:
            self._receive(decode_ip(packet), now)
        except PeerMisbehaved:
            self.dropped_packets += 1
        except Exception as error:
            self.dropped_packets += 1
            self._crashed(error)

    def packets_to_send(self, now: float, limit: int | None = None) -> list[bytes]:
        """The IP packets that leave now, at most `limit` of them; connections take turns."""
        return [parcel.packet for parcel in self.parcels_to_send(now, limit)]

    def parcels_to_send(self, now: float, limit: int | None = None) -> list[Parcel]:
        """The same for a link that repeats what it loses, and says of each packet what becomes of it."""
        parcels: list[Parcel] = []
        room = _NO_LIMIT if limit is None else limit
        while self._waiting and len(parcels) < room:
            parcels.append(Parcel(self._waiting.popleft(), None))
        if not self._waiting:
            self._icmp.errors_waiting = 0

        def emit(source: bytes, destination: bytes, payload: bytes, delivery: Delivery | None) -> None:
            parcels.append(Parcel(IpPacket(source, destination, TCP, payload).encode(), delivery))

        self._tcp.send(now, room - len(parcels), emit)
        return parcels

    @property
    def path_round_trip_s(self) -> float:
        """A round trip through the link as its owner knows it, 0 if not; SYNs are not repeated before two of them."""
        return self._tcp.path_round_trip_s

    @path_round_trip_s.setter
    def path_round_trip_s(self, round_trip_s: float) -> None:
        self._tcp.path_round_trip_s = round_trip_s

    @property
    def has_output(self) -> bool:
        """Whether `packets_to_send` may have something."""
        return bool(self._waiting) or self._tcp.has_output

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called."""
        return self._tcp.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Let time pass; afterwards ask for `packets_to_send`."""
        self._tcp.handle_timeout(now)

    # Sockets.

    @property
    def connection_count(self) -> int:
        """How many TCP connections there are, those in TIME_WAIT included."""
        return len(self._tcp)

    def connect_tcp(
        self,
        remote: EndpointLike,
        now: float,
        *,
        local: EndpointLike | None = None,
        config: TcpConfig | None = None,
        connect_timeout_s: float | None = None,
    ) -> TcpConnection:
        """Open a connection; it can be written to at once. `local` may name any address, with port 0 for a free one.

        Raises NoSourceAddress, AddressInUse, PortsExhausted.
        """
        destination = to_address(remote[0]).packed
        source = self._choose_source(destination) if local is None else to_address(local[0]).packed
        port = (local[1] if local is not None else 0) or self._tcp.ports.choose()
        flow = Flow(source, port, destination, remote[1])
        return self._tcp.connect(flow, now, config, connect_timeout_s)

    def listen_tcp(
        self,
        address: IpAddress | str | None = None,
        port: int | None = None,
        backlog: int = 128,
        *,
        promiscuous: bool = False,
        hold: bool = False,
    ) -> TcpListener:
        """Take connections to an address and port; None stands for any.

        backlog -- how many may be unfinished or not yet taken; SYNs beyond that are dropped
        promiscuous -- also for addresses that are not this stack's
        hold -- do not answer a SYN: give it out by `next_event` as ConnectionRequested, to be accepted or refused
        """
        packed = None if address is None else to_address(address).packed
        return self._tcp.listen(packed, port, backlog, promiscuous, hold)

    def open_udp(self, port: int | None = None) -> UdpSocket:
        """A UDP socket on this port, or on a random free one. Raises AddressInUse, PortsExhausted."""
        return self._udp.open(port)

    def open_udp_tap(self) -> UdpTap:
        """Take all datagrams that no socket claims, for any address; one tap a stack."""
        return self._udp.open_tap()

    def open_echo(self, identifier: int | None = None) -> EchoSocket:
        """A socket that sends pings."""
        if identifier is None:
            identifier = int.from_bytes(self._random(2), "big")
        return self._icmp.open_socket(identifier)

    def open_echo_tap(self) -> EchoTap:
        """Take all pings, for any address, instead of answering those for our own; one tap a stack."""
        return self._icmp.open_tap()

    def abort_all(self, error: MixError | None = None) -> None:
        """End every connection with this error, without a word to the peers: the link is gone."""
        self._tcp.abort_all(error)

    def forget_peer(self, address: IpAddress | str) -> None:
        """End every connection with this address and drop what waits for it, without a word: it is not the peer's any
        more."""
        packed = to_address(address).packed
        self._tcp.forget_peer(packed)
        self._waiting = deque(packet for packet in self._waiting if decode_ip(packet).destination != packed)

    # Inside.

    def _choose_source(self, destination: bytes) -> bytes:
        for address in self._addresses:
            if len(address) == len(destination):
                return address
        raise NoSourceAddress()

    def _tell_output(self) -> None:
        if self.on_output is not None:
            self.on_output()

    def _crashed(self, error: Exception) -> None:
        if self.on_crash is not None:
            self.on_crash(error)

    def _send_at_once(self, source: bytes, destination: bytes, protocol: int, payload: bytes) -> None:
        """Queue a packet that needs no leave of a connection; a queue that nobody empties drops."""
        packet = IpPacket(source, destination, protocol, payload).encode()
        if len(packet) > self._mtu_bytes:
            raise DatagramTooBig()
        if len(self._waiting) < _MOST_WAITING_PACKETS:
            self._waiting.append(packet)
            self._tell_output()

    def _receive(self, packet: IpPacket, now: float) -> None:
        if packet.is_fragment:
            whole = self._reassembler.receive(packet, now)
            if whole is None:
                return
            packet = whole
        is_local = packet.destination in self._addresses
        protocol = packet.protocol
        if protocol == TCP:
            self._tcp.receive(packet, is_local, now)
        elif protocol == UDP and (is_local or self._udp.has_tap):
            self._udp.receive(packet, is_local)
        elif protocol == (ICMPV6 if len(packet.source) == 16 else ICMP):
            self._icmp.receive(packet, is_local, now)
        else:
            self.dropped_packets += 1

    def _error_arrives(self, error: IcmpError, destination: bytes, now: float) -> None:
        """Find out whose packet an ICMP error quotes."""
        quoted = decode_quoted_ip(error.original)
        if quoted is None or quoted.source != destination:
            self.dropped_packets += 1
            return
        local_port, remote_port, sequence = _PORTS_AND_SEQUENCE.unpack_from(quoted.payload)
        if quoted.protocol == TCP:
            flow = Flow(quoted.source, local_port, quoted.destination, remote_port)
            self._tcp.receive_error(flow, sequence, error.reason, error.mtu_bytes)
        elif quoted.protocol == UDP:
            self._udp.receive_error(local_port, error.reason)
