"""What the published client asked of an IP packet router, and the answers that it accepted."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.ipr.bundle import encode_bundle, split_bundle
from mix_protocol.ipr.client import IprClient
from mix_protocol.ipr.events import ExitConnected
from mix_protocol.ipr.ip_packet import read_endpoints
from mix_protocol.ipr.lp import LpFrame, LpFrameType
from mix_protocol.ipr.requests import ConnectRequest, DataRequest, decode_request, encode_request
from mix_protocol.ipr.responses import ConnectSuccess, decode_response, encode_response
from mix_protocol.ipr.router import IprRouter
from mix_protocol.ipr.timestamp import Timestamp
from mix_protocol.messages.nym_message import RepliableData, decode_message

CAPTURE = Path(__file__).parent / "reference-client"
REQUESTS = ["ipr_control_v9_0.bin", "ipr_control_v10_0.bin", "ipr_data_v9.bin"]
RESPONSES = ["ipr_connect_response_v9.bin", "ipr_connect_response_v10.bin"]


def read(name: str) -> bytes:
    return (CAPTURE / name).read_bytes()


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_come_back_byte_for_byte(name):
    assert encode_request(decode_request(read(name))) == read(name)


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_come_back_byte_for_byte(name):
    assert encode_response(decode_response(read(name))) == read(name)


@pytest.mark.parametrize("name", REQUESTS)
def test_cut_or_lengthened_requests_are_refused(name):
    for data in (*(read(name)[:length] for length in range(len(read(name)))), read(name) + b"\0"):
        with pytest.raises(MalformedMessage):
            decode_request(data)


@pytest.mark.parametrize("name", RESPONSES)
def test_cut_or_lengthened_responses_are_refused(name):
    for data in (*(read(name)[:length] for length in range(len(read(name)))), read(name) + b"\0"):
        with pytest.raises(MalformedMessage):
            decode_response(data)


@pytest.mark.parametrize(("name", "version", "second"), [(REQUESTS[0], 9, 14), (REQUESTS[1], 10, 18)])
def test_connect_requests(name, version, second):
    request = decode_request(read(name))
    assert isinstance(request, ConnectRequest)
    assert (request.version, request.buffer_timeout_ms) == (version, None)
    moment = request.timestamp
    assert (moment.year, moment.day, moment.hour, moment.minute, moment.second) == (2026, 325, 8, 28, second)


@pytest.mark.parametrize(("name", "version", "mtu_bytes"), [(RESPONSES[0], 9, None), (RESPONSES[1], 10, 1500)])
def test_connect_responses(name, version, mtu_bytes):
    response = decode_response(read(name))
    assert isinstance(response, ConnectSuccess)
    assert (response.version, response.mtu_bytes) == (version, mtu_bytes)
    assert (response.ipv4, response.ipv6) == (IPv4Address("10.0.0.77"), IPv6Address("fc00::4d"))


def test_the_data_request_holds_a_dns_query():
    request = decode_request(read("ipr_data_v9.bin"))
    assert isinstance(request, DataRequest)
    (packet,) = split_bundle(request.bundle)
    assert encode_bundle([packet]) == request.bundle
    endpoints = read_endpoints(packet)
    assert (str(endpoints.source), str(endpoints.destination)) == ("10.0.0.77", "8.8.8.8")
    assert b"\7example\4test\0" in packet


def messages() -> list[RepliableData]:
    found = [decode_message(read(f"nymmessage_{number}.bin")) for number in range(1, 7)]
    return [message for message in found if isinstance(message, RepliableData)]


def test_messages_to_the_router_are_frames_of_one_stream_that_come_back():
    frames = [LpFrame.decode(message.data) for message in messages()]
    assert len(frames) >= 3
    assert [frame.encode() for frame in frames] == [message.data for message in messages()]
    assert len({frame.stream_id for frame in frames}) == 1


def test_the_stream_opens_connects_and_carries_packets():
    by_kind: dict[str, int] = {}
    for message in messages():
        frame = LpFrame.decode(message.data)
        if frame.type is LpFrameType.OPEN:
            by_kind["open"] = len(message.surbs)
            assert frame.payload == b""
            continue
        request = decode_request(frame.payload)
        assert encode_request(request) == frame.payload
        assert len(message.surbs) == 2
        by_kind[type(request).__name__] = frame.sequence
    assert by_kind["open"] == 10
    assert by_kind["ConnectRequest"] == 0
    assert by_kind["DataRequest"] >= 1


def test_our_router_serves_the_published_clients_messages():
    router = IprRouter(SeededRandom(1))
    for message in messages():
        router.receive_message(message.sender_tag, message.data, 0.0)
    (sender_tag, reply, _), *_ = router.replies_to_send(0.0)
    assert sender_tag == messages()[0].sender_tag
    response = decode_response(LpFrame.decode(reply).payload)
    assert isinstance(response, ConnectSuccess)
    # Its packets bear the address that the capture's router gave, which ours has given to nobody.
    assert router.counters.foreign_source >= 1
    assert router.counters.malformed == router.counters.unsupported_version == 0


@pytest.mark.parametrize(("request_name", "response_name"), list(zip(REQUESTS[:2], RESPONSES, strict=True)))
def test_our_client_takes_the_captured_answers(request_name, response_name):
    captured = decode_request(read(request_name))
    assert isinstance(captured, ConnectRequest)
    ids = iter([bytes(8), captured.request_id.to_bytes(8, "big"), b"\1\2"])
    client = IprClient(lambda count: next(ids), ipr_version=captured.version)
    client.connect(0.0)
    answer = LpFrame(0, LpFrameType.DATA, 0, read(response_name))
    client.receive_message(answer.encode(), 0.1)
    event = client.next_event()
    assert isinstance(event, ExitConnected)
    assert (event.ipv4, event.ipr_version) == (IPv4Address("10.0.0.77"), captured.version)


# -- vectors that follow from the format alone


def test_a_connect_request_of_version_9():
    moment = Timestamp(2024, 1, 12, 59, 59, 500_000_000)
    request = ConnectRequest(9, 0x0102030405060708, moment)
    expected = bytes.fromhex("09010100fd010203040506070800fb0fd0010c3b3bfc1dcd6500000000")
    assert encode_request(request) == expected
    assert decode_request(expected) == request


def test_a_connect_request_of_version_4_numbering_has_21_bytes():
    moment = Timestamp(2024, 1, 12, 59, 59, 500_000_000)
    data = encode_request(ConnectRequest(4, 123, moment))
    assert data == bytes.fromhex("040101007b00fb0fd0010c3b3bfc1dcd6500000000")
    assert len(data) == 21


def test_a_data_request():
    assert encode_request(DataRequest(9, bytes((1, 2, 4, 2, 5)))) == bytes.fromhex("090100050102040205")


def test_a_granted_connection_of_version_9():
    response = ConnectSuccess(9, 0x0102030405060708, IPv4Address("10.0.1.2"), IPv6Address("fc00::102"))
    expected = "090100fd0102030405060708000a000102fc000000000000000000000000000102"
    assert encode_response(response) == bytes.fromhex(expected)


def test_stream_frames():
    opening = LpFrame(0x0123456789ABCDEF, LpFrameType.OPEN, 0, b"")
    assert opening.encode() == bytes.fromhex("03000123456789abcdef000000000000")
    data = LpFrame(0x0123456789ABCDEF, LpFrameType.DATA, 1, b"")
    assert data.encode() == bytes.fromhex("03000123456789abcdef010000000100")
