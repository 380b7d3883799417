import json

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.gateway.authentication import make_request
from mix_protocol.gateway.binary import open_frame, seal_frame
from mix_protocol.gateway.control import (
    AskSupportedProtocol,
    CarrySealedReplies,
    ClaimFreeBandwidth,
    HandshakeError,
    HandshakePayload,
    encode_message,
)
from mix_protocol.gateway.errors import (
    ClientTimedOut,
    GatewayConnectionClosed,
    HandshakeRejected,
    InvalidClientSignature,
    MalformedFrame,
    StaleRequest,
    TooManyRegistrations,
    UnexpectedFrame,
    UnknownClient,
    UnsupportedClientVersion,
)
from mix_protocol.gateway.events import ClientAuthenticated, PacketForwarded, SessionFailed
from mix_protocol.gateway.handshake import ClientHandshake
from mix_protocol.gateway.server import GatewaySessionConfig
from mix_protocol.messages.pushed import wrap_sealed

from .conftest import PACKET, UNIX


class Talk:
    """A session alone, told what a client says."""

    def __init__(self, gateway, now=0.0, **config):
        self.gateway = gateway
        self.session = gateway.connection(now=now, session=GatewaySessionConfig(**config)).session
        self.key = None

    def tell(self, message, now=0.0):
        """Give the answers."""
        self.session.receive_text(message if isinstance(message, str) else encode_message(message), now)
        return self.answers()

    def answers(self):
        frames = self.session.frames_to_send(0.0)
        return [json.loads(frame) if isinstance(frame, str) else frame for frame in frames]

    def authenticate(self, key, now=1.0, **changes):
        time = changes.get("time", int(UNIX + now))
        seed = changes.get("seed", self.gateway.client_seed)
        version = changes.get("version", 6)
        self.key = key
        request = make_request(self.gateway.crypto, SeededRandom(time), seed, key, version, time)
        return self.tell(request, now)

    def forward(self, plaintext, kind=2, now=1.0):
        frame = seal_frame(self.gateway.crypto, SeededRandom(1), self.key, kind, plaintext)
        self.session.receive_binary(frame, now)
        return self.answers()

    def events(self):
        found = []
        while (event := self.session.next_event()) is not None:
            found.append(event)
        return found

    def error(self):
        *_, event = self.events()
        assert isinstance(event, SessionFailed)
        assert self.session.next_timeout() is None
        assert self.session.client_identity is None
        return event.error


@pytest.fixture
def key(gateway):
    return gateway.register()


def test_the_version_is_told(gateway):
    assert Talk(gateway).tell(AskSupportedProtocol()) == [{"type": "supportedProtocol", "version": 6}]
    talk = Talk(gateway, announced_version=5)
    assert talk.tell(AskSupportedProtocol()) == [{"type": "supportedProtocol", "version": 5}]


def test_authentication_tells_the_allowance(gateway, key):
    talk = Talk(gateway)
    (answer,) = talk.authenticate(key)
    assert answer == {
        "type": "authenticate",
        "protocol_version": 6,
        "status": True,
        "bandwidth_remaining": 64 << 30,
        "upgrade_mode": False,
    }
    assert talk.events() == [ClientAuthenticated(gateway.client_identity)]
    assert talk.session.client_identity == gateway.client_identity
    assert talk.session.next_timeout() is None


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"version": 3}, UnsupportedClientVersion),
        ({"version": 7}, UnsupportedClientVersion),
        ({"time": int(UNIX) - 200}, StaleRequest),
        ({"time": int(UNIX) + 200}, StaleRequest),
        ({"seed": b"stranger's seed".ljust(32)}, UnknownClient),
    ],
)
def test_refused_authentication(gateway, key, changes, error):
    talk = Talk(gateway)
    (answer,) = talk.authenticate(key, **changes)
    assert answer["type"] == "error"
    assert isinstance(talk.error(), error)


def test_another_key(gateway, key):
    talk = Talk(gateway)
    talk.authenticate(bytes(32))
    assert isinstance(talk.error(), UnknownClient)


def test_a_replayed_request(gateway, key):
    assert Talk(gateway).authenticate(key)[0]["status"] is True
    talk = Talk(gateway)
    talk.authenticate(key)
    assert isinstance(talk.error(), StaleRequest)


@pytest.mark.parametrize("text", ["", "hello", "{}", "[" * 1000, '{"type":"authenticateV2"}'])
def test_garbage_before_authentication_ends_the_connection(gateway, text):
    talk = Talk(gateway)
    assert [answer["type"] for answer in talk.tell(text)] == ["error"]
    assert isinstance(talk.error(), MalformedFrame)
    assert talk.tell(AskSupportedProtocol()) == []


@pytest.mark.parametrize("type_", ["authenticate", "bandwidthCredential", "claimFreeTestnetBandwidth", "weather"])
def test_requests_that_are_not_allowed_before_authentication(gateway, type_):
    talk = Talk(gateway)
    talk.tell(json.dumps({"type": type_}))
    assert isinstance(talk.error(), UnexpectedFrame)


def test_a_binary_frame_before_authentication_ends_the_connection(gateway):
    talk = Talk(gateway)
    talk.session.receive_binary(bytes(100), 0.0)
    assert isinstance(talk.error(), UnexpectedFrame)


def test_a_client_must_go_on_in_time(gateway):
    talk = Talk(gateway, message_timeout_s=10.0)
    assert talk.session.next_timeout() == 10.0
    talk.tell(AskSupportedProtocol(), 9.0)
    assert talk.session.next_timeout() == 19.0
    talk.session.handle_timeout(18.9)
    assert talk.events() == []
    talk.session.handle_timeout(19.0)
    assert isinstance(talk.error(), ClientTimedOut)


def test_a_client_cannot_go_on_without_getting_anywhere(gateway):
    talk = Talk(gateway, max_messages_before_session=3)
    for _ in range(4):
        talk.tell(AskSupportedProtocol())
    assert isinstance(talk.error(), UnexpectedFrame)


def start_handshake(talk, version=6):
    gateway = talk.gateway
    identity = gateway.crypto.ed25519_public(gateway.gateway_seed)
    handshake = ClientHandshake(gateway.crypto, gateway.random, gateway.client_seed, identity)
    return handshake, talk.tell(HandshakePayload(version, handshake.start()))


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_registration_in_every_version(gateway, version):
    talk = Talk(gateway)
    handshake, (reply,) = start_handshake(talk, version)
    proof, key = handshake.finish(bytes(reply["data"]))
    done, registered = talk.tell(HandshakePayload(version, proof))
    assert (reply["protocol_version"], done["data"]) == (version, [1])
    assert registered == {"type": "register", "protocol_version": version, "status": True, "upgrade_mode": False}
    assert gateway.registry.get(gateway.client_identity).shared_key == key
    assert talk.session.protocol_version == version


@pytest.mark.parametrize("version", [0, 2, 7])
def test_registration_in_another_version(gateway, version):
    talk = Talk(gateway)
    _, (answer,) = start_handshake(talk, version)
    assert answer["type"] == "handshakeError"
    assert isinstance(talk.error(), UnsupportedClientVersion)


def test_each_step_of_a_registration_has_its_time(gateway):
    talk = Talk(gateway, handshake_timeout_s=5.0)
    start_handshake(talk)
    assert talk.session.next_timeout() == 5.0
    talk.session.handle_timeout(5.0)
    assert isinstance(talk.error(), ClientTimedOut)


def test_a_forged_proof(gateway):
    talk = Talk(gateway)
    start_handshake(talk)
    assert talk.tell(HandshakePayload(6, bytes(92))) == [
        {"type": "handshakeError", "message": "received invalid signature"}
    ]
    assert isinstance(talk.error(), InvalidClientSignature)
    assert gateway.client_identity not in gateway.registry


@pytest.mark.parametrize("data", [b"", bytes(79), bytes(80), bytes(500)])
def test_a_malformed_first_step(gateway, data):
    talk = Talk(gateway)
    (answer,) = talk.tell(HandshakePayload(6, data))
    assert answer["type"] == "handshakeError"
    assert talk.error().code in ("gateway.malformed_frame", "crypto.invalid_public_key")


def test_a_client_that_breaks_off(gateway):
    talk = Talk(gateway)
    start_handshake(talk)
    talk.tell(HandshakeError("received invalid signature"))
    error = talk.error()
    assert isinstance(error, HandshakeRejected)
    assert error.fields == {"detail": "received invalid signature"}


def test_packets_are_forwarded_and_paid_for(gateway, key):
    talk = Talk(gateway)
    talk.authenticate(key)
    talk.events()
    (answer,) = talk.forward(PACKET.encode_v2())
    assert answer == {"type": "send", "remaining_bandwidth": (64 << 30) - 2413, "upgrade_mode": False}
    assert talk.events() == [PacketForwarded(PACKET)]
    talk.forward(PACKET.encode_v1(), kind=1)
    (event,) = talk.events()
    assert event.packet.packet == PACKET.packet


def test_without_allowance_packets_are_dropped(gateway, key):
    gateway.registry.get(gateway.client_identity).allowance_bytes = 2413 + 100
    talk = Talk(gateway)
    talk.authenticate(key)
    talk.events()
    assert talk.forward(PACKET.encode_v2())[0]["remaining_bandwidth"] == 100
    expected = {"type": "typedError", "error": {"out_of_bandwidth": {"required": 2413, "available": 100}}}
    assert talk.forward(PACKET.encode_v2()) == [expected]
    assert len(talk.events()) == 1
    (answer,) = talk.tell(ClaimFreeBandwidth(), 1.0)
    assert answer == {"type": "bandwidth", "available_total": (64 << 30) + 100, "upgrade_mode": False}
    assert talk.forward(PACKET.encode_v2())[0]["type"] == "send"


def test_an_allowance_ends_with_the_day(gateway, key):
    talk = Talk(gateway)
    talk.authenticate(key)
    tomorrow = 24 * 3600.0
    assert talk.forward(PACKET.encode_v2(), now=tomorrow)[0]["error"]["out_of_bandwidth"]["available"] == 0


def test_a_gateway_may_give_nothing_for_free(gateway, key):
    talk = Talk(gateway, free_allowance_bytes=0)
    talk.authenticate(key)
    assert talk.tell(ClaimFreeBandwidth())[0]["type"] == "error"


def test_what_is_free_may_end_with_the_day_too(gateway, key):
    gateway.registry.get(gateway.client_identity).allowance_day = 0
    talk = Talk(gateway, free_a_day_bytes=(64 << 30) + 5000)
    talk.authenticate(key)
    assert talk.tell(ClaimFreeBandwidth(), 1.0) == [
        {"type": "bandwidth", "available_total": 64 << 30, "upgrade_mode": False}
    ]
    assert talk.tell(ClaimFreeBandwidth(), 2.0)[0]["available_total"] == (64 << 30) + 5000
    assert talk.tell(ClaimFreeBandwidth(), 3.0) == [{"type": "error", "message": "the day's free bandwidth is used up"}]
    tomorrow = 24 * 3600.0
    assert talk.tell(ClaimFreeBandwidth(), tomorrow)[0]["available_total"] == 64 << 30


@pytest.mark.parametrize("is_free", [True, False])
def test_some_clients_may_have_it_for_free(gateway, key, is_free):
    talk = Talk(gateway, is_free_for=lambda identity: is_free and identity == gateway.client_identity)
    talk.authenticate(key)
    assert talk.tell(ClaimFreeBandwidth())[0]["type"] == ("bandwidth" if is_free else "error")


def test_a_ticket_is_refused_in_words_of_its_own(gateway, key):
    talk = Talk(gateway)
    talk.authenticate(key)
    (answer,) = talk.tell('{"type":"ecashCredential","enc_credential":[1,2],"iv":[3]}')
    assert answer == {"type": "error", "message": "tickets can't be checked at this gateway"}


def test_when_too_many_register_known_clients_still_authenticate(gateway, key):
    talk = Talk(gateway)
    talk.session._may_register = lambda: False
    _, (answer,) = start_handshake(talk)
    assert answer["type"] == "handshakeError"
    assert isinstance(talk.error(), TooManyRegistrations)
    talk = Talk(gateway)
    talk.session._may_register = lambda: False
    assert talk.authenticate(key)[0]["type"] == "authenticate"


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_what_could_not_be_sent_can_be_had_back(gateway, key, is_wrapped):
    talk = Talk(gateway, sealed_replies=True)
    if is_wrapped:
        talk.tell(CarrySealedReplies())
    talk.authenticate(key)
    ordinary = b"o" * 1643
    payloads = [ordinary, wrap_sealed(b"i" * 16, bytes(2065))] if is_wrapped else [ordinary]
    for payload in payloads:
        talk.session.push_payload(payload)
    frames = talk.session.frames_to_send(0.0)
    assert [talk.session.payload_of(frame) for frame in frames] == payloads


@pytest.mark.parametrize("text", ["garbage", '{"type":"ecashCredential"}', '{"type":"encryptedRequest"}', "[]"])
def test_garbage_in_a_session_is_answered_and_ends_nothing(gateway, key, text):
    talk = Talk(gateway)
    talk.authenticate(key)
    talk.events()
    assert [answer["type"] for answer in talk.tell(text)] == ["error"]
    assert talk.events() == []
    assert talk.forward(PACKET.encode_v2())[0]["type"] == "send"


def test_binary_garbage_in_a_session_is_answered_and_not_paid_for(gateway, key):
    talk = Talk(gateway)
    talk.authenticate(key)
    talk.events()
    before = gateway.registry.get(gateway.client_identity).allowance_bytes
    for frame in (b"", bytes(100), b"\2\1" + bytes(2450)):
        talk.session.receive_binary(frame, 1.0)
        assert [answer["type"] for answer in talk.answers()] == ["error"]
    for plaintext, kind in ((b"\0", 2), (PACKET.encode_v2()[:-1], 2), (PACKET.encode_v2(), 9)):
        assert [answer["type"] for answer in talk.forward(plaintext, kind)] == ["error"]
    assert talk.events() == []
    assert gateway.registry.get(gateway.client_identity).allowance_bytes == before


def test_pushing_needs_a_session(gateway):
    with pytest.raises(GatewayConnectionClosed):
        Talk(gateway).session.push_payload(b"x")


def test_an_empty_payload_is_let_go(gateway, key):
    talk = Talk(gateway)
    talk.authenticate(key)
    talk.session.push_payload(b"")
    assert talk.answers() == []


def test_a_session_keeps_its_key_when_its_client_registers_again(gateway, key):
    talk = Talk(gateway)
    talk.authenticate(key)
    talk.events()
    gateway.register()
    assert talk.forward(PACKET.encode_v2())[0]["type"] == "send"


def test_a_gateway_that_carries_sealed_replies_says_so_and_pushes_as_it_was_asked(gateway, key):
    sealed, ordinary = wrap_sealed(b"i" * 16, b"s" * 2065), b"o" * 1643
    asked, other = (Talk(gateway, sealed_replies=True) for _ in range(2))
    announced = [{"type": "supportedProtocol", "version": 6, "sealed_replies": True}]
    assert asked.tell(AskSupportedProtocol()) == other.tell(AskSupportedProtocol()) == announced
    assert asked.tell(CarrySealedReplies()) == []
    pushed: list[list[bytes]] = []
    moments = iter((1.0, 2.0))
    for talk in (asked, other):
        talk.authenticate(key, now=next(moments))
        for payload in (sealed, ordinary, b"a" * 21):
            talk.session.push_payload(payload)
        frames = [frame for frame in talk.session.frames_to_send(0.0) if isinstance(frame, bytes)]
        pushed.append([open_frame(gateway.crypto, key, frame)[1] for frame in frames])
    assert pushed == [[sealed, bytes(16) + ordinary + bytes(422), b"a" * 21], [ordinary, b"a" * 21]]


def test_a_gateway_of_another_kind_does_not_know_the_request(gateway):
    (answer,) = Talk(gateway).tell(CarrySealedReplies())
    assert answer["type"] == "error"
