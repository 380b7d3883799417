from ipaddress import IPv4Address, IPv6Address

import dns.flags
import dns.message
import dns.rdatatype
import pytest

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.ipr.bundle import encode_bundle, split_bundle
from mix_protocol.ipr.client import IprClient, IprConfig
from mix_protocol.ipr.errors import (
    ConnectionLost,
    ExitDenied,
    ExitUnanswered,
    InvalidPacketSize,
    IprClosed,
    NotConnected,
)
from mix_protocol.ipr.events import ExitConnected, ExitLost, ExitRefused, ExitReported, PacketReceived
from mix_protocol.ipr.ip_packet import read_endpoints, udp_datagram
from mix_protocol.ipr.liveness import LivenessPolicy
from mix_protocol.ipr.lp import BALANCED_OPENING, LpFrame, LpFrameType
from mix_protocol.ipr.requests import ConnectRequest, DataRequest, DisconnectRequest, decode_request
from mix_protocol.ipr.responses import (
    ConnectFailure,
    ConnectFailureReason,
    ConnectSuccess,
    DataResponse,
    DisconnectReason,
    Info,
    InfoKind,
    InfoLevel,
    UnrequestedDisconnect,
    encode_response,
)
from mix_protocol.netstack.wire.udp import decode_udp

from .conftest import ip_packet

ADDRESSES = IPv4Address("10.0.1.2"), IPv6Address("fc00::102")


class Talk:
    """A client and what it says, request by request."""

    def __init__(self, version=9, *, answers_echo=True, **config):
        config.setdefault("liveness", LivenessPolicy(keepalive_s=None, silence_s=None))
        self.client = IprClient(
            SeededRandom("talk"),
            ipr_version=version,
            answers_echo=answers_echo,
            config=IprConfig(**config),
            unix_time_offset_s=1.8e9,
        )
        self.stream_id = 0

    def said(self, now=0.0):
        """Triples of frame, request (None when it opens a stream) and number of reply SURBs."""
        result = []
        for message in self.client.messages_to_send(now):
            frame = LpFrame.decode(message.payload)
            self.stream_id = frame.stream_id
            result.append((frame, decode_request(frame.payload) if frame.payload else None, message.reply_surbs))
        return result

    def answer(self, response, now=0.0, sequence=0, stream_id=None, kind=LpFrameType.DATA):
        frame = LpFrame(self.stream_id if stream_id is None else stream_id, kind, sequence, encode_response(response))
        self.client.receive_message(frame.encode(), now)

    def connect(self, now=0.0, version=9):
        self.client.connect(now)
        request = self.said(now)[-1][1]
        self.answer(ConnectSuccess(version, request.request_id, *ADDRESSES), now)
        return self.client.next_event()

    def events(self):
        found = []
        while (event := self.client.next_event()) is not None:
            found.append(event)
        return found


def test_connecting_opens_a_stream_and_asks():
    talk = Talk()
    talk.client.connect(0.5)
    (opening, nothing, open_surbs), (frame, request, data_surbs) = talk.said(0.5)
    assert (opening.type, opening.sequence, nothing, open_surbs) == (LpFrameType.OPEN, 0, None, 10)
    assert (frame.type, frame.sequence, data_surbs) == (LpFrameType.DATA, 0, 2)
    assert frame.stream_id == opening.stream_id
    assert isinstance(request, ConnectRequest)
    assert (request.version, request.buffer_timeout_ms) == (9, None)
    assert (request.timestamp.year, request.timestamp.nanosecond) == (2027, 500_000_000)
    assert talk.said() == []


def test_options_decide_how_many_surbs_go_along():
    talk = Talk(open_reply_surbs=5, data_reply_surbs=3, buffer_timeout_ms=1)
    talk.client.connect(0.0)
    (_, _, open_surbs), (_, request, data_surbs) = talk.said()
    assert (open_surbs, data_surbs, request.buffer_timeout_ms) == (5, 3, 1)


def test_granted_addresses():
    event = Talk().connect()
    assert event == ExitConnected(*ADDRESSES, None, 9)


def test_version_10_tells_the_mtu():
    talk = Talk(version=10)
    talk.client.connect(0.0)
    request = talk.said()[-1][1]
    assert request.version == 10
    talk.answer(ConnectSuccess(10, request.request_id, *ADDRESSES, 1420))
    assert talk.events() == [ExitConnected(*ADDRESSES, 1420, 10)]
    assert talk.client.is_connected


def test_version_10_falls_back_to_9_on_the_same_stream():
    talk = Talk(version=10)
    talk.client.connect(0.0)
    (opening, _, _), (_, first, _) = talk.said()
    assert talk.client.next_timeout() == 10.0
    talk.client.handle_timeout(9.9)
    assert talk.said(9.9) == []
    talk.client.handle_timeout(10.0)
    ((frame, second, _),) = talk.said(10.0)
    assert (frame.stream_id, frame.sequence) == (opening.stream_id, 0)
    assert second.version == 9
    assert second.request_id != first.request_id
    # Each request makes the exit drop the addresses of the one before, so a late answer to the first must not count.
    talk.answer(ConnectSuccess(10, first.request_id, *ADDRESSES, 1500), 10.1)
    assert not talk.client.is_connected
    talk.answer(ConnectSuccess(9, second.request_id, *ADDRESSES), 10.2)
    assert talk.events() == [ExitConnected(*ADDRESSES, None, 9)]


def test_an_exit_that_never_answers():
    talk = Talk(connect_timeout_s=35.0, retry_after_s=10.0)
    talk.client.connect(0.0)
    asked = len(talk.said()) - 1
    while (moment := talk.client.next_timeout()) is not None:
        talk.client.handle_timeout(moment)
        asked += len(talk.said(moment))
    assert asked == 3
    (event,) = talk.events()
    assert isinstance(event, ExitRefused)
    assert isinstance(event.error, ExitUnanswered)


@pytest.mark.parametrize(
    ("reason", "detail", "word"),
    [
        (ConnectFailureReason.OTHER, "no thanks", "other"),
        (ConnectFailureReason.NO_AVAILABLE_IP, "", "no_available_ip"),
        (ConnectFailureReason.ALREADY_CONNECTED, "", "already_connected"),
    ],
)
def test_an_exit_that_refuses(reason, detail, word):
    talk = Talk()
    talk.client.connect(0.0)
    talk.answer(ConnectFailure(9, talk.said()[-1][1].request_id, reason, detail))
    (event,) = talk.events()
    assert isinstance(event, ExitRefused)
    assert isinstance(event.error, ExitDenied)
    assert event.error.fields == {"reason": word, "detail": detail}
    assert talk.client.next_timeout() is None


def test_answers_to_nobodys_question_are_ignored():
    talk = Talk()
    talk.answer(ConnectSuccess(9, 0, *ADDRESSES))
    talk.client.connect(0.0)
    request = talk.said()[-1][1]
    talk.answer(ConnectSuccess(9, request.request_id ^ 1, *ADDRESSES))
    talk.answer(ConnectSuccess(9, request.request_id, *ADDRESSES), stream_id=talk.stream_id ^ 1)
    talk.answer(ConnectSuccess(9, request.request_id, *ADDRESSES), kind=LpFrameType.OPEN)
    assert talk.events() == []
    assert not talk.client.is_connected


def test_a_second_answer_changes_nothing():
    talk = Talk()
    talk.client.connect(0.0)
    request = talk.said()[-1][1]
    for addresses in (ADDRESSES, (IPv4Address("10.0.9.9"), IPv6Address("fc00::909"))):
        talk.answer(ConnectSuccess(9, request.request_id, *addresses))
    assert talk.events() == [ExitConnected(*ADDRESSES, None, 9)]


def test_packets_go_out_as_data_of_version_9_with_rising_sequence():
    talk = Talk(version=10, max_bundled_packets=1)
    talk.connect(version=9)
    for destination in ("1.1.1.1", "8.8.8.8"):
        talk.client.send_packet(ip_packet("10.0.1.2", destination, 1400), 1.0)
    sent = talk.said(1.0)
    assert [frame.sequence for frame, _, _ in sent] == [1, 2]
    for (_, request, surbs), destination in zip(sent, ("1.1.1.1", "8.8.8.8"), strict=True):
        assert isinstance(request, DataRequest)
        assert (request.version, surbs) == (9, 2)
        (packet,) = split_bundle(request.bundle)
        assert str(read_endpoints(packet).destination) == destination


def test_small_packets_that_wait_together_share_a_message_and_bring_their_surbs():
    talk = Talk(max_bundled_packets=3)
    talk.connect()
    packets = [ip_packet("10.0.1.2", f"1.1.1.{number}") for number in range(4)]
    for packet in packets:
        talk.client.send_packet(packet, 1.0)
    sent = talk.said(1.0)
    assert [split_bundle(request.bundle) for _, request, _ in sent] == [packets[:3], packets[3:]]
    assert [surbs for _, _, surbs in sent] == [6, 2]


def test_large_packets_do_not_wait():
    talk = Talk()
    talk.connect()
    small, large = ip_packet("10.0.1.2", "1.1.1.1"), ip_packet("10.0.1.2", "8.8.8.8", 1500)
    talk.client.send_packet(small, 1.0)
    talk.client.send_packet(large, 1.0)
    assert [split_bundle(request.bundle) for _, request, _ in talk.said(1.0)] == [[small], [large]]


@pytest.mark.parametrize("version", [8, 9, 10, 11])
@pytest.mark.parametrize("sequence", [0, 1, 77])
def test_packets_come_in_from_every_version_in_any_order(version, sequence):
    talk = Talk()
    talk.connect()
    packets = [ip_packet("8.8.8.8", "10.0.1.2"), ip_packet("2001:db8::1", "fc00::102")]
    talk.answer(DataResponse(version, encode_bundle(packets)), sequence=sequence)
    assert talk.events() == [PacketReceived(packet) for packet in packets]


@pytest.mark.parametrize("version", [0, 7, 12, 255])
def test_other_versions_are_refused(version):
    talk = Talk()
    talk.connect()
    with pytest.raises(MalformedMessage):
        talk.answer(DataResponse(version, b""))


@pytest.mark.parametrize("message", [b"", b"\3\0", bytes(40), b"garbage" * 10])
def test_garbage_raises_and_harms_nothing(message):
    talk = Talk()
    talk.connect()
    with pytest.raises(PeerMisbehaved):
        talk.client.receive_message(message, 1.0)
    assert talk.client.is_connected
    talk.client.send_packet(ip_packet("10.0.1.2", "1.1.1.1"), 1.0)
    assert len(talk.said(1.0)) == 1


def test_packets_before_a_connection_are_ignored():
    talk = Talk()
    talk.client.connect(0.0)
    talk.said()
    talk.answer(DataResponse(9, encode_bundle([ip_packet("8.8.8.8", "10.0.1.2")])))
    assert talk.events() == []


def test_sending_needs_a_connection_and_a_packet():
    talk = Talk()
    with pytest.raises(NotConnected):
        talk.client.send_packet(b"x", 0.0)
    talk.connect()
    for packet in (b"", b"x" * 65536):
        with pytest.raises(InvalidPacketSize):
            talk.client.send_packet(packet, 0.0)


def test_remarks_of_the_exit():
    talk = Talk()
    talk.connect()
    talk.answer(Info(9, 0, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, "192.168.0.1:80"))
    expected = ExitReported(InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, "192.168.0.1:80")
    assert talk.events() == [expected]


def test_an_exit_that_hangs_up():
    talk = Talk()
    talk.connect()
    talk.answer(UnrequestedDisconnect(9, DisconnectReason.MIXNET_TIMEOUT))
    (event,) = talk.events()
    assert isinstance(event, ExitLost)
    assert isinstance(event.error, ConnectionLost)
    with pytest.raises(NotConnected):
        talk.client.send_packet(b"x", 0.0)


def test_connecting_anew_uses_another_stream():
    talk = Talk()
    talk.connect()
    old = talk.stream_id
    talk.client.send_packet(ip_packet("10.0.1.2", "1.1.1.1"), 1.0)
    talk.connect(2.0)
    assert talk.stream_id != old
    assert talk.said(2.0) == []  # what waited bore the old address
    talk.answer(DataResponse(9, encode_bundle([b"late"])), stream_id=old)
    assert talk.events() == []


def test_closing_flushes_and_says_goodbye():
    talk = Talk()
    talk.connect()
    talk.client.send_packet(ip_packet("10.0.1.2", "1.1.1.1"), 1.0)
    talk.client.close(1.0)
    assert [type(request) for _, request, _ in talk.said(1.0)] == [DataRequest, DisconnectRequest]
    talk.answer(DataResponse(9, encode_bundle([b"x"])))
    assert talk.events() == []
    assert talk.client.next_timeout() is None
    talk.client.close(2.0)
    assert talk.said(2.0) == []
    for use in (lambda: talk.client.connect(3.0), lambda: talk.client.send_packet(b"x", 3.0)):
        with pytest.raises(IprClosed):
            use()


def test_an_idle_client_probes_the_router():
    talk = Talk(liveness=LivenessPolicy(keepalive_s=25.0))
    talk.connect()
    assert talk.client.next_timeout() == 25.0
    talk.client.handle_timeout(25.0)
    ((_, request, _),) = talk.said(25.0)
    (probe,) = split_bundle(request.bundle)
    endpoints = read_endpoints(probe)
    assert (endpoints.source, str(endpoints.destination)) == (ADDRESSES[0], "10.0.0.1")


def test_a_refused_probe_counts_as_an_answer_and_is_not_reported():
    talk = Talk(liveness=LivenessPolicy(keepalive_s=25.0))
    talk.connect()
    talk.client.handle_timeout(25.0)
    talk.said(25.0)
    talk.answer(Info(9, 0, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, "10.0.0.1:0"), 25.2)
    assert talk.events() == []
    assert talk.client.next_timeout() == 50.0


def test_an_exit_of_unknown_kind_is_probed_with_what_all_clients_send():
    talk = Talk(answers_echo=False, liveness=LivenessPolicy(keepalive_s=25.0, max_probes=2))
    talk.connect()
    talk.client.handle_timeout(25.0)
    ((_, request, _),) = talk.said(25.0)
    (probe,) = split_bundle(request.bundle)
    datagram = decode_udp(probe[20:], ADDRESSES[0].packed, IPv4Address("8.8.8.8").packed)
    assert datagram.destination_port == 53
    query = dns.message.from_wire(bytes(datagram.payload))
    assert (query.question[0].rdtype, query.flags) == (dns.rdatatype.A, dns.flags.RD)

    answer = dns.message.make_response(query).to_wire()
    talk.answer(DataResponse(9, encode_bundle([answer_from_resolver(datagram.source_port, answer)])), 25.3)
    assert talk.events() == []  # nobody else waits for it
    assert talk.client.next_timeout() == 50.0
    talk.client.handle_timeout(50.0)
    (refusal,) = [Info(9, 0, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, "8.8.8.8:53")]
    talk.answer(refusal, 50.2)
    assert talk.events() == []
    for moment in (75.0, 80.0, 85.0):
        assert talk.client.next_timeout() == moment
        talk.client.handle_timeout(moment)
    (event,) = talk.events()
    assert isinstance(event, ExitLost)


def answer_from_resolver(port, data):
    return udp_datagram(IPv4Address("8.8.8.8"), 53, ADDRESSES[0], port, data)


@pytest.mark.parametrize("detail", ["10.0.0.1:0", "10.0.0.1"])
def test_only_an_exit_that_answers_probes_is_lost_by_its_silence(detail):
    talk = Talk(liveness=LivenessPolicy(keepalive_s=25.0, probe_interval_s=5.0, max_probes=2))
    talk.connect()
    for moment in (25.0, 50.0, 75.0, 100.0):
        assert talk.client.next_timeout() == moment
        talk.client.handle_timeout(moment)
    assert talk.client.is_connected
    talk.answer(Info(9, 0, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, detail), 100.2)
    for moment in (125.0, 130.0, 135.0):
        assert talk.client.next_timeout() == moment
        talk.client.handle_timeout(moment)
    (event,) = talk.events()
    assert isinstance(event, ExitLost)


@pytest.mark.parametrize(("mtu_bytes", "granted"), [(575, False), (576, True), (1, False), (0, True)])
def test_an_exit_must_forward_packets_of_a_useful_size(mtu_bytes, granted):
    talk = Talk(version=10)
    talk.client.connect(0.0)
    request_id = talk.said()[-1][1].request_id
    talk.answer(ConnectSuccess(10, request_id, *ADDRESSES, mtu_bytes))
    (event,) = talk.events()
    assert isinstance(event, ExitConnected if granted else ExitRefused)
    assert talk.client.is_connected is granted
    if not granted:
        assert event.error.fields["reason"] == "unusable_mtu"
    assert talk.client.next_timeout() is None


def test_an_exit_that_has_forgotten_us_is_noticed():
    talk = Talk(liveness=LivenessPolicy(silence_s=10.0, probe_interval_s=5.0, max_probes=3))
    talk.connect()
    talk.client.send_packet(ip_packet("10.0.1.2", "1.1.1.1"), 1.0)
    probed = []
    while (moment := talk.client.next_timeout()) is not None:
        talk.client.handle_timeout(moment)
        probed += [moment] if talk.said(moment)[-1:] and talk.client.is_connected else []
    assert probed == [11.0, 16.0, 21.0]
    (event,) = talk.events()
    assert isinstance(event, ExitLost)
    assert "no longer answers" in str(event.error)


@pytest.mark.parametrize(("wanted", "payload"), [(False, b""), (True, BALANCED_OPENING)])
def test_the_opening_tells_whether_replies_shall_be_balanced(wanted: bool, payload: bytes):
    client = IprClient(SeededRandom("client"), config=IprConfig(balanced_replies=wanted))
    client.connect(0.0)
    opening = client.messages_to_send(0.0)[0].payload
    assert LpFrame.decode(opening).payload == payload
    assert client.opening() == opening
