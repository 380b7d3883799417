"""The IP packet router protocol: any message gives a value, an event or PeerMisbehaved, and messages come back."""

import contextlib
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.ipr.bundle import MAX_BUNDLE_LENGTH, Bundler, encode_bundle, split_bundle
from mix_protocol.ipr.client import IprClient
from mix_protocol.ipr.events import ExitConnected, PacketReceived
from mix_protocol.ipr.ip_packet import echo_reply_to, echo_request, is_echo_reply, read_endpoints
from mix_protocol.ipr.lp import LpFrame, LpFrameType
from mix_protocol.ipr.requests import (
    ConnectRequest,
    DataRequest,
    DisconnectRequest,
    HealthRequest,
    PingRequest,
    decode_request,
    encode_request,
)
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
from mix_protocol.ipr.router import IprRouter
from mix_protocol.ipr.router_events import PacketForwarded
from mix_protocol.ipr.timestamp import Timestamp
from mix_protocol.topology.described import BuildInformation

u8 = st.integers(0, 255)
u32 = st.integers(0, (1 << 32) - 1)
u64 = st.integers(0, (1 << 64) - 1)
i8 = st.integers(-128, 127)
texts = st.text(st.characters(codec="utf-8"), max_size=60)
moments = st.builds(
    Timestamp,
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(1, 366),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
    st.integers(0, 999_999_999),
    st.tuples(i8, i8, i8),
)
requests = st.one_of(
    st.builds(ConnectRequest, u8, u64, moments, st.none() | u64),
    *(st.builds(kind, u8, u64, moments) for kind in (DisconnectRequest, PingRequest, HealthRequest)),
    st.builds(DataRequest, u8, st.binary(max_size=300)),
)
builds = st.builds(BuildInformation, build_version=texts, binary_name=texts, commit_sha=texts)
levels = st.sampled_from(InfoLevel)
kinds_with_text = st.sampled_from([InfoKind.GENERIC, InfoKind.EXIT_POLICY_FILTER_CHECK_FAILED])
infos = st.one_of(
    st.builds(Info, u8, u64, kinds_with_text, levels, texts),
    st.builds(Info, u8, u64, st.just(InfoKind.VERSION_MISMATCH), levels, versions=st.tuples(u8, u8)),
)
responses = st.one_of(
    st.builds(ConnectSuccess, st.integers(0, 9), u64, st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.builds(
        ConnectSuccess,
        st.integers(10, 255),
        u64,
        st.ip_addresses(v=4),
        st.ip_addresses(v=6),
        st.none() | st.integers(1, 65535),
    ),
    st.builds(ConnectFailure, u8, u64, st.sampled_from(list(ConnectFailureReason)[:2])),
    st.builds(ConnectFailure, u8, u64, st.just(ConnectFailureReason.OTHER), texts),
    st.builds(DisconnectSuccess, u8, u64),
    st.builds(DisconnectFailure, u8, u64, st.just(DisconnectFailureReason.OTHER), texts),
    st.builds(UnrequestedDisconnect, u8, st.just(DisconnectReason.OTHER), texts),
    st.builds(Pong, u8, u64),
    st.builds(HealthReport, u8, u64, builds, st.none() | st.booleans()),
    infos,
    st.builds(DataResponse, u8, st.binary(max_size=300)),
)
frames = st.builds(LpFrame, u64, st.sampled_from(LpFrameType), u32, st.binary(max_size=200))
packet_lists = st.lists(st.binary(min_size=1, max_size=1600), max_size=12)


@given(requests)
def test_requests_come_back(request_):
    assert decode_request(encode_request(request_)) == request_


@given(responses)
def test_responses_come_back(response):
    assert decode_response(encode_response(response)) == response


@given(frames)
def test_frames_come_back(frame):
    assert LpFrame.decode(frame.encode()) == frame


@pytest.mark.parametrize("decode", [decode_request, decode_response, LpFrame.decode, read_endpoints])
@given(data=st.binary(max_size=120))
def test_any_bytes(decode, data):
    with contextlib.suppress(PeerMisbehaved):
        decode(data)


@pytest.mark.parametrize("prefix", [b"\x09\x01\x00", b"\x09\x01\x01", b"\x09\x00", b"\x09\x01", b"\x0a\x01\x04"])
@given(data=st.binary(max_size=120))
def test_any_bytes_behind_a_plausible_start(prefix, data):
    for decode in (decode_request, decode_response):
        with contextlib.suppress(PeerMisbehaved):
            decode(prefix + data)


@given(st.binary(max_size=400))
def test_any_bundle_splits_into_pieces_of_itself(data):
    packets = split_bundle(data)
    assert all(packets)
    assert sum(len(packet) + 2 for packet in packets) <= len(data)


@given(packet_lists, st.none() | st.integers(1, 5))
def test_bundling_keeps_every_packet_in_order(packets, max_packets):
    bundler = Bundler(max_packets)
    groups = [group for packet in packets for group in bundler.add(packet)]
    groups.append(bundler.flush())
    assert [packet for group in groups for packet in group] == packets
    for group in groups:
        bundle = encode_bundle(group)
        assert split_bundle(bundle) == group
        assert len(bundle) <= MAX_BUNDLE_LENGTH or len(group) == 1
        assert max_packets is None or len(group) <= max_packets


@given(st.binary(max_size=80))
def test_any_packet_may_be_looked_at_for_an_echo(packet):
    is_echo_reply(packet, IPv4Address("10.0.0.1"), 1)
    with contextlib.suppress(PeerMisbehaved):
        echo_reply_to(packet)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 65535), st.integers(0, 65535))
def test_every_echo_request_has_its_reply(source, destination, identifier, sequence):
    reply = echo_reply_to(echo_request(source, destination, identifier, sequence))
    assert reply is not None
    assert is_echo_reply(reply, destination, identifier)
    assert reply[26:28] == sequence.to_bytes(2, "big")


messages = (
    st.binary(max_size=100)
    | frames.map(LpFrame.encode)
    | st.builds(lambda r: LpFrame(1, LpFrameType.DATA, 0, encode_request(r)).encode(), requests)
)


@given(st.lists(st.tuples(st.none() | st.sampled_from([b"a" * 16, b"b" * 16]), messages), max_size=10), st.data())
def test_a_router_survives_any_clients(said, data):
    router = IprRouter(SeededRandom(1))
    now = 0.0
    for tag, message in said:
        router.receive_message(tag, message, now)
        router.receive_ip_packet(data.draw(st.binary(max_size=60)), now)
        now += data.draw(st.floats(0, 40))
        router.handle_timeout(now)
        for _, reply, _ in router.replies_to_send(now):
            decode_response(LpFrame.decode(reply).payload)
    while (event := router.next_event()) is not None:
        assert not isinstance(event, PacketForwarded)
    assert router.client_count <= 2
    deadline = router.next_timeout()
    assert deadline is None or deadline > now


@given(st.lists(st.builds(encode_response, responses) | st.binary(max_size=60), max_size=10), st.data())
def test_a_client_survives_any_exit(said, data):
    client = IprClient(SeededRandom(1), ipr_version=10)
    client.connect(0.0)
    stream_id = LpFrame.decode(client.messages_to_send(0.0)[0].payload).stream_id
    for payload in said:
        with contextlib.suppress(PeerMisbehaved):
            client.receive_message(LpFrame(stream_id, LpFrameType.DATA, 0, payload).encode(), 0.0)
    now = 0.0
    for _ in range(20):
        deadline = client.next_timeout()
        if deadline is None:
            break
        assert deadline > now
        now = deadline
        client.handle_timeout(now)
        client.messages_to_send(now)
    while (event := client.next_event()) is not None:
        assert not isinstance(event, (ExitConnected, PacketReceived))
