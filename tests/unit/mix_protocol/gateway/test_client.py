import json

import pytest

from mix_protocol.gateway.client import ClientState, GatewayClientConfig
from mix_protocol.gateway.control import (
    Authenticated as AuthenticatedMessage,
)
from mix_protocol.gateway.control import (
    BandwidthExceeded,
    BandwidthGranted,
    ErrorReported,
    HandshakeError,
    HandshakePayload,
    PacketSent,
    SupportedProtocol,
    UnknownMessage,
    decode_client_message,
    encode_message,
)
from mix_protocol.gateway.control import (
    Registered as RegisteredMessage,
)
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
from mix_protocol.gateway.events import Authenticated, BandwidthChanged, GatewayRejected, GatewayReported, PayloadPushed

from .conftest import PACKET, UNIX

KEY = b"k" * 32


class Talk:
    """A client alone, told what a gateway says."""

    def __init__(self, gateway, shared_key=KEY, **config):
        self.client = gateway.connection(shared_key, client=GatewayClientConfig(**config)).client

    def tell(self, message, now=0.0):
        self.client.receive_text(encode_message(message), now)

    def ready(self, bandwidth=10**12, version=6):
        self.client.start(0.0)
        self.tell(SupportedProtocol(version))
        self.tell(AuthenticatedMessage(min(version, 6), True, bandwidth))
        self.said()
        return self

    def said(self):
        """Types of the text frames, and binary frames as they are."""
        frames = self.client.frames_to_send(0.0)
        return [json.loads(frame)["type"] if isinstance(frame, str) else frame for frame in frames]

    def events(self):
        found = []
        while (event := self.client.next_event()) is not None:
            found.append(event)
        return found

    def error(self):
        (event,) = self.events()
        assert isinstance(event, GatewayRejected)
        assert self.client.state is ClientState.FAILED
        assert self.client.next_timeout() is None
        return event.error


def test_nothing_is_said_before_the_start(gateway):
    talk = Talk(gateway)
    assert talk.said() == []
    assert talk.client.next_timeout() is None
    talk.client.start(0.0)
    assert talk.said() == ["supportedProtocol"]
    with pytest.raises(GatewayConnectionClosed):
        talk.client.start(1.0)


@pytest.mark.parametrize(("announced", "used"), [(4, 4), (5, 5), (6, 6), (7, 6), (255, 6)])
def test_the_older_version_of_the_two_is_used(gateway, announced, used):
    for key in (None, KEY):
        talk = Talk(gateway, key)
        talk.client.start(0.0)
        talk.tell(SupportedProtocol(announced))
        assert talk.client.protocol_version == used
        message = decode_client_message(talk.client.frames_to_send(0.0)[-1])
        assert message.protocol_version == used


@pytest.mark.parametrize("announced", [0, 3])
def test_a_gateway_that_is_too_old(gateway, announced):
    talk = Talk(gateway)
    talk.client.start(0.0)
    talk.tell(SupportedProtocol(announced))
    error = talk.error()
    assert isinstance(error, IncompatibleGateway)
    assert error.fields == {"version": announced}


def test_the_timestamp_is_unix_time(gateway):
    talk = Talk(gateway)
    talk.client.start(0.0)
    talk.client.receive_text(encode_message(SupportedProtocol(6)), 7.9)
    request = decode_client_message(talk.client.frames_to_send(7.9)[-1])
    assert request.unix_timestamp == UNIX + 7


@pytest.mark.parametrize(
    ("tell", "step"),
    [
        ([], "protocol version"),
        ([SupportedProtocol(6)], "authentication"),
    ],
)
def test_a_gateway_that_stalls(gateway, tell, step):
    talk = Talk(gateway, reply_timeout_s=10.0)
    talk.client.start(0.0)
    for message in tell:
        talk.tell(message)
    assert talk.client.next_timeout() == 10.0
    talk.client.handle_timeout(9.9)
    assert talk.events() == []
    talk.client.handle_timeout(10.0)
    error = talk.error()
    assert isinstance(error, GatewayTimedOut)
    assert error.fields == {"step": step}


def test_a_rejected_authentication(gateway):
    for answer in (ErrorReported("who are you"), AuthenticatedMessage(6, False, 0)):
        talk = Talk(gateway)
        talk.client.start(0.0)
        talk.tell(SupportedProtocol(6))
        talk.tell(answer)
        assert isinstance(talk.error(), AuthenticationRejected)


def test_a_rejected_registration(gateway):
    for answer in (ErrorReported("no room"), HandshakeError("no room")):
        talk = Talk(gateway, None)
        talk.client.start(0.0)
        talk.tell(SupportedProtocol(6))
        talk.tell(answer)
        error = talk.error()
        assert isinstance(error, HandshakeRejected)
        assert error.fields == {"detail": "no room"}
        assert "no room" not in str(error)


def handshaken(gateway, result):
    """A client that registers and is told `result` in the place of the handshake's success."""
    connection = gateway.connection()
    connection.to_client = lambda frame: (
        encode_message(result) if isinstance(frame, str) and '"data":[1]' in frame else frame
    )
    return connection.start()


def test_a_handshake_that_does_not_succeed(gateway):
    connection = handshaken(gateway, HandshakePayload(6, b"\0"))
    (event,) = connection.take(GatewayRejected)
    assert isinstance(event.error, HandshakeRejected)


def test_a_handshake_that_goes_on_in_another_version(gateway):
    connection = handshaken(gateway, HandshakePayload(7, b"\1"))
    (event,) = connection.take(GatewayRejected)
    assert isinstance(event.error, IncompatibleGateway)


def test_a_registration_that_is_denied_in_the_end(gateway):
    connection = gateway.connection()
    denied = encode_message(RegisteredMessage(6, False))
    connection.to_client = lambda frame: denied if '"register"' in frame else frame
    connection.start()
    assert isinstance(connection.take(GatewayRejected)[0].error, HandshakeRejected)


def test_a_bad_signature_is_told_to_the_gateway(gateway):
    connection = gateway.connection(gateway_identity=gateway.crypto.ed25519_public(b"another" + bytes(25)))
    connection.start()
    assert isinstance(connection.take(GatewayRejected)[0].error, InvalidGatewaySignature)
    assert ("C", '{"type":"handshakeError","message":"received invalid signature"}') in connection.said


@pytest.mark.parametrize("text", ["", "hello", "{}", "[" * 1000, '{"type":"supportedProtocol","version":"six"}'])
def test_garbage_at_the_start(gateway, text):
    talk = Talk(gateway)
    talk.client.start(0.0)
    talk.client.receive_text(text, 0.0)
    assert isinstance(talk.error(), MalformedFrame)


def test_messages_out_of_turn(gateway):
    for message in (
        AuthenticatedMessage(6, True, 1),
        RegisteredMessage(6, True),
        HandshakePayload(6, b"\1"),
    ):
        talk = Talk(gateway)
        talk.client.start(0.0)
        talk.tell(message)
        assert isinstance(talk.error(), UnexpectedFrame)


def test_a_binary_frame_before_there_is_a_key(gateway):
    talk = Talk(gateway, None)
    talk.client.start(0.0)
    talk.client.receive_binary(bytes(50), 0.0)
    assert isinstance(talk.error(), UnexpectedFrame)


def test_messages_of_unknown_types_are_ignored(gateway):
    talk = Talk(gateway)
    talk.client.start(0.0)
    talk.tell(UnknownMessage("weather"))
    assert talk.events() == []
    assert talk.client.state is ClientState.VERSION


def test_payloads_that_come_before_the_confirmation_count(gateway):
    key = gateway.register()
    connection = gateway.connection(key, now=5.0)
    connection.session._client = gateway.registry.get(gateway.client_identity)
    connection.session._shared_key = key
    connection.session.push_payload(b"kept for you")
    connection.session._client = None
    connection.client.start(5.0)
    connection.exchange()
    assert [type(event) for event in connection.client_events] == [PayloadPushed, Authenticated]


@pytest.mark.parametrize("frame", [b"", bytes(29), bytes(500), b"\1\1" + bytes(100), b"\1\0" + bytes(100)])
def test_binary_garbage(gateway, frame):
    talk = Talk(gateway).ready()
    talk.events()
    talk.client.receive_binary(frame, 0.0)
    assert isinstance(talk.error(), MalformedFrame)


@pytest.mark.parametrize(("version", "length", "kind"), [(4, 2451, 1), (5, 2452, 2), (6, 2452, 2), (7, 2452, 2)])
def test_packets_are_sealed_in_the_form_of_the_version(gateway, version, length, kind):
    talk = Talk(gateway).ready(version=version)
    talk.client.send_mix_packet(PACKET, 0.0)
    (frame,) = talk.said()
    assert (len(frame), frame[:2]) == (length, bytes((kind, 1)))


def test_packets_need_a_session(gateway):
    talk = Talk(gateway)
    with pytest.raises(NotAuthenticated):
        talk.client.send_mix_packet(PACKET, 0.0)
    talk.client.start(0.0)
    talk.client.receive_text("garbage", 0.0)
    with pytest.raises(GatewayConnectionClosed):
        talk.client.send_mix_packet(PACKET, 0.0)


def test_enough_bandwidth_is_not_claimed(gateway):
    talk = Talk(gateway).ready(bandwidth=40_000_000)
    assert talk.events() == [Authenticated(40_000_000)]
    assert talk.client.frames_to_send(0.0) == []
    assert talk.client.next_timeout() is None


def test_low_bandwidth_is_claimed_once_and_then_after_a_while(gateway):
    talk = Talk(gateway, claim_interval_s=10.0)
    talk.client.start(0.0)
    talk.tell(SupportedProtocol(6))
    talk.tell(AuthenticatedMessage(6, True, 5))
    assert talk.said() == ["supportedProtocol", "authenticateV2", "claimFreeTestnetBandwidth"]
    for _ in range(5):
        talk.tell(PacketSent(39_999_999), 1.0)
    assert talk.said() == []
    assert talk.client.next_timeout() == 10.0
    talk.client.handle_timeout(10.0)
    assert talk.said() == ["claimFreeTestnetBandwidth"]
    talk.tell(BandwidthGranted(1 << 36), 10.1)
    assert talk.events()[-1] == BandwidthChanged(1 << 36)
    assert talk.client.bandwidth_bytes == 1 << 36
    assert talk.client.next_timeout() is None


def test_a_packet_that_was_dropped_for_want_of_bandwidth(gateway):
    talk = Talk(gateway).ready()
    talk.events()
    talk.tell(BandwidthExceeded(2413, 5))
    changed, reported = talk.events()
    assert changed == BandwidthChanged(5)
    assert isinstance(reported, GatewayReported)
    assert isinstance(reported.error, OutOfBandwidth)
    assert talk.said() == ["claimFreeTestnetBandwidth"]


def test_complaints_in_a_session_do_not_end_it(gateway):
    talk = Talk(gateway).ready()
    talk.events()
    talk.tell(ErrorReported("only credentials are accepted"))
    (event,) = talk.events()
    assert isinstance(event.error, GatewayComplained)
    assert event.error.fields == {"detail": "only credentials are accepted"}
    assert talk.client.state is ClientState.READY


def claiming(gateway, bandwidth=0):
    """A client whose claim waits for its answer."""
    talk = Talk(gateway).ready(bandwidth)
    talk.client.frames_to_send(0.0)
    return talk


def test_without_any_allowance_the_claim_is_waited_for(gateway):
    talk = claiming(gateway)
    assert talk.events() == []
    with pytest.raises(NotAuthenticated):
        talk.client.send_mix_packet(PACKET, 0.0)
    talk.tell(BandwidthGranted(1 << 36))
    assert talk.events() == [Authenticated(1 << 36)]
    assert talk.client.next_timeout() is None


def test_a_grant_of_nothing_is_a_refusal(gateway):
    talk = claiming(gateway)
    talk.tell(BandwidthGranted(0))
    assert isinstance(talk.error(), PaidBandwidthWanted)


def test_a_claim_without_an_answer_times_out(gateway):
    talk = claiming(gateway)
    talk.client.handle_timeout(talk.client.next_timeout())
    error = talk.error()
    assert isinstance(error, GatewayTimedOut)
    assert error.fields == {"step": "bandwidth allowance"}


def test_a_gateway_that_wants_to_be_paid_is_of_no_use(gateway):
    talk = claiming(gateway)
    talk.tell(ErrorReported("only credentials \x1b[31m are accepted"))
    error = talk.error()
    assert isinstance(error, PaidBandwidthWanted)
    assert error.fields == {"detail": "only credentials \x1b[31m are accepted"}
    assert "credentials" not in str(error)


def test_what_is_left_of_an_allowance_is_used_up_before_a_refused_claim_counts(gateway):
    talk = claiming(gateway, 5000)
    talk.tell(ErrorReported("no"))
    authenticated, complaint = talk.events()
    assert authenticated == Authenticated(5000)
    assert isinstance(complaint.error, GatewayComplained)
    talk.client.send_mix_packet(PACKET, 0.0)
    talk.tell(PacketSent(2587))
    talk.tell(BandwidthExceeded(2413, 174))
    assert isinstance(talk.error(), PaidBandwidthWanted)


def test_a_later_claim_that_is_granted_makes_a_refused_one_forgotten(gateway):
    talk = claiming(gateway, 5000)
    talk.tell(ErrorReported("not now"))
    talk.tell(BandwidthGranted(1 << 36))
    talk.events()
    talk.tell(BandwidthExceeded(2413, 174))
    assert talk.client.state is ClientState.READY


def test_after_a_failure_nothing_counts(gateway):
    talk = Talk(gateway).ready()
    talk.events()
    talk.client.receive_text("garbage", 0.0)
    talk.error()
    talk.tell(BandwidthGranted(5))
    talk.client.receive_binary(bytes(100), 0.0)
    talk.client.handle_timeout(1e9)
    assert talk.events() == []
    assert talk.said() == []


@pytest.mark.parametrize("carries", [True, False])
def test_sealed_replies_are_asked_for_where_they_are_carried_and_before_anything_is_pushed(gateway, carries):
    talk = Talk(gateway)
    talk.client.start(0.0)
    talk.tell(SupportedProtocol(6, carries))
    expected = ["supportedProtocol", "carrySealedReplies", "authenticateV2"]
    assert talk.said() == [word for word in expected if carries or word != "carrySealedReplies"]
    assert talk.client.carries_sealed_replies is carries


@pytest.mark.parametrize("value", ["1", '"true"', "null", "{}"])
def test_what_is_no_announcement_is_none(gateway, value):
    talk = Talk(gateway)
    talk.client.start(0.0)
    talk.client.receive_text('{"type":"supportedProtocol","version":6,"sealed_replies":' + value + "}", 0.0)
    assert not talk.client.carries_sealed_replies
