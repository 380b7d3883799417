"""The user's side of an IP packet router: connect, then exchange IP packets.

It makes mixnet messages and reads them; how they reach the exit, and with which reply SURBs, is the mixnet client's
business (`OutgoingMessage.reply_surbs` says how many to send along).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.delivery import Delivery
from mix_protocol.errors import MixError
from mix_protocol.ipr.bundle import Bundler, encode_bundle, split_bundle
from mix_protocol.ipr.errors import (
    ConnectionLost,
    ExitDenied,
    ExitUnanswered,
    InvalidPacketSize,
    IprClosed,
    NotConnected,
)
from mix_protocol.ipr.events import (
    ExitConnected,
    ExitLost,
    ExitRefused,
    ExitReported,
    HealthReceived,
    IprEvent,
    PacketReceived,
    PongReceived,
)
from mix_protocol.ipr.liveness import Liveness, LivenessPolicy
from mix_protocol.ipr.lp import BALANCED_OPENING, LpFrame, LpFrameType, next_sequence
from mix_protocol.ipr.probe import DnsProbe, EchoProbe, Probe
from mix_protocol.ipr.requests import (
    IPR_VERSION_9,
    IPR_VERSION_10,
    ConnectRequest,
    DataRequest,
    DisconnectRequest,
    HealthRequest,
    IprRequest,
    PingRequest,
    encode_request,
)
from mix_protocol.ipr.responses import (
    ConnectFailure,
    ConnectSuccess,
    ControlResponse,
    DataResponse,
    DisconnectFailure,
    DisconnectSuccess,
    HealthReport,
    Info,
    Pong,
    UnrequestedDisconnect,
    decode_response,
)
from mix_protocol.ipr.timestamp import Timestamp

_RESPONSE_VERSIONS = range(8, 12)
_MAX_PENDING_PINGS = 8

MIN_MTU_BYTES = 576
"""An exit that forwards less than every IPv4 host must accept (RFC 791) is of no use."""


@dataclass(frozen=True, slots=True)
class IprConfig:
    """What a user may choose.

    open_reply_surbs -- reply SURBs with the message that opens the stream
    data_reply_surbs -- reply SURBs for every IP packet sent (and for control messages)
    buffer_timeout_ms -- how long the router may hold packets back to fill a bundle; None leaves it to the router
    connect_timeout_s -- after this the exit counts as unanswering
    retry_after_s -- after this the request to connect is repeated, in version 9; after twice as long the next time
    max_bundled_packets -- how many small packets that wait together share one message
    balanced_replies -- ask for each reply SURB to come home (`BALANCED_OPENING`); only of an exit that announces it
    """

    open_reply_surbs: int = 10
    data_reply_surbs: int = 2
    buffer_timeout_ms: int | None = None
    connect_timeout_s: float = 60.0
    retry_after_s: float = 10.0
    max_bundled_packets: int = 3
    balanced_replies: bool = False
    liveness: LivenessPolicy = field(default_factory=LivenessPolicy)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A mixnet message to the exit and how many reply SURBs go with it.

    wants_answer -- whether those SURBs are the way for its answer, and so must go even if the exit should have plenty
        (one that was restarted has none)
    deliveries -- of the IP packets in it, as they were given to `send_packet`
    """

    payload: bytes = field(repr=False)
    reply_surbs: int
    wants_answer: bool = False
    deliveries: tuple[Delivery | None, ...] = field(default=(), repr=False)


@dataclass(slots=True)
class _Attempt:
    """A running request to connect. Only the newest one's answer counts: each request makes the router drop the
    addresses of the one before."""

    request_id: int
    give_up_at: float
    retry_at: float
    requests: int = 0


@dataclass(slots=True)
class _Connection:
    """Addresses that the exit has granted."""

    probe: Probe
    liveness: Liveness
    sequence: int = 0


class IprClient:
    """Sans-I/O client of one exit.

    random -- for stream and request ids
    ipr_version -- the version to try first, 9 or 10 (`ExitNode.ipr_version`); 10 falls back to 9
    answers_echo -- whether the router is known to answer echo requests to its own address; see `ipr.probe`
    unix_time_offset_s -- add it to `now` to get Unix time; requests bear a timestamp
    """

    def __init__(
        self,
        random: RandomBytes,
        *,
        ipr_version: int = IPR_VERSION_9,
        answers_echo: bool = False,
        config: IprConfig | None = None,
        unix_time_offset_s: float = 0.0,
    ) -> None:
        self._random = random
        self._preferred_version = IPR_VERSION_10 if ipr_version >= IPR_VERSION_10 else IPR_VERSION_9
        self._answers_echo = answers_echo
        self._config = config or IprConfig()
        self._unix_time_offset_s = unix_time_offset_s
        self._stream_id = 0
        self._attempt: _Attempt | None = None
        self._connection: _Connection | None = None
        self._closed = False
        self._bundler = Bundler(self._config.max_bundled_packets)
        self._bundled: deque[Delivery | None] = deque()  # of the packets in the bundler
        self._ready: deque[OutgoingMessage] = deque()
        self._events: deque[IprEvent] = deque()
        self._pings: dict[int, float] = {}
        self._health_ids: set[int] = set()

    @property
    def is_connected(self) -> bool:
        """Whether packets may be sent now."""
        return self._connection is not None

    # -- what the owner asks for

    def connect(self, now: float) -> None:
        """Ask the exit for addresses, over a fresh stream; also after `ExitLost` or `ExitRefused`."""
        if self._closed:
            raise IprClosed()
        self._drop_connection()
        self._stream_id = self._random_u64()
        self._attempt = _Attempt(0, now + self._config.connect_timeout_s, now)
        self._ready.append(OutgoingMessage(self.opening(), self._config.open_reply_surbs))
        self._ask_to_connect(self._attempt, self._preferred_version, now)

    def opening(self) -> bytes:
        """Give the message that opens the stream. Sent again, it does nothing but bring reply SURBs."""
        payload = BALANCED_OPENING if self._config.balanced_replies else b""
        return LpFrame(self._stream_id, LpFrameType.OPEN, 0, payload).encode()

    def send_packet(self, packet: bytes, now: float, delivery: Delivery | None = None) -> None:
        """Queue an IP packet. Raises `NotConnected`, or `InvalidPacketSize`.

        delivery -- comes back with the message that carries the packet
        """
        if self._closed:
            raise IprClosed()
        if self._connection is None:
            raise NotConnected()
        if not 0 < len(packet) <= 0xFFFF:
            raise InvalidPacketSize(size=len(packet))
        self._connection.liveness.sent(now)
        groups = self._bundler.add(packet)
        self._bundled.append(delivery)
        for group in groups:
            self._queue_bundle(self._connection, group)

    def suspect(self, now: float) -> None:
        """Find out now whether the exit still knows us; `ExitLost` follows if it does not."""
        if self._connection is not None:
            self._connection.liveness.suspect(now)

    def note_absence(self, away_s: float) -> None:
        """The clock that `now` is read from has stood still for so long, and the exit's has not."""
        if self._connection is not None:
            self._connection.liveness.note_absence(away_s)

    def path_returned(self, now: float) -> None:
        """Note that something came back through the mixnet; see `LivenessPolicy.gone_s`."""
        if self._connection is not None:
            self._connection.liveness.path_returned(now)

    def delivered(self, now: float) -> None:
        """Note that the exit's gateway acknowledged a packet; see `LivenessPolicy.needs_delivery`."""
        if self._connection is not None:
            self._connection.liveness.delivered(now)

    def ping(self, now: float) -> None:
        """Ask for a `PongReceived`."""
        while len(self._pings) >= _MAX_PENDING_PINGS:
            self._pings.pop(next(iter(self._pings)))
        request_id = self._random_u64()
        self._pings[request_id] = now
        self._queue_control(PingRequest(IPR_VERSION_9, request_id, self._timestamp(now)))

    def ask_health(self, now: float) -> None:
        """Ask for a `HealthReceived`."""
        request_id = self._random_u64()
        self._health_ids = {request_id}
        self._queue_control(HealthRequest(IPR_VERSION_9, request_id, self._timestamp(now)))

    def close(self, now: float) -> None:
        """Give the addresses back, if there are any; the message is the last one in `messages_to_send`."""
        if self._closed:
            return
        if self._connection is not None:
            self._flush_packets(self._connection)
            self._queue_control(DisconnectRequest(IPR_VERSION_9, self._random_u64(), self._timestamp(now)))
        self._closed = True
        self._attempt = self._connection = None

    # -- the seam

    def receive_message(self, message: bytes, now: float) -> None:
        """Take a message from the exit. What is malformed, or belongs to another stream, raises `PeerMisbehaved` or is
        ignored respectively; neither harms the connection."""
        if self._closed:
            return
        frame = LpFrame.decode(message)
        if frame.stream_id != self._stream_id or frame.type is not LpFrameType.DATA:
            return
        response = decode_response(frame.payload)
        if response.version not in _RESPONSE_VERSIONS:
            raise MalformedMessage("IP packet router response", "its version is unknown")
        if isinstance(response, DataResponse):
            self._receive_data(response)
        else:
            self._receive_control(response, now)

    def messages_to_send(self, now: float) -> list[OutgoingMessage]:
        """Take everything that is to be sent to the exit, in order."""
        del now  # nothing is held back: the mixnet client paces what it sends
        if self._connection is not None:
            self._flush_packets(self._connection)
        messages = list(self._ready)
        self._ready.clear()
        return messages

    def next_event(self) -> IprEvent | None:
        """The next thing that has happened; None when there is nothing."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` has something to do; None for never."""
        if self._attempt is not None:
            return min(self._attempt.retry_at, self._attempt.give_up_at)
        if self._connection is not None:
            return self._connection.liveness.deadline()
        return None

    def handle_timeout(self, now: float) -> None:
        """Repeat the request to connect, probe the exit, or give up; does nothing before `next_timeout`."""
        if self._attempt is not None:
            if now >= self._attempt.give_up_at:
                self._attempt = None
                self._events.append(ExitRefused(ExitUnanswered()))
            elif now >= self._attempt.retry_at:
                self._ask_to_connect(self._attempt, IPR_VERSION_9, now)
        elif self._connection is not None:
            self._watch(self._connection, now)

    # -- receiving

    def _receive_data(self, response: DataResponse) -> None:
        connection = self._connection
        if connection is None:
            return
        connection.liveness.received()
        for packet in split_bundle(response.bundle):
            if connection.probe.is_answered_by(packet):
                connection.liveness.received(answers_probe=True)
            else:
                self._events.append(PacketReceived(packet))

    def _receive_control(self, response: ControlResponse, now: float) -> None:
        match response:
            case ConnectSuccess() | ConnectFailure():
                self._receive_connect(response, now)
                return
            case DisconnectSuccess() | DisconnectFailure():
                return  # answers to `close`, after which nobody listens
            case UnrequestedDisconnect():
                self._lose(ConnectionLost("the exit gateway has ended the connection; connect again", is_alive=True))
                return
        if self._connection is not None:
            self._connection.liveness.received()
        match response:
            case Pong():
                asked_at = self._pings.pop(response.request_id, None)
                if asked_at is not None:
                    self._events.append(PongReceived(now - asked_at))
            case HealthReport():
                if response.request_id in self._health_ids:
                    self._health_ids.clear()
                    self._events.append(HealthReceived(response))
            case Info():
                if self._connection is not None and self._connection.probe.is_refused_by(response.detail):
                    self._connection.liveness.received(answers_probe=True)
                else:
                    self._events.append(ExitReported(response.kind, response.level, response.detail))

    def _receive_connect(self, response: ConnectSuccess | ConnectFailure, now: float) -> None:
        attempt = self._attempt
        if attempt is None or response.request_id != attempt.request_id:
            return
        self._attempt = None
        if isinstance(response, ConnectFailure):
            reason = response.reason.name.lower()
            self._events.append(ExitRefused(ExitDenied(reason=reason, detail=response.detail)))
            return
        if response.mtu_bytes is not None and response.mtu_bytes < MIN_MTU_BYTES:
            self._events.append(ExitRefused(ExitDenied(reason="unusable_mtu", detail="")))
            return
        make_probe = EchoProbe if self._answers_echo else DnsProbe
        self._connection = _Connection(make_probe(response.ipv4, self._random), Liveness(self._config.liveness, now))
        self._events.append(ExitConnected(response.ipv4, response.ipv6, response.mtu_bytes, response.version))

    # -- sending

    def _ask_to_connect(self, attempt: _Attempt, version: int, now: float) -> None:
        attempt.request_id = self._random_u64()
        attempt.retry_at = now + self._config.retry_after_s * (1 << attempt.requests)
        attempt.requests += 1
        timeout_ms = self._config.buffer_timeout_ms
        self._queue_control(ConnectRequest(version, attempt.request_id, self._timestamp(now), timeout_ms))

    def _watch(self, connection: _Connection, now: float) -> None:
        liveness = connection.liveness
        if liveness.is_lost(now):
            self._lose(ConnectionLost("the exit gateway no longer answers; connect again", is_alive=False))
        elif liveness.wants_probe(now):
            self._queue_data(connection, [connection.probe.make()], wants_answer=True)
            liveness.probed(now)

    def _flush_packets(self, connection: _Connection) -> None:
        if self._bundler:
            self._queue_bundle(connection, self._bundler.flush())

    def _queue_bundle(self, connection: _Connection, packets: list[bytes]) -> None:
        deliveries = tuple(self._bundled.popleft() for _ in packets)
        self._queue_data(connection, packets, deliveries=deliveries)

    def _queue_data(
        self,
        connection: _Connection,
        packets: list[bytes],
        *,
        deliveries: tuple[Delivery | None, ...] = (),
        wants_answer: bool = False,
    ) -> None:
        connection.sequence = next_sequence(connection.sequence)
        # The version byte of data stays 9, also where the connection was made with 10.
        request = DataRequest(IPR_VERSION_9, encode_bundle(packets))
        reply_surbs = self._config.data_reply_surbs * len(packets)
        self._queue(request, connection.sequence, reply_surbs, wants_answer=wants_answer, deliveries=deliveries)

    def _queue_control(self, request: IprRequest) -> None:
        self._queue(request, 0, self._config.data_reply_surbs, wants_answer=True)

    def _queue(
        self,
        request: IprRequest,
        sequence: int,
        reply_surbs: int,
        *,
        wants_answer: bool,
        deliveries: tuple[Delivery | None, ...] = (),
    ) -> None:
        frame = LpFrame(self._stream_id, LpFrameType.DATA, sequence, encode_request(request))
        self._ready.append(OutgoingMessage(frame.encode(), reply_surbs, wants_answer, deliveries))

    def _lose(self, error: MixError) -> None:
        if self._connection is not None:
            self._drop_connection()
            self._events.append(ExitLost(error))

    def _drop_connection(self) -> None:
        self._connection = None
        self._bundler.flush()
        self._bundled.clear()
        self._ready.clear()
        self._pings.clear()

    def _timestamp(self, now: float) -> Timestamp:
        return Timestamp.from_unix(now + self._unix_time_offset_s)

    def _random_u64(self) -> int:
        return int.from_bytes(self._random(8), "big")
