"""The gateway's side of a connection with a client.

One `GatewaySession` per WebSocket; all of a gateway's sessions share one `ClientRegistry`. When the same client comes
with a newer connection, that one is the session: it has proven the same key with a newer timestamp, and what is left of
the older one is most often a dead socket of a page that was reloaded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.gateway import control, events
from mix_protocol.gateway.authentication import check_request
from mix_protocol.gateway.binary import GatewayFrameKind, decode_forward, open_frame, seal_frame
from mix_protocol.gateway.control import MIN_REGISTRATION_VERSION, PROTOCOL_VERSION
from mix_protocol.gateway.errors import (
    ClientTimedOut,
    GatewayConnectionClosed,
    HandshakeRejected,
    InvalidClientSignature,
    TooManyRegistrations,
    UnexpectedFrame,
    UnsupportedClientVersion,
)
from mix_protocol.gateway.handshake import GatewayHandshake
from mix_protocol.gateway.registry import FREE_ALLOWANCE_BYTES, ClientRecord, ClientRegistry
from mix_protocol.messages.pushed import is_wrapped, unwrap, wrap_ordinary

_HANDSHAKE_SUCCEEDED = b"\x01"


@dataclass(frozen=True, slots=True)
class GatewaySessionConfig:
    """What an operator may choose. Times in seconds, sizes in bytes.

    announced_version -- the protocol version that clients are told
    message_timeout_s -- for each message of a client that is not authenticated yet
    handshake_timeout_s -- for each step of a registration
    max_messages_before_session -- so many messages may come before a client is authenticated
    free_allowance_bytes -- what a claim adds; 0 refuses claims
    free_a_day_bytes -- what all claims of a client together add on a day; None for no end
    is_free_for -- whether a client, by its identity, may claim at all
    sealed_replies -- whether replies that only their receiver can open are passed on to clients that ask for them
    """

    announced_version: int = PROTOCOL_VERSION
    message_timeout_s: float = 10.0
    handshake_timeout_s: float = 5.0
    max_messages_before_session: int = 16
    free_allowance_bytes: int = FREE_ALLOWANCE_BYTES
    free_a_day_bytes: int | None = None
    is_free_for: Callable[[bytes], bool] = lambda identity: True
    sealed_replies: bool = False


class GatewaySession:
    """Sans-I/O gateway side of one connection.

    identity_seed -- the gateway's Ed25519 seed, 32 bytes
    registry -- what the gateway remembers of its clients
    unix_time_offset_s -- add it to `now` to get Unix time
    may_register -- asked once when a registration begins; a client that is known may always authenticate
    """

    def __init__(
        self,
        crypto: CryptoProvider,
        random: RandomBytes,
        identity_seed: bytes,
        registry: ClientRegistry,
        now: float,
        *,
        unix_time_offset_s: float,
        config: GatewaySessionConfig | None = None,
        may_register: Callable[[], bool] = lambda: True,
    ) -> None:
        self._crypto = crypto
        self._random = random
        self._identity_seed = identity_seed
        self._registry = registry
        self._unix_time_offset_s = unix_time_offset_s
        self._config = config or GatewaySessionConfig()
        self._may_register = may_register
        self._handshake: GatewayHandshake | None = None
        self._wraps_payloads = False
        self._client: ClientRecord | None = None
        self._shared_key = b""  # this session's: a later registration changes the record's
        self._version = self._config.announced_version
        self._failed = False
        self._messages = 0
        self._deadline: float | None = now + self._config.message_timeout_s
        self._frames: deque[str | bytes] = deque()
        self._events: deque[events.SessionEvent] = deque()

    @property
    def client_identity(self) -> bytes | None:
        """Whose session this is; None before it is authenticated."""
        return self._client.identity if self._client is not None else None

    @property
    def protocol_version(self) -> int:
        """The version that the client uses; what is announced until it says."""
        return self._version

    # -- the seam

    def receive_text(self, text: str, now: float) -> None:
        """Take a text frame. Whatever is wrong with it becomes an answer, and before authentication also an event."""
        if self._failed:
            return
        try:
            message = control.decode_client_message(text)
            if self._client is not None:
                self._receive(message, now)
            else:
                self._receive_before_session(message, now)
        except MixError as error:
            self._complain(error)

    def receive_binary(self, frame: bytes, now: float) -> None:
        """Take a binary frame. Whatever is wrong with it becomes an answer, and before authentication also an event."""
        if self._failed:
            return
        client = self._client
        if client is None:
            self._complain(UnexpectedFrame("a binary frame came before authentication"))
            return
        try:
            packet = decode_forward(*open_frame(self._crypto, self._shared_key, frame))
        except PeerMisbehaved as error:
            self._complain(error)
            return
        cost = len(packet.packet)
        unix_time = now + self._unix_time_offset_s
        if client.spend(cost, unix_time):
            self._events.append(events.PacketForwarded(packet))
            self._send(control.PacketSent(client.allowance_bytes))
        else:
            self._send(control.BandwidthExceeded(cost, client.allowance(unix_time)))

    def push_payload(self, payload: bytes) -> None:
        """Queue the payload of a packet that ended here. Raises `GatewayConnectionClosed` if there is no session.

        Strangers decide what payloads are, so an empty one, which no frame can hold, is let go without a word, as is a
        sealed reply for a client that did not ask for those.
        """
        if self._client is None or self._failed:
            raise GatewayConnectionClosed("there is no session to push a payload to")
        if self._wraps_payloads:
            payload = wrap_ordinary(payload)
        elif is_wrapped(payload):
            return
        if not payload:
            return
        kind = GatewayFrameKind.PUSHED_MESSAGE
        self._frames.append(seal_frame(self._crypto, self._random, self._shared_key, kind, payload))

    def payload_of(self, frame: bytes) -> bytes:
        """What `push_payload` was given for this frame, which could not be sent."""
        _, payload = open_frame(self._crypto, self._shared_key, frame)
        if self._wraps_payloads and is_wrapped(payload):
            identifier, content = unwrap(payload)
            return content if identifier is None else payload
        return payload

    def frames_to_send(self, now: float) -> list[str | bytes]:
        """Take the WebSocket frames to be sent, in order: text as str, binary as bytes."""
        del now
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def next_event(self) -> events.SessionEvent | None:
        """The next thing that has happened; None when there is nothing."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` has something to do; None for never."""
        return self._deadline

    def handle_timeout(self, now: float) -> None:
        """Give up on a client that does not go on; does nothing before `next_timeout`."""
        if self._deadline is not None and now >= self._deadline:
            self._fail(ClientTimedOut())

    # -- before the session

    def _receive_before_session(self, message: control.ClientMessage, now: float) -> None:
        self._messages += 1
        if self._messages > self._config.max_messages_before_session:
            raise UnexpectedFrame("too many messages before authentication")
        self._deadline = now + self._config.message_timeout_s
        match message:
            case control.AskSupportedProtocol():
                self._tell_protocol()
            case control.CarrySealedReplies() if self._config.sealed_replies:
                self._wraps_payloads = True
            case control.HandshakePayload():
                self._continue_handshake(message, now)
            case control.AuthenticateV2():
                unix_time = now + self._unix_time_offset_s
                client = check_request(self._crypto, self._registry, message, unix_time)
                self._version = message.protocol_version
                self._begin(client)
                self._send(control.Authenticated(self._version, True, client.allowance(unix_time)))
            case control.HandshakeError(text):
                self._fail(HandshakeRejected("the client broke the registration off", detail=text))
            case _:
                raise UnexpectedFrame("this message is not allowed before authentication")

    def _tell_protocol(self) -> None:
        config = self._config
        self._send(control.SupportedProtocol(config.announced_version, config.sealed_replies))

    def _continue_handshake(self, message: control.HandshakePayload, now: float) -> None:
        try:
            self._handshake_step(message, now)
        except MixError as error:
            told = "received invalid signature" if isinstance(error, InvalidClientSignature) else str(error)
            self._send(control.HandshakeError(told))
            self._fail(error)

    def _handshake_step(self, message: control.HandshakePayload, now: float) -> None:
        handshake = self._handshake
        if handshake is None:
            if not MIN_REGISTRATION_VERSION <= message.protocol_version <= PROTOCOL_VERSION:
                raise UnsupportedClientVersion(version=message.protocol_version)
            if not self._may_register():
                raise TooManyRegistrations()
            self._version = message.protocol_version
            handshake = GatewayHandshake(self._crypto, self._random, self._identity_seed)
            self._send(control.HandshakePayload(self._version, handshake.respond(message.data)))
            self._handshake = handshake
            self._deadline = now + self._config.handshake_timeout_s
            return
        shared_key = handshake.finish(message.data)
        client = self._registry.register(handshake.client_identity, shared_key)
        self._handshake = None
        self._send(control.HandshakePayload(self._version, _HANDSHAKE_SUCCEEDED))
        self._send(control.Registered(self._version, True))
        self._events.append(events.ClientRegistered(client.identity, shared_key))
        self._begin(client)

    def _begin(self, client: ClientRecord) -> None:
        self._client = client
        self._shared_key = client.shared_key
        self._deadline = None
        self._events.append(events.ClientAuthenticated(client.identity))

    # -- in the session

    def _receive(self, message: control.ClientMessage, now: float) -> None:
        assert self._client is not None
        match message:
            case control.AskSupportedProtocol():
                self._tell_protocol()
            case control.ClaimFreeBandwidth():
                self._send(self._grant_free(self._client, now + self._unix_time_offset_s))
            case control.UnknownMessage("ecashCredential"):
                self._send(control.ErrorReported("tickets can't be checked at this gateway"))
            case _:
                raise UnexpectedFrame("this message is not supported in a session")

    def _grant_free(self, client: ClientRecord, unix_time: float) -> control.GatewayMessage:
        config, amount = self._config, self._config.free_allowance_bytes
        if amount <= 0 or not config.is_free_for(client.identity):
            return control.ErrorReported("this gateway gives no free bandwidth")
        if config.free_a_day_bytes is not None:
            amount = min(amount, config.free_a_day_bytes - client.granted(unix_time))
        if amount <= 0:
            return control.ErrorReported("the day's free bandwidth is used up")
        return control.BandwidthGranted(client.grant(amount, unix_time))

    # -- sending

    def _send(self, message: control.GatewayMessage) -> None:
        self._frames.append(control.encode_message(message))

    def _complain(self, error: MixError) -> None:
        """Answer with an error; without a session the connection then ends."""
        self._send(control.ErrorReported(str(error)))
        if self._client is None:
            self._fail(error)

    def _fail(self, error: MixError) -> None:
        self._failed = True
        self._deadline = None
        self._events.append(events.SessionFailed(error))
