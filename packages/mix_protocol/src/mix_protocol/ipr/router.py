"""The exit's side of an IP packet router: gives addresses to clients and passes IP packets in both directions.

A client is known by its sender tag alone; replies go back to that tag by reply SURBs. The router forwards nothing
itself: `PacketForwarded` goes to the exit's network, and packets from there come in by `receive_ip_packet`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.ipr.addresses import MAX_CLIENTS, ROUTER_IPV4, ROUTER_IPV6, AddressPair, AddressPool
from mix_protocol.ipr.bundle import Bundler, encode_bundle, split_bundle
from mix_protocol.ipr.ip_packet import IpAddress, echo_reply_to, read_endpoints
from mix_protocol.ipr.lp import BALANCED_OPENING, LpFrame, LpFrameType, next_sequence
from mix_protocol.ipr.requests import (
    IPR_VERSION_9,
    IPR_VERSION_10,
    ConnectRequest,
    ControlRequest,
    DataRequest,
    DisconnectRequest,
    PingRequest,
    decode_request,
)
from mix_protocol.ipr.responses import (
    ConnectFailure,
    ConnectFailureReason,
    ConnectSuccess,
    ControlResponse,
    DataResponse,
    DisconnectFailure,
    DisconnectFailureReason,
    DisconnectReason,
    DisconnectSuccess,
    HealthReport,
    Info,
    InfoKind,
    InfoLevel,
    Pong,
    UnrequestedDisconnect,
    encode_response,
)
from mix_protocol.ipr.router_events import (
    BalanceRequested,
    ClientConnected,
    ClientExpired,
    ExpiryReason,
    PacketForwarded,
    RouterEvent,
)
from mix_protocol.topology.described import BuildInformation

_VERSIONS = (IPR_VERSION_9, IPR_VERSION_10)
_MAX_STRANGERS = 1024
_TOO_MANY_NEW = "too many clients have come in this second"


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """What an operator may choose. Times are in seconds.

    mtu_bytes -- told to clients of version 10
    versions -- protocol versions that are answered; others are dropped without a word
    max_clients -- how many clients have addresses at most. One more takes the place of the one that was silent longest
    new_clients_per_s -- how many get addresses in a second; more are denied. The default lets newcomers in as fast as
        they can come without pushing out anybody who was heard within `client_idle_s`, whoever they are: sender tags
        tell nothing of who stands behind them, and so one person may be all of them
    client_idle_s -- a client that sends no IP packet for so long loses its addresses
    sweep_s -- how often idle clients are looked for
    bundle_delay_s -- how long packets to a client wait for more, unless the client asked for another time
    max_bundle_delay_s -- the longest time that a client may ask for
    max_waiting_replies -- more replies than this are not kept for `replies_to_send`
    report_interval_s -- least time between two remarks to one client: each spends a reply SURB
    goodbye_interval_s -- least time between two goodbyes to one sender that has no addresses here
    build -- answers health requests
    """

    mtu_bytes: int = 1500
    versions: tuple[int, ...] = _VERSIONS
    max_clients: int = MAX_CLIENTS
    new_clients_per_s: float = MAX_CLIENTS / 60.0
    client_idle_s: float = 60.0
    sweep_s: float = 10.0
    bundle_delay_s: float = 0.020
    max_bundle_delay_s: float = 1.0
    max_waiting_replies: int = 8192
    report_interval_s: float = 0.1
    goodbye_interval_s: float = 2.0
    build: BuildInformation = field(default_factory=lambda: BuildInformation(build_version="0.0.0"))


@dataclass(slots=True)
class RouterCounters:
    """Why things were dropped; all only ever grow."""

    without_sender_tag: int = 0
    malformed: int = 0
    unsupported_version: int = 0
    not_connected: int = 0
    foreign_source: int = 0
    invalid_packet: int = 0
    unknown_destination: int = 0
    overflowed: int = 0


class RouterReply(NamedTuple):
    """A message to a client.

    is_control -- whether somebody waits for it: it should be sent again when it gets lost, unlike a packet's
    """

    sender_tag: bytes
    message: bytes
    is_control: bool

    def __repr__(self) -> str:
        return f"RouterReply(is_control={self.is_control})"


@dataclass(slots=True)
class _Client:
    """A client that has addresses."""

    sender_tag: bytes = field(repr=False)
    addresses: AddressPair
    stream_id: int
    version: int
    bundle_delay_s: float
    last_packet_at: float
    bundler: Bundler = field(default_factory=Bundler)
    flush_at: float | None = None
    sequence: int = 0
    may_report_at: float = 0.0


class IprRouter:
    """Sans-I/O router of one exit gateway. `counters` says what it has dropped."""

    def __init__(self, random: RandomBytes, config: RouterConfig | None = None) -> None:
        self._config = config or RouterConfig()
        self._pool = AddressPool(random, self._config.max_clients)
        self._by_tag: OrderedDict[bytes, _Client] = OrderedDict()  # silent for longest first
        self._by_address: dict[IpAddress, _Client] = {}
        self._waiting: dict[bytes, _Client] = {}  # clients whose bundler holds packets
        self._replies: deque[RouterReply] = deque()
        self._strangers: OrderedDict[bytes, float] = OrderedDict()  # when they may be told again
        self._events: deque[RouterEvent] = deque()
        self._next_sweep: float | None = None
        self._refusal: str | None = None
        self._admissions = self._config.new_clients_per_s
        self._admissions_at: float | None = None
        self.counters = RouterCounters()

    @property
    def client_count(self) -> int:
        """How many clients have addresses."""
        return len(self._by_tag)

    def refuse_clients(self, reason: str | None) -> None:
        """From now on deny new connections for this reason; None admits them again."""
        self._refusal = reason

    # -- the seam

    def receive_message(self, sender_tag: bytes | None, message: bytes, now: float) -> None:
        """Take a client's message. What is malformed, of another version or without a sender tag is counted and
        dropped, as published routers do."""
        if sender_tag is None:
            self.counters.without_sender_tag += 1
            return
        try:
            frame = LpFrame.decode(message)
            if frame.type is LpFrameType.OPEN and frame.payload == BALANCED_OPENING:
                self._events.append(BalanceRequested(sender_tag))
                return
            if not frame.payload:
                return  # opening a stream only brings reply SURBs
            request = decode_request(frame.payload)
        except PeerMisbehaved:
            self.counters.malformed += 1
            return
        if request.version not in self._config.versions:
            self.counters.unsupported_version += 1
        elif isinstance(request, DataRequest):
            self._receive_data(sender_tag, frame.stream_id, request, now)
        else:
            self._receive_control(sender_tag, frame.stream_id, request, now)

    def receive_ip_packet(self, packet: bytes, now: float) -> None:
        """Take a packet from the Internet to whichever client has its destination address."""
        try:
            client = self._by_address.get(read_endpoints(packet).destination)
        except PeerMisbehaved:
            self.counters.invalid_packet += 1
            return
        if client is None:
            self.counters.unknown_destination += 1
            return
        self._queue_packet(client, packet, now)

    def replies_to_send(self, now: float) -> list[RouterReply]:
        """Take every reply that is due."""
        self._flush_due(now)
        replies = list(self._replies)
        self._replies.clear()
        return replies

    def next_event(self) -> RouterEvent | None:
        """The next thing that has happened; None when there is nothing."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` has something to do; None for never."""
        times = [client.flush_at for client in self._waiting.values() if client.flush_at is not None]
        if self._next_sweep is not None:
            times.append(self._next_sweep)
        return min(times, default=None)

    def handle_timeout(self, now: float) -> None:
        """Send bundles whose time has come, and take addresses back from idle clients."""
        self._flush_due(now)
        if self._next_sweep is None or now < self._next_sweep:
            return
        while self._by_tag:
            client = next(iter(self._by_tag.values()))
            if now - client.last_packet_at < self._config.client_idle_s:
                break
            self._dismiss(client, now)
        self._next_sweep = now + self._config.sweep_s if self._by_tag else None

    def report_denied(self, sender_tag: bytes, destination: str, now: float) -> None:
        """Tell a client that the exit's policy forbids a destination ("ip:port", port 0 where there is none)."""
        client = self._by_tag.get(sender_tag)
        if client is None or now < client.may_report_at:
            return
        client.may_report_at = now + self._config.report_interval_s
        remark = Info(client.version, 0, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, destination)
        self._reply(sender_tag, client.stream_id, 0, remark)

    # -- data

    def _receive_data(self, sender_tag: bytes, stream_id: int, request: DataRequest, now: float) -> None:
        client = self._by_tag.get(sender_tag)
        if client is None:
            self.counters.not_connected += 1
            self._tell_stranger(sender_tag, stream_id, request.version, now)
            return
        for packet in split_bundle(request.bundle):
            self._receive_client_packet(client, packet, now)

    def _tell_stranger(self, sender_tag: bytes, stream_id: int, version: int, now: float) -> None:
        """Tell a sender that it has no addresses here, for this router was restarted since it gave them.

        Published routers say nothing; it spares a client the time to find out.
        """
        if now < self._strangers.get(sender_tag, now):
            return
        self._strangers[sender_tag] = now + self._config.goodbye_interval_s
        self._strangers.move_to_end(sender_tag)
        if len(self._strangers) > _MAX_STRANGERS:
            self._strangers.popitem(last=False)
        self._reply(sender_tag, stream_id, 0, UnrequestedDisconnect(version, DisconnectReason.OTHER))

    def _receive_client_packet(self, client: _Client, packet: bytes, now: float) -> None:
        try:
            endpoints = read_endpoints(packet)
        except PeerMisbehaved:
            self.counters.invalid_packet += 1
            return
        # Published routers accept any address that is given to anyone; a client must not speak for another one.
        if endpoints.source not in client.addresses:
            self.counters.foreign_source += 1
            return
        client.last_packet_at = now
        self._by_tag.move_to_end(client.sender_tag)
        if endpoints.destination in (ROUTER_IPV4, ROUTER_IPV6):
            reply = echo_reply_to(packet)
            if reply is not None:
                self._queue_packet(client, reply, now)
            return
        self._events.append(PacketForwarded(client.sender_tag, packet))

    def _queue_packet(self, client: _Client, packet: bytes, now: float) -> None:
        for group in client.bundler.add(packet):
            self._send_bundle(client, group)
        if not client.bundler:
            client.flush_at = None
            self._waiting.pop(client.sender_tag, None)
        elif client.flush_at is None:
            client.flush_at = now + client.bundle_delay_s
            self._waiting[client.sender_tag] = client

    def _flush_due(self, now: float) -> None:
        due = [client for client in self._waiting.values() if client.flush_at is not None and now >= client.flush_at]
        for client in due:
            del self._waiting[client.sender_tag]
            client.flush_at = None
            self._send_bundle(client, client.bundler.flush())

    def _send_bundle(self, client: _Client, packets: list[bytes]) -> None:
        client.sequence = next_sequence(client.sequence)
        response = DataResponse(client.version, encode_bundle(packets))
        self._reply(client.sender_tag, client.stream_id, client.sequence, response)

    # -- control

    def _receive_control(self, sender_tag: bytes, stream_id: int, request: ControlRequest, now: float) -> None:
        response: ControlResponse
        version, request_id = request.version, request.request_id
        if isinstance(request, ConnectRequest):
            response = self._connect(sender_tag, stream_id, request, now)
        elif isinstance(request, DisconnectRequest):
            client = self._by_tag.get(sender_tag)
            if client is not None:
                self._remove(client, ExpiryReason.DISCONNECTED, now)
                response = DisconnectSuccess(version, request_id)
            else:
                response = DisconnectFailure(version, request_id, DisconnectFailureReason.NOT_CONNECTED)
        elif isinstance(request, PingRequest):
            response = Pong(version, request_id)
        else:
            response = HealthReport(version, request_id, self._config.build)
        self._reply(sender_tag, stream_id, 0, response)

    def _connect(
        self, sender_tag: bytes, stream_id: int, request: ConnectRequest, now: float
    ) -> ConnectSuccess | ConnectFailure:
        version, request_id = request.version, request.request_id
        if self._refusal is not None:
            return ConnectFailure(version, request_id, ConnectFailureReason.OTHER, self._refusal)
        if not self._admits(now):
            return ConnectFailure(version, request_id, ConnectFailureReason.OTHER, _TOO_MANY_NEW)
        before = self._by_tag.get(sender_tag)
        if before is not None:
            self._remove(before, ExpiryReason.RECONNECTED, now)
        elif len(self._by_tag) >= self._config.max_clients:
            self._dismiss(next(iter(self._by_tag.values())), now)
        addresses = self._pool.allocate(now)
        if addresses is None:
            return ConnectFailure(version, request_id, ConnectFailureReason.NO_AVAILABLE_IP)
        delay_s = self._config.bundle_delay_s
        if request.buffer_timeout_ms is not None:
            delay_s = min(request.buffer_timeout_ms / 1000, self._config.max_bundle_delay_s)
        client = _Client(sender_tag, addresses, stream_id, version, delay_s, now)
        self._by_tag[sender_tag] = client
        for address in addresses:
            self._by_address[address] = client
        if self._next_sweep is None:
            self._next_sweep = now + self._config.sweep_s
        self._events.append(ClientConnected(sender_tag, *addresses))
        mtu_bytes = self._config.mtu_bytes if version >= IPR_VERSION_10 else None
        return ConnectSuccess(version, request_id, *addresses, mtu_bytes)

    def _admits(self, now: float) -> bool:
        """Whether one more client may come in this second."""
        rate = self._config.new_clients_per_s
        if self._admissions_at is not None:
            self._admissions = min(max(rate, 1.0), self._admissions + (now - self._admissions_at) * rate)
        self._admissions_at = now
        if self._admissions < 1:
            return False
        self._admissions -= 1
        return True

    def _dismiss(self, client: _Client, now: float) -> None:
        """Take a silent client's addresses back.

        Published routers say nothing here; telling spares a client the time to find out.
        """
        goodbye = UnrequestedDisconnect(client.version, DisconnectReason.MIXNET_TIMEOUT)
        self._reply(client.sender_tag, client.stream_id, 0, goodbye)
        self._remove(client, ExpiryReason.IDLE, now)

    def _remove(self, client: _Client, reason: ExpiryReason, now: float) -> None:
        del self._by_tag[client.sender_tag]
        self._waiting.pop(client.sender_tag, None)
        for address in client.addresses:
            del self._by_address[address]
        self._pool.release(client.addresses, now)
        self._events.append(ClientExpired(client.sender_tag, *client.addresses, reason))

    def _reply(
        self, sender_tag: bytes, stream_id: int, sequence: int, response: ControlResponse | DataResponse
    ) -> None:
        if len(self._replies) >= self._config.max_waiting_replies:
            self.counters.overflowed += 1
            return
        frame = LpFrame(stream_id, LpFrameType.DATA, sequence, encode_response(response))
        self._replies.append(RouterReply(sender_tag, frame.encode(), not isinstance(response, DataResponse)))
