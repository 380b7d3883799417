"""The client's side of a connection to its entry gateway.

Without a shared key it registers, and the same connection is then the session; with one it authenticates. (The
published client opens a second connection after registering: do so by closing this one at `Registered`.)
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.gateway import control, events
from mix_protocol.gateway.authentication import make_request
from mix_protocol.gateway.binary import ClientFrameKind, GatewayFrameKind, open_frame, seal_frame
from mix_protocol.gateway.control import KEY_ROTATION_VERSION, MIN_PROTOCOL_VERSION, PROTOCOL_VERSION
from mix_protocol.gateway.errors import (
    AuthenticationRejected,
    GatewayComplained,
    GatewayConnectionClosed,
    GatewayTimedOut,
    HandshakeRejected,
    IncompatibleGateway,
    InvalidGatewaySignature,
    MalformedFrame,
    NotAuthenticated,
    OutOfBandwidth,
    PaidBandwidthWanted,
    UnexpectedFrame,
)
from mix_protocol.gateway.handshake import ClientHandshake
from mix_protocol.sphinx.mix_packet import MixPacket

_HANDSHAKE_SUCCEEDED = b"\x01"


class ClientState(enum.Enum):
    """How far a connection has come, named by what it waits for."""

    NEW = "start"
    VERSION = "protocol version"
    HANDSHAKE_REPLY = "handshake reply"
    HANDSHAKE_RESULT = "handshake result"
    REGISTRATION = "registration"
    AUTHENTICATION = "authentication"
    ALLOWANCE = "bandwidth allowance"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class GatewayClientConfig:
    """Times in seconds, sizes in bytes.

    reply_timeout_s -- for each answer of the gateway until the session stands
    claim_below_bytes -- an allowance under this is renewed (a fifth of a 200 MB ticket, as the published client does)
    claim_interval_s -- least time between two claims
    """

    reply_timeout_s: float = 10.0
    claim_below_bytes: int = 40_000_000
    claim_interval_s: float = 10.0


class GatewayClient:
    """Sans-I/O client of one connection.

    identity_seed -- the client's Ed25519 seed, 32 bytes
    gateway_identity -- the gateway's Ed25519 public key from the directory, 32 bytes
    shared_key -- from an earlier `Registered`; None to register
    unix_time_offset_s -- add it to `now` to get Unix time; authentication bears a timestamp
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        random: RandomBytes,
        identity_seed: bytes,
        gateway_identity: bytes,
        shared_key: bytes | None = None,
        *,
        unix_time_offset_s: float,
        config: GatewayClientConfig | None = None,
    ) -> None:
        self._crypto = crypto
        self._random = random
        self._identity_seed = identity_seed
        self._gateway_identity = gateway_identity
        self._shared_key = shared_key
        self._unix_time_offset_s = unix_time_offset_s
        self._config = config or GatewayClientConfig()
        self._state = ClientState.NEW
        self._version = PROTOCOL_VERSION
        self._carries_sealed_replies = False
        self._handshake: ClientHandshake | None = None
        self._deadline: float | None = None
        self._bandwidth_bytes = 0
        self._claim_is_out = False
        self._refusal: str | None = None
        """The gateway's answer to the last claim, unless it granted it."""
        self._may_claim_at: float | None = None
        self._frames: deque[str | bytes] = deque()
        self._events: deque[events.ClientEvent] = deque()

    @property
    def state(self) -> ClientState:
        """How far the connection has come."""
        return self._state

    @property
    def protocol_version(self) -> int:
        """The version in use: ours, or the gateway's if that is older."""
        return self._version

    @property
    def carries_sealed_replies(self) -> bool:
        """Whether the gateway is one of ours that passes on replies which only we can open, and has been asked to."""
        return self._carries_sealed_replies

    @property
    def bandwidth_bytes(self) -> int:
        """The allowance that the gateway last told."""
        return self._bandwidth_bytes

    # -- the seam

    def start(self, now: float) -> None:
        """Begin; call it once, when the WebSocket is open."""
        if self._state is not ClientState.NEW:
            raise GatewayConnectionClosed("this connection has been started before; make a new one")
        self._send(control.AskSupportedProtocol())
        self._await(ClientState.VERSION, now)

    def receive_text(self, text: str, now: float) -> None:
        """Take a text frame. Whatever is wrong with it becomes an event."""
        if self._state is ClientState.FAILED:
            return
        try:
            self._receive(control.decode_gateway_message(text), now)
        except MixError as error:
            self._fail(error)

    def receive_binary(self, frame: bytes, now: float) -> None:
        """Take a binary frame. Whatever is wrong with it becomes an event.

        Gateways deliver what they kept for a client before they confirm that it is authenticated, so pushed payloads
        count from the moment that there is a shared key.
        """
        del now
        if self._state is ClientState.FAILED:
            return
        if self._shared_key is None:
            self._fail(UnexpectedFrame("the entry gateway sent a binary frame before there was a key"))
            return
        try:
            kind, payload = open_frame(self._crypto, self._shared_key, frame)
        except MalformedFrame as error:
            self._fail(error)
            return
        if kind == GatewayFrameKind.PUSHED_MESSAGE:  # others are of a newer protocol
            self._events.append(events.PayloadPushed(payload))

    def send_mix_packet(self, packet: MixPacket, now: float) -> None:
        """Queue a packet for the mixnet. Raises `NotAuthenticated` or `GatewayConnectionClosed`."""
        del now
        if self._state is ClientState.FAILED:
            raise GatewayConnectionClosed()
        if self._state is not ClientState.READY or self._shared_key is None:
            raise NotAuthenticated()
        if self._version >= KEY_ROTATION_VERSION:
            kind, plaintext = ClientFrameKind.FORWARD_V2, packet.encode_v2()
        else:
            kind, plaintext = ClientFrameKind.FORWARD_V1, packet.encode_v1()
        self._frames.append(seal_frame(self._crypto, self._random, self._shared_key, kind, plaintext))

    def frames_to_send(self, now: float) -> list[str | bytes]:
        """Take the WebSocket frames to be sent, in order: text as str, binary as bytes."""
        del now
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def next_event(self) -> events.ClientEvent | None:
        """The next thing that has happened; None when there is nothing."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` has something to do; None for never."""
        return self._deadline

    def handle_timeout(self, now: float) -> None:
        """Give up on an answer that is overdue, or claim anew; does nothing before `next_timeout`."""
        if self._deadline is None or now < self._deadline:
            return
        if self._state is ClientState.READY:
            self._deadline = None
            self._claim_if_low(now)
        else:
            self._fail(GatewayTimedOut(step=self._state.value))

    # -- receiving

    def _receive(self, message: control.GatewayMessage, now: float) -> None:
        match message:
            case control.UnknownMessage():
                return
            case control.SupportedProtocol(version, sealed_replies) if self._state is ClientState.VERSION:
                self._adopt(version)
                if sealed_replies:
                    self._carries_sealed_replies = True
                    self._send(control.CarrySealedReplies())
                self._register_or_authenticate(now)
            case control.HandshakePayload():
                self._continue_handshake(message, now)
            case control.HandshakeError(text):
                raise HandshakeRejected(detail=text)
            case control.Registered() if self._state is ClientState.REGISTRATION:
                self._finish_registration(message, now)
            case control.Authenticated() if self._state is ClientState.AUTHENTICATION:
                if not message.status:
                    raise AuthenticationRejected()
                self._adopt(message.protocol_version or self._version)
                self._let_in(message.bandwidth_remaining, now)
            case control.PacketSent(remaining):
                self._bandwidth_bytes = remaining
                self._claim_if_low(now)
            case control.BandwidthGranted(total):
                self._claim_is_out, self._refusal = False, None
                self._bandwidth_bytes = total
                if self._state is ClientState.ALLOWANCE:
                    if total <= 0:
                        raise PaidBandwidthWanted("the entry gateway grants no bandwidth; choose another gateway")
                    self._become_ready()
                else:
                    self._events.append(events.BandwidthChanged(total))
                self._claim_if_low(now)
            case control.BandwidthExceeded(_, available):
                self._bandwidth_bytes = available
                if self._refusal is not None:
                    raise PaidBandwidthWanted(detail=self._refusal)
                self._events.append(events.BandwidthChanged(available))
                self._events.append(events.GatewayReported(OutOfBandwidth()))
                self._claim_if_low(now)
            case control.ErrorReported(text):
                self._receive_error(text)
            case _:
                raise UnexpectedFrame(f"the entry gateway sent a message out of turn (expected: {self._state.value})")

    def _receive_error(self, text: str) -> None:
        if self._claim_is_out:
            self._claim_is_out, self._refusal = False, text
        if self._state is ClientState.ALLOWANCE:
            raise PaidBandwidthWanted(detail=text)
        if self._state is ClientState.READY:
            self._events.append(events.GatewayReported(GatewayComplained(detail=text)))
        elif self._state is ClientState.AUTHENTICATION:
            raise AuthenticationRejected(detail=text)
        else:
            raise HandshakeRejected(detail=text)

    def _adopt(self, version: int) -> None:
        if version < MIN_PROTOCOL_VERSION:
            raise IncompatibleGateway(version=version)
        self._version = min(version, PROTOCOL_VERSION)

    def _register_or_authenticate(self, now: float) -> None:
        if self._shared_key is None:
            self._handshake = ClientHandshake(self._crypto, self._random, self._identity_seed, self._gateway_identity)
            self._send(control.HandshakePayload(self._version, self._handshake.start()))
            self._await(ClientState.HANDSHAKE_REPLY, now)
            return
        unix_time = int(now + self._unix_time_offset_s)
        request = make_request(
            self._crypto, self._random, self._identity_seed, self._shared_key, self._version, unix_time
        )
        self._send(request)
        self._await(ClientState.AUTHENTICATION, now)

    def _continue_handshake(self, message: control.HandshakePayload, now: float) -> None:
        if message.protocol_version > PROTOCOL_VERSION:
            raise IncompatibleGateway(version=message.protocol_version)
        if self._state is ClientState.HANDSHAKE_REPLY and self._handshake is not None:
            try:
                proof, self._shared_key = self._handshake.finish(message.data)
            except PeerMisbehaved as error:
                told = "received invalid signature" if isinstance(error, InvalidGatewaySignature) else str(error)
                self._send(control.HandshakeError(told))
                raise
            self._send(control.HandshakePayload(self._version, proof))
            self._await(ClientState.HANDSHAKE_RESULT, now)
        elif self._state is ClientState.HANDSHAKE_RESULT:
            if message.data != _HANDSHAKE_SUCCEEDED:
                raise HandshakeRejected()
            self._await(ClientState.REGISTRATION, now)
        else:
            raise UnexpectedFrame()

    def _finish_registration(self, message: control.Registered, now: float) -> None:
        if not message.status or self._shared_key is None:
            raise HandshakeRejected()
        self._handshake = None
        self._events.append(events.Registered(self._shared_key))
        self._let_in(0, now)  # a gateway does not say; a claim tells

    def _let_in(self, bandwidth_bytes: int, now: float) -> None:
        """The gateway has accepted us; without any allowance it is of use only if it grants one."""
        self._bandwidth_bytes = bandwidth_bytes
        if bandwidth_bytes > 0:
            self._become_ready()
        else:
            self._await(ClientState.ALLOWANCE, now)
        self._claim_if_low(now)

    def _become_ready(self) -> None:
        self._state = ClientState.READY
        self._deadline = None
        self._events.append(events.Authenticated(self._bandwidth_bytes))

    def _claim_if_low(self, now: float) -> None:
        """Renew a low allowance, but not again and again while an answer is on its way or the gateway is stingy."""
        if self._state not in (ClientState.ALLOWANCE, ClientState.READY):
            return
        is_low = self._bandwidth_bytes < self._config.claim_below_bytes
        if is_low and (self._may_claim_at is None or now >= self._may_claim_at):
            self._send(control.ClaimFreeBandwidth())
            self._claim_is_out = True
            self._may_claim_at = now + self._config.claim_interval_s
        if self._state is ClientState.READY:
            self._deadline = self._may_claim_at if is_low else None

    # -- sending

    def _send(self, message: control.ClientMessage) -> None:
        self._frames.append(control.encode_message(message))

    def _await(self, state: ClientState, now: float) -> None:
        self._state = state
        self._deadline = now + self._config.reply_timeout_s

    def _fail(self, error: MixError) -> None:
        self._state = ClientState.FAILED
        self._deadline = None
        self._events.append(events.GatewayRejected(error))
