import pytest

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.ipr.requests import (
    ConnectRequest,
    DataRequest,
    DisconnectRequest,
    HealthRequest,
    PingRequest,
    decode_request,
    encode_request,
)
from mix_protocol.ipr.timestamp import Timestamp

MOMENT = Timestamp(2026, 325, 8, 28, 14, 40_000_000)

REQUESTS = [
    ConnectRequest(9, 1, MOMENT),
    ConnectRequest(10, (1 << 64) - 1, MOMENT, 0),
    ConnectRequest(10, 300, MOMENT, 1 << 40),
    DisconnectRequest(9, 5, MOMENT),
    PingRequest(9, 6, MOMENT),
    HealthRequest(10, 7, MOMENT),
    DataRequest(9, b""),
    DataRequest(10, b"x" * 1500),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_requests_come_back(request_):
    assert decode_request(encode_request(request_)) == request_


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_cut_and_lengthened_requests_are_refused(request_):
    data = encode_request(request_)
    for wrong in (*(data[:length] for length in range(len(data))), data + b"\0"):
        with pytest.raises(MalformedMessage):
            decode_request(wrong)


@pytest.mark.parametrize(
    "data",
    ["090000", "090200", "090102", "09010104", "0901fb0001", "090100fd" + "ff" * 8, "09010102fe" + "00" * 16],
)
def test_what_is_no_request(data):
    with pytest.raises(MalformedMessage):
        decode_request(bytes.fromhex(data))
