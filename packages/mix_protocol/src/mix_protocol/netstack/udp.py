"""UDP sockets, and the tap through which a router takes datagrams for any address."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import MixError
from mix_protocol.netstack.endpoint import Endpoint, EndpointLike, to_address
from mix_protocol.netstack.errors import AddressInUse, DatagramTooBig, SocketClosed, Unreachable
from mix_protocol.netstack.ports import PortAllocator
from mix_protocol.netstack.wire.icmp import UnreachableReason
from mix_protocol.netstack.wire.ip import UDP, IpPacket, pack_address
from mix_protocol.netstack.wire.udp import UdpDatagram, decode_udp

MAX_DATAGRAM_BYTES = 65507
MAX_QUEUED_BYTES = 256 * 1024
_PER_DATAGRAM_OVERHEAD = 128

ChooseSource = Callable[[bytes], bytes]
SendIp = Callable[[bytes, bytes, int, bytes], None]
SendUnreachable = Callable[[UnreachableReason, bytes, bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class TappedDatagram:
    """A datagram that a tap caught: who sent it, where it was going, what it says."""

    source: Endpoint = field(repr=False)
    destination: Endpoint = field(repr=False)
    payload: bytes = field(repr=False)


class _Queue:
    """Datagrams that wait to be taken; what does not fit is dropped, as the network would."""

    def __init__(self) -> None:
        self._items: deque[TappedDatagram] = deque()
        self._bytes = 0

    def put(self, item: TappedDatagram) -> bool:
        cost = len(item.payload) + _PER_DATAGRAM_OVERHEAD
        if self._bytes + cost > MAX_QUEUED_BYTES:
            return False
        self._items.append(item)
        self._bytes += cost
        return True

    def take(self) -> TappedDatagram | None:
        if not self._items:
            return None
        item = self._items.popleft()
        self._bytes -= len(item.payload) + _PER_DATAGRAM_OVERHEAD
        return item

    def __len__(self) -> int:
        return len(self._items)


class UdpSocket:
    """One local port. Made by a stack's `open_udp`.

    on_event -- called without arguments after a datagram or an error has arrived
    """

    def __init__(self, layer: UdpLayer, port: int) -> None:
        self._layer = layer
        self._queue = _Queue()
        self._error: MixError | None = None
        self.port = port
        self.is_closed = False
        self.on_event: Callable[[], None] | None = None

    @property
    def receivable(self) -> int:
        """How many datagrams wait."""
        return len(self._queue)

    def send(self, data: bytes, remote: EndpointLike, now: float) -> None:
        """Send one datagram. Raises DatagramTooBig, NoSourceAddress, SocketClosed."""
        if self.is_closed:
            raise SocketClosed()
        self._layer.send(self.port, remote, data)

    def receive(self) -> tuple[bytes, Endpoint] | None:
        """The oldest datagram and its sender; None when there is none."""
        item = self._queue.take()
        return None if item is None else (item.payload, item.source)

    def take_error(self) -> MixError | None:
        """The last error that a router or a peer reported about what was sent here; each is told once."""
        error, self._error = self._error, None
        return error

    def close(self) -> None:
        """Give up the port."""
        if not self.is_closed:
            self.is_closed = True
            self.on_event = None
            self._layer.close(self)

    def deliver(self, item: TappedDatagram) -> None:
        """A datagram came for this port."""
        if self._queue.put(item) and self.on_event is not None:
            self.on_event()

    def deliver_error(self, error: MixError) -> None:
        """An ICMP error came about what this port sent."""
        self._error = error
        if self.on_event is not None:
            self.on_event()


class UdpTap:
    """Takes every datagram that no socket claims, whatever its address. Made by a stack's `open_udp_tap`.

    on_event -- called without arguments after a datagram has arrived
    """

    def __init__(self, layer: UdpLayer) -> None:
        self._layer = layer
        self._queue = _Queue()
        self.on_event: Callable[[], None] | None = None

    def receive(self) -> TappedDatagram | None:
        """The oldest datagram; None when there is none."""
        return self._queue.take()

    def send_from(self, source: EndpointLike, destination: EndpointLike, payload: bytes) -> None:
        """Send a datagram that comes from `source`, which need not be an address of this stack.

        Raises DatagramTooBig.
        """
        self._layer.send_from(source, destination, payload)

    def refuse(self, datagram: TappedDatagram, reason: UnreachableReason = UnreachableReason.PORT) -> None:
        """Tell a datagram's sender by ICMP that it cannot arrive."""
        self._layer.refuse(datagram, reason)

    def close(self) -> None:
        """Take no more."""
        self.on_event = None
        self._layer.close_tap(self)

    def deliver(self, item: TappedDatagram) -> None:
        """A datagram came that no socket claims."""
        if self._queue.put(item) and self.on_event is not None:
            self.on_event()


class UdpLayer:
    """All UDP sockets of a stack."""

    def __init__(
        self, random: RandomBytes, choose_source: ChooseSource, send_ip: SendIp, send_unreachable: SendUnreachable
    ) -> None:
        self._choose_source = choose_source
        self._send_ip = send_ip
        self._send_unreachable = send_unreachable
        self._ports = PortAllocator(random)
        self._sockets: dict[int, UdpSocket] = {}
        self._tap: UdpTap | None = None

    def open(self, port: int | None) -> UdpSocket:
        """A socket on this port, or on a random one."""
        port = port or self._ports.choose()
        if port in self._sockets:
            raise AddressInUse()
        self._ports.claim(port)
        socket = self._sockets[port] = UdpSocket(self, port)
        return socket

    def close(self, socket: UdpSocket) -> None:
        """Forget a socket."""
        if self._sockets.get(socket.port) is socket:
            del self._sockets[socket.port]
            self._ports.release(socket.port)

    def open_tap(self) -> UdpTap:
        """The one tap."""
        if self._tap is not None:
            raise AddressInUse("this stack's datagrams are being tapped already")
        self._tap = UdpTap(self)
        return self._tap

    def close_tap(self, tap: UdpTap) -> None:
        """Forget the tap."""
        if self._tap is tap:
            self._tap = None

    @property
    def has_tap(self) -> bool:
        """Whether datagrams for foreign addresses are wanted."""
        return self._tap is not None

    def send(self, port: int, remote: EndpointLike, data: bytes) -> None:
        """Send from one of our ports."""
        destination = to_address(remote[0]).packed
        self._emit(self._choose_source(destination), port, destination, remote[1], data)

    def send_from(self, source: EndpointLike, destination: EndpointLike, data: bytes) -> None:
        """Send from anywhere."""
        self._emit(to_address(source[0]).packed, source[1], to_address(destination[0]).packed, destination[1], data)

    def _emit(self, source: bytes, source_port: int, destination: bytes, destination_port: int, data: bytes) -> None:
        if len(data) > MAX_DATAGRAM_BYTES:
            raise DatagramTooBig()
        datagram = UdpDatagram(source_port, destination_port, data)
        self._send_ip(source, destination, UDP, datagram.encode(source, destination))

    def refuse(self, datagram: TappedDatagram, reason: UnreachableReason) -> None:
        """Answer a datagram by an ICMP error that quotes it."""
        source, destination = pack_address(datagram.source.address), pack_address(datagram.destination.address)
        encoded = UdpDatagram(datagram.source.port, datagram.destination.port, datagram.payload)
        packet = IpPacket(source, destination, UDP, encoded.encode(source, destination))
        self._send_unreachable(reason, destination, source, packet.encode())

    def receive(self, packet: IpPacket, is_local: bool) -> None:
        """Take in an IP packet whose payload is UDP. Raises MalformedPacket."""
        datagram = decode_udp(packet.payload, packet.source, packet.destination)
        item = TappedDatagram(
            Endpoint.unpack(packet.source, datagram.source_port),
            Endpoint.unpack(packet.destination, datagram.destination_port),
            bytes(datagram.payload),
        )
        socket = self._sockets.get(datagram.destination_port) if is_local else None
        if socket is not None:
            socket.deliver(item)
        elif self._tap is not None:
            self._tap.deliver(item)
        elif is_local:
            self.refuse(item, UnreachableReason.PORT)

    def receive_error(self, local_port: int, reason: UnreachableReason) -> None:
        """An ICMP error quotes a datagram from this port."""
        socket = self._sockets.get(local_port)
        if socket is not None and reason is not UnreachableReason.PACKET_TOO_BIG:
            socket.deliver_error(Unreachable(reason.value))
