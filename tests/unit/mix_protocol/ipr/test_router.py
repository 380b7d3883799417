import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.ipr.bundle import encode_bundle, split_bundle
from mix_protocol.ipr.lp import BALANCED_OPENING, LpFrame, LpFrameType
from mix_protocol.ipr.requests import (
    ConnectRequest,
    DataRequest,
    DisconnectRequest,
    HealthRequest,
    PingRequest,
    encode_request,
)
from mix_protocol.ipr.responses import (
    ConnectFailure,
    ConnectFailureReason,
    ConnectSuccess,
    DataResponse,
    DisconnectFailure,
    DisconnectReason,
    DisconnectSuccess,
    HealthReport,
    Info,
    InfoKind,
    InfoLevel,
    Pong,
    UnrequestedDisconnect,
    decode_response,
)
from mix_protocol.ipr.router import IprRouter, RouterConfig
from mix_protocol.ipr.router_events import (
    BalanceRequested,
    ClientConnected,
    ClientExpired,
    ExpiryReason,
    PacketForwarded,
)
from mix_protocol.ipr.timestamp import Timestamp
from mix_protocol.topology.described import BuildInformation

from .conftest import ip_packet

MOMENT = Timestamp(2026, 325, 8, 0, 0, 0)
ALICE, BOB, CAROL = b"A" * 16, b"B" * 16, b"C" * 16


class Exit:
    """A router spoken to in requests and responses."""

    def __init__(self, **config):
        self.router = IprRouter(SeededRandom("exit"), RouterConfig(**config))

    def ask(self, request, tag=ALICE, now=0.0, stream_id=1, kind=LpFrameType.DATA):
        frame = LpFrame(stream_id, kind, 0, encode_request(request))
        self.router.receive_message(tag, frame.encode(), now)
        return self.answers(now)

    def answers(self, now=0.0):
        """Triples of tag, frame and response."""
        found = []
        for tag, message, _ in self.router.replies_to_send(now):
            frame = LpFrame.decode(message)
            found.append((tag, frame, decode_response(frame.payload)))
        return found

    def connect(self, tag=ALICE, now=0.0, version=9, stream_id=1, **options) -> ConnectSuccess:
        ((_, _, response),) = self.ask(ConnectRequest(version, 7, MOMENT, **options), tag, now, stream_id)
        assert isinstance(response, ConnectSuccess)
        return response

    def events(self):
        found = []
        while (event := self.router.next_event()) is not None:
            found.append(event)
        return found


def test_connecting():
    exit_ = Exit()
    ((tag, frame, response),) = exit_.ask(ConnectRequest(9, 7, MOMENT), stream_id=99)
    assert tag == ALICE
    assert (frame.stream_id, frame.type, frame.sequence) == (99, LpFrameType.DATA, 0)
    assert isinstance(response, ConnectSuccess)
    assert (response.version, response.request_id, response.mtu_bytes) == (9, 7, None)
    assert exit_.events() == [ClientConnected(ALICE, response.ipv4, response.ipv6)]
    assert exit_.router.client_count == 1


def test_version_10_is_told_the_mtu():
    response = Exit(mtu_bytes=1400).connect(version=10)
    assert (response.version, response.mtu_bytes) == (10, 1400)


def test_the_type_of_a_frame_does_not_matter_only_its_payload_does():
    exit_ = Exit()
    ((_, _, response),) = exit_.ask(ConnectRequest(9, 7, MOMENT), kind=LpFrameType.OPEN)
    assert isinstance(response, ConnectSuccess)


def test_opening_a_stream_gives_no_answer():
    exit_ = Exit()
    exit_.router.receive_message(ALICE, LpFrame(1, LpFrameType.OPEN, 0, b"").encode(), 0.0)
    assert exit_.answers() == []
    assert exit_.router.counters.malformed == 0


def test_connecting_again_gives_new_addresses():
    exit_ = Exit()
    first, second = exit_.connect(), exit_.connect(stream_id=2)
    assert first.ipv4 != second.ipv4
    assert exit_.events() == [
        ClientConnected(ALICE, first.ipv4, first.ipv6),
        ClientExpired(ALICE, first.ipv4, first.ipv6, ExpiryReason.RECONNECTED),
        ClientConnected(ALICE, second.ipv4, second.ipv6),
    ]
    assert exit_.router.client_count == 1


def test_packets_of_a_client_are_forwarded():
    exit_ = Exit()
    address = exit_.connect()
    exit_.events()
    packets = [ip_packet(address.ipv4, "8.8.8.8"), ip_packet(address.ipv6, "2001:db8::1", 60)]
    assert exit_.ask(DataRequest(9, encode_bundle(packets))) == []
    assert exit_.events() == [PacketForwarded(ALICE, packet) for packet in packets]


def test_a_client_cannot_use_anothers_address():
    exit_ = Exit()
    exit_.connect(ALICE)
    bobs = exit_.connect(BOB)
    exit_.events()
    exit_.ask(DataRequest(9, encode_bundle([ip_packet(bobs.ipv4, "8.8.8.8"), ip_packet(bobs.ipv6, "::2")])), ALICE)
    exit_.ask(DataRequest(9, encode_bundle([ip_packet("8.8.8.8", "8.8.8.8")])), ALICE)
    assert exit_.events() == []
    assert exit_.router.counters.foreign_source == 3


def test_what_is_dropped_is_counted():
    exit_ = Exit()
    address = exit_.connect()
    exit_.events()
    good = DataRequest(9, encode_bundle([ip_packet(address.ipv4, "8.8.8.8")]))
    exit_.ask(good, tag=None)
    exit_.ask(good, tag=BOB)
    exit_.ask(DataRequest(9, encode_bundle([b"no IP packet"])))
    exit_.ask(DataRequest(8, good.bundle))
    exit_.ask(ConnectRequest(11, 7, MOMENT))
    exit_.router.receive_message(ALICE, encode_request(ConnectRequest(8, 7, MOMENT)), 0.0)  # without a frame
    exit_.router.receive_message(ALICE, LpFrame(1, LpFrameType.DATA, 0, b"\x09\xff").encode(), 0.0)
    exit_.router.receive_ip_packet(ip_packet("8.8.8.8", "10.0.255.254"), 0.0)
    exit_.router.receive_ip_packet(b"", 0.0)
    assert exit_.answers() == []
    assert exit_.events() == []
    counters = exit_.router.counters
    assert (counters.without_sender_tag, counters.not_connected, counters.invalid_packet) == (1, 1, 2)
    assert (counters.unsupported_version, counters.malformed, counters.unknown_destination) == (2, 2, 1)


def test_an_operator_can_leave_versions_out():
    exit_ = Exit(versions=(9,))
    assert exit_.ask(ConnectRequest(10, 7, MOMENT)) == []
    assert len(exit_.ask(ConnectRequest(9, 7, MOMENT))) == 1


def test_replies_wait_for_company_and_are_numbered_from_1():
    exit_ = Exit(bundle_delay_s=0.02)
    address = exit_.connect(stream_id=5)
    packets = [ip_packet("8.8.8.8", str(address.ipv4)), ip_packet("2001:db8::1", str(address.ipv6))]
    for packet in packets:
        exit_.router.receive_ip_packet(packet, 1.0)
    assert exit_.answers(1.0) == []
    assert exit_.router.next_timeout() == 1.02
    ((tag, frame, response),) = exit_.answers(1.02)
    assert (tag, frame.stream_id, frame.sequence) == (ALICE, 5, 1)
    assert isinstance(response, DataResponse)
    assert (response.version, split_bundle(response.bundle)) == (9, packets)
    exit_.router.receive_ip_packet(packets[0], 2.0)
    assert [frame.sequence for _, frame, _ in exit_.answers(3.0)] == [2]


def test_full_bundles_leave_at_once():
    exit_ = Exit()
    address = exit_.connect()
    exit_.router.receive_ip_packet(ip_packet("8.8.8.8", str(address.ipv4), 1480), 1.0)
    assert len(exit_.answers(1.0)) == 1
    assert exit_.router.next_timeout() == 10.0  # the sweep; no bundle waits


@pytest.mark.parametrize(("asked_ms", "flush_at"), [(0, 1.0), (5, 1.005), (500, 1.5), (10**15, 2.0)])
def test_a_client_may_say_how_long_packets_wait(asked_ms, flush_at):
    exit_ = Exit(max_bundle_delay_s=1.0)
    address = exit_.connect(buffer_timeout_ms=asked_ms)
    exit_.router.receive_ip_packet(ip_packet("8.8.8.8", str(address.ipv4)), 1.0)
    assert exit_.router.next_timeout() == pytest.approx(flush_at)


def test_idle_clients_lose_their_addresses_and_are_told():
    exit_ = Exit()
    address = exit_.connect()
    exit_.events()
    exit_.ask(DataRequest(9, encode_bundle([ip_packet(address.ipv4, "8.8.8.8")])), now=30.0)
    exit_.ask(PingRequest(9, 1, MOMENT), now=80.0)  # a ping is no sign of life
    exit_.events()
    for moment in range(10, 90, 10):
        exit_.router.handle_timeout(float(moment))
        assert exit_.events() == []
    exit_.router.handle_timeout(90.0)
    assert exit_.events() == [ClientExpired(ALICE, address.ipv4, address.ipv6, ExpiryReason.IDLE)]
    ((_, frame, response),) = exit_.answers(90.0)
    assert (frame.sequence, response) == (0, UnrequestedDisconnect(9, DisconnectReason.MIXNET_TIMEOUT))
    assert exit_.router.client_count == 0
    assert exit_.router.next_timeout() is None


def test_packets_to_a_client_are_no_sign_of_its_life():
    exit_ = Exit()
    address = exit_.connect()
    exit_.router.receive_ip_packet(ip_packet("8.8.8.8", str(address.ipv4)), 55.0)
    exit_.router.handle_timeout(61.0)
    assert exit_.router.client_count == 0
    assert exit_.router.next_timeout() is None


def test_disconnecting():
    exit_ = Exit()
    address = exit_.connect()
    exit_.events()
    ((_, _, response),) = exit_.ask(DisconnectRequest(9, 3, MOMENT))
    assert response == DisconnectSuccess(9, 3)
    assert exit_.events() == [ClientExpired(ALICE, address.ipv4, address.ipv6, ExpiryReason.DISCONNECTED)]
    ((_, _, response),) = exit_.ask(DisconnectRequest(9, 4, MOMENT))
    assert isinstance(response, DisconnectFailure)


def test_ping_and_health_need_no_connection():
    build = BuildInformation(build_version="1.2.3")
    exit_ = Exit(build=build)
    ((_, frame, response),) = exit_.ask(PingRequest(9, 5, MOMENT), stream_id=8)
    assert (frame.stream_id, response) == (8, Pong(9, 5))
    ((_, _, response),) = exit_.ask(HealthRequest(10, 6, MOMENT))
    assert response == HealthReport(10, 6, build, None)


def test_refusing_clients():
    exit_ = Exit()
    exit_.router.refuse_clients("no thanks")
    ((_, _, response),) = exit_.ask(ConnectRequest(9, 7, MOMENT))
    assert response == ConnectFailure(9, 7, ConnectFailureReason.OTHER, "no thanks")
    assert exit_.events() == []
    exit_.router.refuse_clients(None)
    exit_.connect()


def test_when_all_addresses_are_taken_the_one_silent_for_longest_makes_room():
    exit_ = Exit(max_clients=2)
    alice = exit_.connect(ALICE)
    exit_.connect(BOB)
    exit_.ask(DataRequest(9, encode_bundle([ip_packet(alice.ipv4, "8.8.8.8")])), ALICE, 1.0)
    exit_.events()
    (goodbye_tag, _, goodbye), (tag, _, response) = exit_.ask(ConnectRequest(9, 7, MOMENT), CAROL, 2.0)
    assert (goodbye_tag, goodbye) == (BOB, UnrequestedDisconnect(9, DisconnectReason.MIXNET_TIMEOUT))
    assert tag == CAROL
    assert isinstance(response, ConnectSuccess)
    expired, connected = exit_.events()
    assert (expired.sender_tag, expired.reason) == (BOB, ExpiryReason.IDLE)
    assert connected.sender_tag == CAROL
    exit_.connect(ALICE, 2.0)  # its own place is free for it
    assert exit_.router.client_count == 2


def test_a_flood_of_new_clients_pushes_out_nobody_who_is_heard_and_lets_newcomers_in_within_a_second():
    exit_ = Exit(max_clients=120, new_clients_per_s=2.0)
    alice = exit_.connect(ALICE)
    denied = 0
    for second in range(60):
        now = 1.0 + second
        if second % 25 == 0:
            exit_.ask(DataRequest(9, encode_bundle([ip_packet(alice.ipv4, "8.8.8.8")])), ALICE, now)
        for number in range(20):
            for _, _, response in exit_.ask(ConnectRequest(9, 7, MOMENT), bytes([second, number]) * 8, now):
                denied += isinstance(response, ConnectFailure)
    assert denied == 60 * 18
    assert ALICE not in {event.sender_tag for event in exit_.events() if isinstance(event, ClientExpired)}
    assert isinstance(exit_.ask(ConnectRequest(9, 7, MOMENT), BOB, 61.0)[-1][2], ConnectSuccess)


def test_denials_are_reported_but_not_too_often():
    exit_ = Exit(report_interval_s=0.1)
    exit_.connect()
    for moment in (0.0, 0.05, 0.1):
        exit_.router.report_denied(ALICE, "192.168.0.1:80", moment)
    exit_.router.report_denied(BOB, "192.168.0.1:80", 1.0)
    remark = Info(9, 0, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, "192.168.0.1:80")
    assert [(tag, frame.sequence, response) for tag, frame, response in exit_.answers(1.0)] == [(ALICE, 0, remark)] * 2


def test_packets_to_the_router_itself_go_nowhere():
    exit_ = Exit()
    address = exit_.connect()
    exit_.events()
    exit_.ask(DataRequest(9, encode_bundle([ip_packet(address.ipv4, "10.0.0.1"), ip_packet(address.ipv6, "fc00::1")])))
    assert exit_.events() == []
    assert exit_.answers(1.0) == []


def test_replies_that_nobody_fetches_are_bounded():
    exit_ = Exit(max_waiting_replies=3)
    frame = LpFrame(1, LpFrameType.DATA, 0, encode_request(PingRequest(9, 5, MOMENT))).encode()
    for _ in range(5):
        exit_.router.receive_message(ALICE, frame, 0.0)
    assert len(exit_.answers()) == 3
    assert exit_.router.counters.overflowed == 2


def test_a_sender_without_addresses_is_told_so_now_and_then():
    exit_ = Exit()
    data = DataRequest(9, encode_bundle([ip_packet("10.0.0.9", "8.8.8.8")]))
    ((tag, frame, response),) = exit_.ask(data, stream_id=5)
    assert (tag, frame.stream_id) == (ALICE, 5)
    assert isinstance(response, UnrequestedDisconnect)
    assert exit_.ask(data, now=1.0) == []
    assert len(exit_.ask(data, tag=b"b" * 16, now=1.0)) == 1
    assert len(exit_.ask(data, now=2.5)) == 1
    for number in range(3000):
        exit_.ask(data, tag=number.to_bytes(16, "big"), now=3.0)
    assert len(exit_.router._strangers) == 1024


def test_what_somebody_waits_for_is_marked_to_be_sent_again():
    exit_ = Exit()
    addresses = exit_.connect()
    exit_.router.receive_message(
        ALICE, LpFrame(1, LpFrameType.DATA, 0, encode_request(PingRequest(9, 1, MOMENT))).encode(), 0.0
    )
    exit_.router.receive_ip_packet(ip_packet("8.8.8.8", str(addresses.ipv4)), 0.0)
    assert [reply.is_control for reply in exit_.router.replies_to_send(1.0)] == [True, False]


def test_an_opening_may_ask_for_balanced_replies_as_often_as_it_likes():
    exit_ = Exit()
    opening = LpFrame(1, LpFrameType.OPEN, 0, BALANCED_OPENING).encode()
    for _ in range(2):
        exit_.router.receive_message(ALICE, opening, 0.0)
        assert exit_.router.next_event() == BalanceRequested(ALICE)
    assert exit_.answers() == []
    exit_.router.receive_message(ALICE, LpFrame(1, LpFrameType.DATA, 0, BALANCED_OPENING).encode(), 0.0)
    exit_.router.receive_message(None, opening, 0.0)
    assert exit_.router.next_event() is None
