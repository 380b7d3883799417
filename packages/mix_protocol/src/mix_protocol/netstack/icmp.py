"""ICMP: answers to pings, pings of our own, the tap through which a router takes pings for any address, and errors."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from mix_protocol.netstack.endpoint import to_address
from mix_protocol.netstack.errors import AddressInUse, DatagramTooBig
from mix_protocol.netstack.wire.icmp import IcmpEcho, IcmpError, UnreachableReason, decode_icmp
from mix_protocol.netstack.wire.ip import ICMP, ICMPV6, IpAddress, IpPacket, pack_address, unpack_address

_MOST_QUEUED = 64
_MOST_ERRORS_WAITING = 64

SendIp = Callable[[bytes, bytes, int, bytes], None]
ChooseSource = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class EchoRequested:
    """Somebody pings an address."""

    source: IpAddress = field(repr=False)
    destination: IpAddress = field(repr=False)
    identifier: int
    sequence: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EchoReplied:
    """The answer to a ping of ours."""

    source: IpAddress = field(repr=False)
    sequence: int
    payload: bytes = field(repr=False)


class EchoTap:
    """Takes every ping, whatever its address. Made by a stack's `open_echo_tap`.

    on_event -- called without arguments after a ping has arrived
    """

    def __init__(self, layer: IcmpLayer) -> None:
        self._layer = layer
        self._queue: deque[EchoRequested] = deque()
        self.on_event: Callable[[], None] | None = None

    def receive(self) -> EchoRequested | None:
        """The oldest ping; None when there is none."""
        return self._queue.popleft() if self._queue else None

    def reply(self, request: EchoRequested, payload: bytes | None = None) -> None:
        """Answer a ping in its destination's name; with its own payload unless told otherwise."""
        self._layer.reply(request, request.payload if payload is None else payload)

    def refuse(self, request: EchoRequested, reason: UnreachableReason) -> None:
        """Tell by ICMP that a ping cannot arrive."""
        self._layer.refuse(request, reason)

    def close(self) -> None:
        """Take no more."""
        self.on_event = None
        self._layer.close_tap(self)

    def deliver(self, request: EchoRequested) -> None:
        """A ping came."""
        if len(self._queue) < _MOST_QUEUED:
            self._queue.append(request)
            if self.on_event is not None:
                self.on_event()


class EchoSocket:
    """Sends pings under one identifier. Made by a stack's `open_echo`.

    on_event -- called without arguments after an answer has arrived
    """

    def __init__(self, layer: IcmpLayer, identifier: int) -> None:
        self._layer = layer
        self.identifier = identifier
        self._queue: deque[EchoReplied] = deque()
        self.on_event: Callable[[], None] | None = None

    def send(self, destination: IpAddress | str, sequence: int, payload: bytes) -> None:
        """Ping an address. Raises NoSourceAddress."""
        self._layer.request(self.identifier, to_address(destination).packed, sequence & 0xFFFF, payload)

    def receive(self) -> EchoReplied | None:
        """The oldest answer; None when there is none."""
        return self._queue.popleft() if self._queue else None

    def close(self) -> None:
        """Give up the identifier."""
        self.on_event = None
        self._layer.close_socket(self)

    def deliver(self, reply: EchoReplied) -> None:
        """An answer came."""
        if len(self._queue) < _MOST_QUEUED:
            self._queue.append(reply)
            if self.on_event is not None:
                self.on_event()


def _protocol_for(address: bytes) -> int:
    return ICMPV6 if len(address) == 16 else ICMP


class IcmpLayer:
    """ICMP's part of a stack.

    errors_waiting -- how many errors of ours have not left yet; beyond a bound no more are made
    """

    def __init__(
        self, choose_source: ChooseSource, send_ip: SendIp, on_error: Callable[[IcmpError, bytes, float], None]
    ) -> None:
        self._choose_source = choose_source
        self._send_ip = send_ip
        self._on_error = on_error
        self._tap: EchoTap | None = None
        self._sockets: dict[int, EchoSocket] = {}
        self.errors_waiting = 0

    def open_tap(self) -> EchoTap:
        """The one tap."""
        if self._tap is not None:
            raise AddressInUse("this stack's pings are being tapped already")
        self._tap = EchoTap(self)
        return self._tap

    def close_tap(self, tap: EchoTap) -> None:
        """Forget the tap."""
        if self._tap is tap:
            self._tap = None

    @property
    def has_tap(self) -> bool:
        """Whether pings of foreign addresses are wanted."""
        return self._tap is not None

    def open_socket(self, identifier: int) -> EchoSocket:
        """A socket that sends pings."""
        if identifier in self._sockets:
            raise AddressInUse()
        socket = self._sockets[identifier] = EchoSocket(self, identifier)
        return socket

    def close_socket(self, socket: EchoSocket) -> None:
        """Forget a socket."""
        if self._sockets.get(socket.identifier) is socket:
            del self._sockets[socket.identifier]

    def request(self, identifier: int, destination: bytes, sequence: int, payload: bytes) -> None:
        """Send a ping."""
        source = self._choose_source(destination)
        echo = IcmpEcho(True, identifier, sequence, payload)
        self._send_ip(source, destination, _protocol_for(source), echo.encode(source, destination))

    def reply(self, request: EchoRequested, payload: bytes) -> None:
        """Answer a ping."""
        source, destination = pack_address(request.destination), pack_address(request.source)
        echo = IcmpEcho(False, request.identifier, request.sequence, payload)
        self._send_ip(source, destination, _protocol_for(source), echo.encode(source, destination))

    def refuse(self, request: EchoRequested, reason: UnreachableReason) -> None:
        """Answer a ping by an error that quotes it."""
        source, destination = pack_address(request.source), pack_address(request.destination)
        echo = IcmpEcho(True, request.identifier, request.sequence, request.payload)
        packet = IpPacket(source, destination, _protocol_for(source), echo.encode(source, destination))
        self.send_unreachable(reason, destination, source, packet.encode())

    def send_unreachable(self, reason: UnreachableReason, source: bytes, destination: bytes, original: bytes) -> None:
        """Send an error about the packet `original`; a flood of packets makes no flood of errors."""
        if self.errors_waiting >= _MOST_ERRORS_WAITING:
            return
        self.errors_waiting += 1
        error = IcmpError(reason, original)
        self._send_ip(source, destination, _protocol_for(source), error.encode(source, destination))

    def receive(self, packet: IpPacket, is_local: bool, now: float) -> None:
        """Take in an IP packet whose payload is ICMP. Raises MalformedPacket."""
        message = decode_icmp(packet.payload, packet.source, packet.destination)
        if isinstance(message, IcmpError):
            self._on_error(message, packet.destination, now)
        elif message is not None and message.is_request:
            request = EchoRequested(
                unpack_address(packet.source),
                unpack_address(packet.destination),
                message.identifier,
                message.sequence,
                message.payload,
            )
            if self._tap is not None:
                self._tap.deliver(request)
            elif is_local:
                # One that came in fragments cannot be answered: we send none.
                with contextlib.suppress(DatagramTooBig):
                    self.reply(request, message.payload)
        elif message is not None and is_local:
            socket = self._sockets.get(message.identifier)
            if socket is not None:
                socket.deliver(EchoReplied(unpack_address(packet.source), message.sequence, message.payload))
