from ipaddress import IPv4Address, IPv6Address

import pytest

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.ipr.responses import (
    ConnectFailure,
    ConnectFailureReason,
    ConnectSuccess,
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
    decode_response,
    encode_response,
)
from mix_protocol.topology.described import BuildInformation

ADDRESSES = IPv4Address("10.0.1.2"), IPv6Address("fc00::102")
BUILD = BuildInformation(build_version="1.40.0", commit_sha="abc", cargo_triple="x86_64-unknown-linux-gnu")

RESPONSES = [
    ConnectSuccess(8, 1, *ADDRESSES),
    ConnectSuccess(9, 1, *ADDRESSES),
    ConnectSuccess(10, 1, *ADDRESSES, 1500),
    ConnectFailure(9, 2, ConnectFailureReason.ALREADY_CONNECTED),
    ConnectFailure(9, 2, ConnectFailureReason.NO_AVAILABLE_IP),
    ConnectFailure(10, 2, ConnectFailureReason.OTHER, "no thanks"),
    DisconnectSuccess(9, 3),
    DisconnectFailure(9, 3, DisconnectFailureReason.NOT_CONNECTED),
    DisconnectFailure(9, 3, DisconnectFailureReason.OTHER, "später"),
    UnrequestedDisconnect(9, DisconnectReason.MIXNET_TIMEOUT),
    UnrequestedDisconnect(9, DisconnectReason.TUN_TIMEOUT),
    UnrequestedDisconnect(9, DisconnectReason.OTHER, "bye"),
    Pong(9, 1 << 63),
    HealthReport(9, 4, BUILD),
    HealthReport(9, 4, BUILD, True),
    HealthReport(10, 4, BUILD, False),
    Info(9, 0, InfoKind.GENERIC, InfoLevel.INFO, "hello"),
    Info(9, 5, InfoKind.VERSION_MISMATCH, InfoLevel.ERROR, versions=(7, 9)),
    Info(9, 0, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, "192.168.0.1:80"),
    DataResponse(9, b""),
    DataResponse(11, b"x" * 1500),
]


@pytest.mark.parametrize("response", RESPONSES, ids=lambda r: type(r).__name__)
def test_responses_come_back(response):
    assert decode_response(encode_response(response)) == response


@pytest.mark.parametrize("response", RESPONSES, ids=lambda r: type(r).__name__)
def test_cut_and_lengthened_responses_are_refused(response):
    data = encode_response(response)
    for wrong in (*(data[:length] for length in range(len(data))), data + b"\0"):
        with pytest.raises(MalformedMessage):
            decode_response(wrong)


@pytest.mark.parametrize(
    ("response", "encoded"),
    [
        (ConnectFailure(9, 2, ConnectFailureReason.OTHER, "no"), "09 01 00 02 01 02 02 6e6f"),
        (DisconnectSuccess(9, 3), "09 01 01 03 00"),
        (UnrequestedDisconnect(9, DisconnectReason.MIXNET_TIMEOUT), "09 01 02 00"),
        (Pong(9, 255), "09 01 03 fb00ff"),
        (Info(9, 0, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED, InfoLevel.WARN, "a:1"), "09 01 05 00 02 03 613a31 01"),
        (DataResponse(9, b"\0\1x"), "09 00 03 000178"),
    ],
)
def test_bytes_on_the_wire(response, encoded):
    assert encode_response(response) == bytes.fromhex(encoded)


def test_a_version_of_each_side_tells_whether_an_mtu_follows():
    without = encode_response(ConnectSuccess(9, 1, *ADDRESSES))
    with pytest.raises(MalformedMessage):
        decode_response(b"\x0a" + without[1:])


@pytest.mark.parametrize("data", ["", "09", "0902", "090106", "09010003", "0901000002", "09010500030000", "0900ff"])
def test_what_is_no_response(data):
    with pytest.raises(MalformedMessage):
        decode_response(bytes.fromhex(data))


def test_text_that_is_not_utf8_is_refused():
    with pytest.raises(MalformedMessage):
        decode_response(bytes.fromhex("0901020201ff"))
