from ipaddress import IPv4Address

import pytest

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.ipr.ip_packet import echo_reply_to, echo_request, is_echo_reply, read_endpoints

from .conftest import ip_packet

US, ROUTER = IPv4Address("10.0.0.77"), IPv4Address("10.0.0.1")


@pytest.mark.parametrize(("source", "destination"), [("10.0.0.77", "8.8.8.8"), ("fc00::4d", "2001:db8::1")])
def test_endpoints(source, destination):
    endpoints = read_endpoints(ip_packet(source, destination))
    assert (str(endpoints.source), str(endpoints.destination)) == (source, destination)


def test_padding_behind_a_packet_is_let_pass():
    assert str(read_endpoints(ip_packet("10.0.0.77", "8.8.8.8") + bytes(6)).source) == "10.0.0.77"


@pytest.mark.parametrize("packet", [ip_packet("10.0.0.77", "8.8.8.8"), ip_packet("fc00::4d", "::1", 48)])
def test_cut_packets_are_refused(packet):
    for length in range(len(packet)):
        with pytest.raises(MalformedMessage):
            read_endpoints(packet[:length])


@pytest.mark.parametrize(
    "header",
    [
        "05",  # version 0
        "75",  # version 7
        "44",  # header shorter than 20 bytes
        "4f",  # header longer than the packet
    ],
)
def test_bad_headers_are_refused(header):
    packet = bytes.fromhex(header) + ip_packet("10.0.0.77", "8.8.8.8")[1:]
    with pytest.raises(MalformedMessage):
        read_endpoints(packet)


def internet_checksum(data: bytes) -> int:
    """The oracle: RFC 1071 word by word."""
    total = sum(int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@pytest.mark.parametrize(("identifier", "sequence"), [(0, 0), (1, 2), (0xFFFF, 0xFFFF), (0xF7FF, 0)])
def test_echo_requests_have_right_checksums(identifier, sequence):
    packet = echo_request(US, ROUTER, identifier, sequence)
    assert len(packet) == 28
    assert internet_checksum(packet[:20]) == 0
    assert internet_checksum(packet[20:]) == 0
    assert packet[20:22] == b"\x08\x00"


def test_an_echo_reply_answers_its_request():
    request = echo_request(US, ROUTER, 7, 9)
    reply = echo_reply_to(request)
    endpoints = read_endpoints(reply)
    assert (endpoints.source, endpoints.destination) == (ROUTER, US)
    assert internet_checksum(reply[:20]) == internet_checksum(reply[20:]) == 0
    assert is_echo_reply(reply, ROUTER, 7)
    assert not is_echo_reply(reply, ROUTER, 8)
    assert not is_echo_reply(reply, US, 7)
    assert not is_echo_reply(request, US, 7)


def test_data_of_an_echo_request_comes_back():
    request = bytearray(echo_request(US, ROUTER, 7, 9) + b"hello")
    request[2:4] = len(request).to_bytes(2, "big")
    assert echo_reply_to(bytes(request)).endswith(b"hello")


def test_only_whole_echo_requests_are_answered():
    assert echo_reply_to(ip_packet("10.0.0.77", "10.0.0.1")) is None  # UDP
    assert echo_reply_to(ip_packet("fc00::4d", "fc00::1")) is None
    assert echo_reply_to(echo_reply_to(echo_request(US, ROUTER, 7, 9))) is None
    fragment = bytearray(echo_request(US, ROUTER, 7, 9))
    fragment[6:8] = b"\x20\x00"
    assert echo_reply_to(bytes(fragment)) is None
    for packet in (b"", b"\x45", bytes(20)):
        assert not is_echo_reply(packet, ROUTER, 7)
