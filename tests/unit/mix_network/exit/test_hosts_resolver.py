"""DNS answered by the exit itself."""

import socket
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_network.exit import hosts_resolver
from mix_network.exit.hosts_resolver import HostsResolver, parse_host

HOSTS = {"demo.test": [ip_address("127.0.0.1"), ip_address("::1")], "four.test.": [ip_address("10.1.2.3")]}


async def ask(resolver: HostsResolver, name: str, kind: str = "A", **options) -> dns.message.Message:
    query = dns.message.make_query(name, kind, **options)
    answer = await resolver.answer(query.to_wire())
    assert answer is not None
    response = dns.message.from_wire(answer)
    assert query.is_response(response)
    return response


def texts(response: dns.message.Message) -> list[str]:
    return [record.to_text() for answer in response.answer for record in answer]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("demo.test", "A", ["127.0.0.1"]),
        ("DEMO.Test.", "AAAA", ["::1"]),
        ("four.test", "A", ["10.1.2.3"]),
        ("four.test", "AAAA", []),
        ("demo.test", "HTTPS", []),
        ("demo.test", "ANY", ["127.0.0.1", "::1"]),
    ],
)
async def test_known_names(name, kind, expected):
    response = await ask(HostsResolver(HOSTS), name, kind)
    assert response.rcode() == dns.rcode.NOERROR
    assert response.flags & dns.flags.RA
    assert texts(response) == expected


async def test_unknown_names_do_not_exist():
    response = await ask(HostsResolver(HOSTS), "other.test")
    assert response.rcode() == dns.rcode.NXDOMAIN


def fake_getaddrinfo(name, port, family, kind):
    if name == "known.example":
        address = ("9.9.9.9", 0) if family == socket.AF_INET else ("2620:fe::9", 0, 0, 0)
        return [(family, kind, 6, "", address), (family, kind, 6, "", address)]
    if name == "four.example" and family == socket.AF_INET:
        return [(family, kind, 6, "", ("9.9.9.9", 0))]
    if name == "four.example":
        raise socket.gaierror(socket.EAI_NODATA, "no address")
    if name == "broken.example":
        raise socket.gaierror(socket.EAI_AGAIN, "temporary failure")
    raise socket.gaierror(socket.EAI_NONAME, "not known")


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "expected"),
    [
        ("known.example", "A", dns.rcode.NOERROR, ["9.9.9.9"]),
        ("known.example", "AAAA", dns.rcode.NOERROR, ["2620:fe::9"]),
        ("known.example", "MX", dns.rcode.NOERROR, []),
        ("four.example", "AAAA", dns.rcode.NOERROR, []),
        ("broken.example", "A", dns.rcode.SERVFAIL, []),
        ("missing.example", "A", dns.rcode.NXDOMAIN, []),
        ("demo.test", "A", dns.rcode.NOERROR, ["127.0.0.1"]),
    ],
)
async def test_other_names_by_the_systems_resolver(monkeypatch, name, kind, rcode, expected):
    monkeypatch.setattr(hosts_resolver.socket, "getaddrinfo", fake_getaddrinfo)
    response = await ask(HostsResolver(HOSTS, "system"), name, kind)
    assert response.rcode() == rcode
    assert texts(response) == expected


async def test_a_long_answer_comes_truncated_over_udp_and_whole_over_tcp():
    many = [ip_address(f"10.0.{number}.1") for number in range(200)]
    resolver = HostsResolver({"many.test": many})
    response = await ask(resolver, "many.test")
    assert response.flags & dns.flags.TC
    assert texts(response) == []
    query = dns.message.make_query("many.test", "A").to_wire()
    whole = await resolver.answer(query, hosts_resolver.MAX_TCP_BYTES)
    assert len(texts(dns.message.from_wire(whole))) == 200


async def test_the_clients_announced_size_counts():
    some = [ip_address(f"10.0.{number}.1") for number in range(40)]
    resolver = HostsResolver({"some.test": some})
    assert (await ask(resolver, "some.test")).flags & dns.flags.TC
    assert len(texts(await ask(resolver, "some.test", use_edns=0, payload=1232))) == 40


async def test_what_is_no_query_for_us():
    resolver = HostsResolver(HOSTS)
    query = dns.message.make_query("demo.test", "A")
    assert await resolver.answer(dns.message.make_response(query).to_wire()) is None
    query.set_opcode(dns.opcode.NOTIFY)
    assert dns.message.from_wire(await resolver.answer(query.to_wire())).rcode() == dns.rcode.NOTIMP
    chaos = dns.message.make_query("version.bind", "TXT", "CH")
    assert dns.message.from_wire(await resolver.answer(chaos.to_wire())).rcode() == dns.rcode.REFUSED


@given(st.binary(max_size=600))
async def test_garbage_is_answered_with_an_error_or_not_at_all(data):
    answer = await HostsResolver(HOSTS).answer(data)
    assert answer is None or answer[:2] == data[:2]


@pytest.mark.parametrize("text", ["", "name", "=1.2.3.4", "name=", "name=host", "name=1.2.3", ".=1.2.3.4"])
def test_malformed_hosts(text):
    with pytest.raises(ValueError):  # noqa: PT011 -- ip_address's own sentence is the message
        parse_host(text)


def test_hosts():
    assert parse_host("Demo.Test.=127.0.0.1") == ("demo.test", ip_address("127.0.0.1"))
    assert parse_host("six.test=::1") == ("six.test", ip_address("::1"))
