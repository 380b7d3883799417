from ipaddress import IPv4Address

import pytest

from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.ipr.addresses import ROUTER_IPV4
from mix_protocol.ipr.ip_packet import echo_reply_to, read_udp, read_unreachable, udp_datagram
from mix_protocol.ipr.probe import DnsProbe, EchoProbe
from mix_protocol.netstack.wire.icmp import IcmpError, UnreachableReason
from mix_protocol.netstack.wire.ip import ICMP, IpPacket, decode_ip
from mix_protocol.netstack.wire.udp import decode_udp

US, RESOLVER = IPv4Address("10.0.1.2"), IPv4Address("8.8.8.8")


def answer(probe: bytes, data: bytes | None = None, *, source: IPv4Address = RESOLVER, source_port: int = 53) -> bytes:
    asked = read_udp(probe)
    assert asked is not None
    return udp_datagram(source, source_port, US, asked[1], asked[3] if data is None else data)


def test_the_datagrams_are_read_by_our_stack_as_they_were_meant():
    for number in range(200):
        probe = DnsProbe(US, SeededRandom(number)).make()
        packet = decode_ip(probe)
        datagram = decode_udp(packet.payload, packet.source, packet.destination)
        assert datagram.source_port >= 49152
        assert bytes(datagram.payload) == read_udp(probe)[3]


def test_a_checksum_of_zero_is_written_as_all_ones():
    data = next(
        data
        for number in range(1 << 16)
        if udp_datagram(US, 49152, RESOLVER, 53, data := number.to_bytes(2, "big"))[26:28] == b"\xff\xff"
    )
    packet = decode_ip(udp_datagram(US, 49152, RESOLVER, 53, data))
    assert bytes(decode_udp(packet.payload, packet.source, packet.destination).payload) == data


def test_each_query_has_a_port_an_id_and_perhaps_a_name_of_its_own():
    probe = DnsProbe(US, SeededRandom("queries"))
    asked = [read_udp(probe.make()) for _ in range(60)]
    assert len({port for _, port, _, _ in asked}) == 60
    assert len({data[:2] for *_, data in asked}) == 60
    assert 1 < len({data[12:] for *_, data in asked}) < 10


def test_only_the_resolvers_answer_to_a_query_of_ours_is_one():
    probe = DnsProbe(US, SeededRandom("answers"))
    first = probe.make()
    assert probe.is_answered_by(answer(first))
    assert probe.is_answered_by(answer(first, read_udp(first)[3][:2] + b"anything"))
    assert not probe.is_answered_by(answer(first, b"\0\0" + read_udp(first)[3][2:]))
    assert not probe.is_answered_by(answer(first, source=IPv4Address("8.8.4.4")))
    assert not probe.is_answered_by(answer(first, source_port=5353))
    assert not probe.is_answered_by(b"")
    later = [probe.make() for _ in range(7)]
    assert probe.is_answered_by(answer(first))
    assert all(probe.is_answered_by(answer(each)) for each in later)
    probe.make()
    assert not probe.is_answered_by(answer(first))


@pytest.mark.parametrize("reason", [reason for reason in UnreachableReason if reason.value != "time_exceeded"])
def test_a_router_that_cannot_reach_the_resolver_answers_too(reason: UnreachableReason):
    probe, other = DnsProbe(US, SeededRandom("routers")), DnsProbe(US, SeededRandom("others"))
    packet = probe.make()
    router = IPv4Address("192.0.2.1")
    told = IcmpError(reason, packet[:28]).encode(router.packed, US.packed)
    report = IpPacket(router.packed, US.packed, ICMP, told).encode()
    assert read_unreachable(report) == (RESOLVER, read_udp(packet)[1], 53)
    assert probe.is_answered_by(report)
    assert not other.is_answered_by(report)
    for length in range(len(report)):
        assert not probe.is_answered_by(report[:length]) or length >= 20 + 8 + 24


def test_refusals_are_told_by_what_is_refused():
    echo, dns = EchoProbe(US, SeededRandom(1)), DnsProbe(US, SeededRandom(2))
    assert echo.is_refused_by("10.0.0.1")
    assert echo.is_refused_by("10.0.0.1:0")
    assert not echo.is_refused_by("10.0.0.11")
    assert not dns.is_refused_by("8.8.8.8:53")  # nothing was asked yet, so it is about somebody's own packet
    dns.make()
    assert dns.is_refused_by("8.8.8.8:53")
    assert not dns.is_refused_by("8.8.8.8:443")


def test_echoes_are_answered_by_the_router_alone():
    probe = EchoProbe(US, SeededRandom(3))
    packet = probe.make()
    reply = echo_reply_to(packet)
    assert reply is not None
    assert probe.is_answered_by(reply)
    assert reply[12:16] == ROUTER_IPV4.packed
    assert not EchoProbe(US, SeededRandom(4)).is_answered_by(reply)
