"""Client and router against each other, through losses and long silences."""

from ipaddress import IPv4Address

import pytest

from mix_protocol.ipr.client import IprConfig
from mix_protocol.ipr.events import (
    ExitConnected,
    ExitLost,
    ExitRefused,
    ExitReported,
    HealthReceived,
    PacketReceived,
    PongReceived,
)
from mix_protocol.ipr.liveness import LivenessPolicy
from mix_protocol.ipr.router import RouterConfig
from mix_protocol.ipr.router_events import ClientConnected, ClientExpired, ExpiryReason, PacketForwarded
from mix_protocol.topology.described import BuildInformation

from .conftest import TAG, ip_packet


@pytest.mark.parametrize(("version", "mtu_bytes"), [(9, None), (10, 1500)])
def test_packets_travel_both_ways(make_pair, version, mtu_bytes):
    pair = make_pair(version)
    connected = pair.connect()
    assert (connected.ipr_version, connected.mtu_bytes) == (version, mtu_bytes)
    out = [ip_packet(connected.ipv4, f"8.8.8.{number}", 40 + 50 * number) for number in range(30)]
    back = [ip_packet(f"8.8.8.{number}", str(connected.ipv4), 40 + 50 * number) for number in range(30)]
    for packet in out:
        pair.client.send_packet(packet, pair.now)
    for packet in back:
        pair.router.receive_ip_packet(packet, pair.now)
    pair.run_until(1.0)
    assert pair.take(PacketForwarded) == [PacketForwarded(TAG, packet) for packet in out]
    assert pair.take(PacketReceived) == [PacketReceived(packet) for packet in back]


def test_a_router_of_version_9_alone_is_reached_by_fallback(make_pair):
    pair = make_pair(10, router=RouterConfig(versions=(9,)))
    pair.client.connect(0.0)
    pair.run_until(9.0)
    assert pair.client_events == []
    pair.run_until(11.0)
    (connected,) = pair.take(ExitConnected)
    assert (connected.ipr_version, connected.mtu_bytes) == (9, None)


def test_a_lost_answer_is_asked_for_again(pair):
    pair.cut_replies = True
    pair.client.connect(0.0)
    pair.run_until(5.0)
    pair.cut_replies = False
    pair.run_until(11.0)
    (connected,) = pair.take(ExitConnected)
    (kept,) = pair.take(ClientConnected)[-1:]
    assert connected.ipv4 == kept.ipv4  # the addresses that the router holds for us, not those of the lost answer
    assert pair.router.client_count == 1


def test_an_idle_client_keeps_its_addresses(pair):
    pair.connect()
    pair.run_until(600.0)
    assert pair.take(ClientExpired) == []
    assert pair.take(ExitLost) == []
    assert pair.take(PacketForwarded) == []  # probes end at the router
    assert pair.take(PacketReceived) == []
    assert 20 <= len(pair.surbs) <= 30


def test_a_client_that_does_not_keep_alive_is_dropped_and_told(make_pair):
    pair = make_pair(config=IprConfig(liveness=LivenessPolicy(keepalive_s=None)))
    pair.connect()
    pair.run_until(71.0)
    (expired,) = pair.take(ClientExpired)
    assert expired.reason is ExpiryReason.IDLE
    assert len(pair.take(ExitLost)) == 1


@pytest.mark.parametrize("tells", [True, False])
def test_a_router_that_restarts_is_noticed_and_reconnecting_helps(make_pair, tells: bool):
    pair = make_pair()
    connected = pair.connect()
    pair.router = make_pair().router  # knows nobody
    if not tells:  # as published routers
        pair.router._tell_stranger = lambda *_: None
    pair.client.send_packet(ip_packet(connected.ipv4, "8.8.8.8"), pair.now)
    pair.run_until(1.0 if tells else 30.0)
    (lost,) = pair.take(ExitLost)
    assert lost.error.fields["is_alive"] is tells
    assert pair.router.counters.not_connected >= (1 if tells else 3)
    pair.client.connect(pair.now)
    pair.run_until(31.0)
    connected = pair.take(ExitConnected)[-1]
    pair.client.send_packet(ip_packet(connected.ipv4, "8.8.8.8"), pair.now)
    pair.exchange()
    assert len(pair.take(PacketForwarded)) == 1


def test_a_network_that_goes_silent(pair):
    pair.connect()
    pair.run_until(30.0)  # the router has answered a probe: it is one that does
    pair.cut_replies = True
    pair.run_until(90.0)
    assert len(pair.take(ExitLost)) == 1


def test_losing_some_replies_is_no_loss_of_the_exit(pair):
    connected = pair.connect()
    for second in range(60):
        pair.cut_replies = second % 6 != 0
        pair.client.send_packet(ip_packet(connected.ipv4, "8.8.8.8"), pair.now)
        pair.router.receive_ip_packet(ip_packet("8.8.8.8", str(connected.ipv4)), pair.now)
        pair.run_until(pair.now + 1.0)
    assert pair.take(ExitLost) == []


def test_ping_health_and_denials(make_pair):
    build = BuildInformation(build_version="1.40.0")
    pair = make_pair(router=RouterConfig(build=build))
    pair.connect()
    pair.client.ping(pair.now)
    (message,) = pair.client.messages_to_send(pair.now)
    pair.router.receive_message(TAG, message.payload, pair.now)
    pair.now = 0.25
    pair.client.ask_health(pair.now)
    pair.router.report_denied(TAG, "192.168.0.1:80", pair.now)
    pair.exchange()
    assert pair.take(PongReceived) == [PongReceived(0.25)]
    assert [event.report.build for event in pair.take(HealthReceived)] == [build]
    assert [event.detail for event in pair.take(ExitReported)] == ["192.168.0.1:80"]


def test_a_refusal_ends_the_attempt(pair):
    pair.router.refuse_clients("full")
    pair.client.connect(0.0)
    pair.run_until(100.0)
    (refused,) = pair.take(ExitRefused)
    assert refused.error.fields["detail"] == "full"
    assert pair.take(ClientConnected) == []


def test_closing_frees_the_addresses(pair):
    connected = pair.connect()
    pair.client.close(1.0)
    pair.exchange()
    assert [(event.ipv4, event.reason) for event in pair.take(ClientExpired)] == [
        (connected.ipv4, ExpiryReason.DISCONNECTED)
    ]
    assert isinstance(connected.ipv4, IPv4Address)
    assert pair.router.client_count == 0
