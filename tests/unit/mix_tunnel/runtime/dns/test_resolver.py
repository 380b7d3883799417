"""The resolver against a real DNS server on loopback."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address

import dns.message
import dns.rcode
import pytest
from support.kernel import KernelNetwork
from support.name_server import respond, serve_names, zone
from support.waiting import until

from mix_protocol.errors import MixError
from mix_tunnel.runtime.dns.errors import (
    BadName,
    MalformedAnswer,
    NameNotFound,
    NoAddress,
    QueryRefused,
    ResolvingTimedOut,
    ServerFailed,
)
from mix_tunnel.runtime.dns.resolver import Resolver, ResolverOptions
from mix_tunnel.runtime.dns.sifting import MAX_ALIASES

ONE = IPv4Address("192.0.2.1")
SOA = "test. 900 IN SOA ns.test. admin.test. 1 3600 600 86400 120"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def resolver_for(*servers, network=None, timeout_s=100.0, clock=None, attempts=4, retry_interval_s=25.0) -> Resolver:
    options = ResolverOptions(tuple(server.server for server in servers), timeout_s, attempts, retry_interval_s)
    return Resolver(network or KernelNetwork(), options, now=clock or Clock())


async def test_an_address_is_found():
    async with serve_names(zone({"a.test": "192.0.2.1"})) as server:
        assert await resolver_for(server).lookup("A.test.") == [ONE]
        assert server.queries == [("udp", "a.test")]


async def test_identifiers_and_source_ports_differ_from_query_to_query():
    async with serve_names(zone({})) as server:
        resolver = resolver_for(server)
        for number in range(20):
            with pytest.raises(NameNotFound):
                await resolver.lookup(f"n{number}.test")
        assert len(set(server.identifiers)) > 15
        assert len(set(server.sources)) > 15


async def test_sockets_are_closed_afterwards():
    network = KernelNetwork()
    async with serve_names(zone({"a.test": "192.0.2.1"})) as server:
        await resolver_for(server, network=network).lookup("a.test")
    await until(lambda: [socket._socket.fileno() for socket in network.datagram_sockets] == [-1])


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "[::1]"])
async def test_ip_literals_are_returned_without_a_question(text):
    assert await Resolver(KernelNetwork()).lookup(text) in ([IPv4Address("127.0.0.1")], [IPv6Address("::1")])


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "a b", "a/b", "a" * 64 + ".test", ("a" * 60 + ".") * 5, "1.2.3", "256.1.1.1"]
)
async def test_bad_names_are_refused_before_anything_is_sent(name):
    async with serve_names(zone({})) as server:
        with pytest.raises(BadName):
            await resolver_for(server).lookup(name)
        assert server.queries == []


async def test_international_names_are_asked_for_in_their_ascii_form():
    async with serve_names(zone({"xn--fa-hia.test": "192.0.2.1"})) as server:
        assert await resolver_for(server).lookup("Faß.test") == [ONE]


async def test_a_chain_of_aliases_in_one_answer():
    def answer(query, transport):
        return respond(query, "a.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME c.test.", "c.test. 60 IN A 192.0.2.1")

    async with serve_names(answer) as server:
        assert await resolver_for(server).lookup("a.test") == [ONE]
        assert len(server.queries) == 1


async def test_an_alias_that_the_server_does_not_follow():
    def answer(query, transport):
        name = query.question[0].name.to_text().lower()
        return respond(query, "a.test. 60 IN CNAME b.test." if name == "a.test." else "b.test. 60 IN A 192.0.2.1")

    async with serve_names(answer) as server:
        assert await resolver_for(server).lookup("a.test") == [ONE]
        assert [name for _, name in server.queries] == ["a.test", "b.test"]


async def test_endless_aliases_end():
    def answer(query, transport):
        name = query.question[0].name.to_text().lower()
        return respond(query, f"{name} 60 IN CNAME x{name}")

    async with serve_names(answer) as server:
        with pytest.raises(MalformedAnswer):
            await resolver_for(server).lookup("a.test")
        assert len(server.queries) == MAX_ALIASES + 1


async def test_a_circle_over_several_answers_is_told_by_the_names_seen():
    def answer(query, transport):
        name = query.question[0].name.to_text().lower()
        return respond(query, f"{name} 60 IN CNAME {'b.test.' if name == 'a.test.' else 'a.test.'}")

    async with serve_names(answer) as server:
        with pytest.raises(MalformedAnswer):
            await resolver_for(server).lookup("a.test")
        assert len(server.queries) == 2


@pytest.mark.parametrize("in_one", [True, False], ids=["in one answer", "one by one"])
@pytest.mark.parametrize(("count", "found"), [(MAX_ALIASES, True), (MAX_ALIASES + 1, False)])
async def test_as_many_aliases_as_public_resolvers_follow(count, found, in_one):
    chain = ["a.test.", *(f"c{number}.cdn.test." for number in range(count))]

    def answer(query, transport):
        at = chain.index(query.question[0].name.to_text().lower())
        links = list(zip(chain[at:-1], chain[at + 1 :], strict=True))
        records = [f"{alias} 60 IN CNAME {target}" for alias, target in links[: None if in_one else 1]]
        if in_one or not links:
            records.append(f"{chain[-1]} 60 IN A 192.0.2.1")
        return respond(query, *records)

    async with serve_names(answer) as server:
        if found:
            assert await resolver_for(server).lookup("a.test") == [ONE]
        else:
            with pytest.raises(MalformedAnswer):
                await resolver_for(server, attempts=1).lookup("a.test")


async def test_a_circle_of_aliases_is_malformed():
    def answer(query, transport):
        return respond(query, "a.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME a.test.")

    async with serve_names(answer) as server:
        with pytest.raises(MalformedAnswer):
            await resolver_for(server, attempts=1).lookup("a.test")


@pytest.mark.parametrize(
    ("rcode", "error"),
    [
        (dns.rcode.NXDOMAIN, NameNotFound),
        (dns.rcode.NOERROR, NoAddress),
        (dns.rcode.SERVFAIL, ServerFailed),
        (dns.rcode.NOTIMP, ServerFailed),
        (dns.rcode.REFUSED, QueryRefused),
    ],
)
async def test_each_refusal_has_its_error(rcode, error):
    async with serve_names(lambda query, transport: respond(query, rcode=rcode)) as server:
        with pytest.raises(error):
            await resolver_for(server).lookup("a.test")


async def test_the_second_server_is_asked_at_once_when_the_first_fails():
    async with (
        serve_names(lambda query, transport: respond(query, rcode=dns.rcode.SERVFAIL)) as first,
        serve_names(zone({"a.test": "192.0.2.1"})) as second,
    ):
        # The pause between attempts is longer than the test may run: it must not be waited for.
        resolver = resolver_for(first, second, timeout_s=1000, retry_interval_s=500)
        assert await resolver.lookup("a.test") == [ONE]
        assert len(first.queries) == len(second.queries) == 1


async def test_the_second_server_is_asked_when_the_first_is_silent():
    async with (
        serve_names(lambda query, transport: None) as first,
        serve_names(zone({"a.test": "192.0.2.1"})) as second,
    ):
        assert await resolver_for(first, second, retry_interval_s=0.02).lookup("a.test") == [ONE]


async def test_on_a_slow_network_the_next_attempt_waits_for_two_round_trips():
    class SlowNetwork(KernelNetwork):
        round_trip_s = 50.0

    async with (
        serve_names(lambda query, transport: None) as first,
        serve_names(zone({"a.test": "192.0.2.1"})) as second,
    ):
        resolver = resolver_for(first, second, network=SlowNetwork(), retry_interval_s=0.02, timeout_s=1000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await resolver.lookup("a.test")
        assert second.queries == []


async def test_a_late_answer_to_an_earlier_question_counts():
    late: list[bytes] = []

    def answer(query, transport):
        late.append(respond(query, "a.test. 60 IN A 192.0.2.1").to_wire())
        if len(late) == 2:
            server.send(late[0], server.sources[0])

    async with serve_names(answer) as server:
        assert await resolver_for(server, timeout_s=1000, retry_interval_s=0.02).lookup("a.test") == [ONE]


async def test_a_right_answer_from_a_wrong_port_is_ignored():
    def answer(query, transport):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            forged = respond(query, "a.test. 60 IN A 192.0.2.66").to_wire()
            elsewhere.sendto(forged, ("127.0.0.1", server.sources[0]))
        return respond(query, "a.test. 60 IN A 192.0.2.1")

    async with serve_names(answer) as server:
        assert await resolver_for(server).lookup("a.test") == [ONE]


async def test_silence_times_out():
    async with serve_names(lambda query, transport: None) as server:
        with pytest.raises(ResolvingTimedOut):
            await resolver_for(server, timeout_s=2).lookup("a.test")
        await until(lambda: len(server.queries) == 4)


async def test_a_wrong_identifier_is_ignored():
    def answer(query, transport):
        good = respond(query, "a.test. 60 IN A 192.0.2.1")
        forged = respond(query, "a.test. 60 IN A 192.0.2.66")
        forged.id = query.id ^ 1
        return [forged.to_wire(), good.to_wire()]

    async with serve_names(answer) as server:
        assert await resolver_for(server).lookup("a.test") == [ONE]


async def test_an_answer_to_another_question_is_ignored():
    def answer(query, transport):
        other = dns.message.make_query("b.test", "A", id=query.id)
        forged = respond(other, "b.test. 60 IN A 192.0.2.66")
        return [forged.to_wire(), respond(query, "a.test. 60 IN A 192.0.2.1").to_wire()]

    async with serve_names(answer) as server:
        assert await resolver_for(server).lookup("a.test") == [ONE]


async def test_an_echo_of_the_question_is_ignored():
    def answer(query, transport):
        return [query.to_wire(), respond(query, "a.test. 60 IN A 192.0.2.1").to_wire()]

    async with serve_names(answer) as server:
        assert await resolver_for(server).lookup("a.test") == [ONE]


async def test_garbage_behind_a_right_header_is_malformed():
    async with serve_names(lambda query, transport: [respond(query).to_wire()[:-5] + b"\xff\xff"]) as server:
        with pytest.raises(MalformedAnswer):
            await resolver_for(server, attempts=2).lookup("a.test")


async def test_a_truncated_answer_is_asked_for_over_tcp():
    def answer(query, transport):
        if transport == "udp":
            return respond(query, truncated=True)
        return respond(query, *(f"a.test. 60 IN A 192.0.2.{number}" for number in range(1, 201)))

    async with serve_names(answer) as server:
        assert len(await resolver_for(server).lookup("a.test")) == 200
        assert [transport for transport, _ in server.queries] == ["udp", "tcp"]


async def test_a_tcp_server_that_closes_without_an_answer():
    def answer(query, transport):
        return respond(query, truncated=True) if transport == "udp" else None

    async with serve_names(answer) as server:
        with pytest.raises(ServerFailed):
            await resolver_for(server, attempts=1).lookup("a.test")


def _without_edns(query, rcode):
    response = respond(query, rcode=rcode)
    response.use_edns(-1)
    return response


EDNS_REFUSALS = {
    "FORMERR": lambda query: _without_edns(query, dns.rcode.FORMERR),
    "FORMERR with what was asked": lambda query: respond(query, rcode=dns.rcode.FORMERR),
    "FORMERR, nothing but a header": lambda query: [_without_edns(query, dns.rcode.FORMERR).to_wire()[:4] + bytes(8)],
    "FORMERR, counting what isn't there": lambda query: [respond(query, rcode=dns.rcode.FORMERR).to_wire()[:-11]],
    "NOTIMP": lambda query: _without_edns(query, dns.rcode.NOTIMP),
    "SERVFAIL": lambda query: _without_edns(query, dns.rcode.SERVFAIL),
    "REFUSED": lambda query: _without_edns(query, dns.rcode.REFUSED),
    "BADVERS": lambda query: respond(query, rcode=dns.rcode.BADVERS),
}


@pytest.mark.parametrize("refusal", EDNS_REFUSALS)
async def test_a_server_that_refuses_edns_in_any_way_is_asked_again_in_the_old_way(refusal):
    def answer(query, transport):
        if query.edns >= 0:
            return EDNS_REFUSALS[refusal](query)
        return respond(query, "a.test. 60 IN A 192.0.2.1")

    async with serve_names(answer) as server:
        assert await resolver_for(server, attempts=1).lookup("a.test") == [ONE]
        assert len(server.queries) == 2


async def test_servfail_of_a_server_that_understands_edns_is_not_about_edns():
    async with serve_names(lambda query, transport: respond(query, rcode=dns.rcode.SERVFAIL)) as server:
        with pytest.raises(ServerFailed):
            await resolver_for(server, attempts=1).lookup("a.test")
        assert len(server.queries) == 1


async def test_answers_are_kept_for_their_ttl():
    clock = Clock()
    async with serve_names(zone({"a.test": "192.0.2.1"})) as server:
        resolver = resolver_for(server, clock=clock)
        await resolver.lookup("a.test")
        clock.now += 59
        await resolver.lookup("a.test")
        assert len(server.queries) == 1
        clock.now += 1
        await resolver.lookup("a.test")
        assert len(server.queries) == 2


async def test_a_no_is_kept_when_the_zone_says_for_how_long():
    clock = Clock()

    def answer(query, transport):
        return respond(query, rcode=dns.rcode.NXDOMAIN, authority=SOA)

    async with serve_names(answer) as server:
        resolver = resolver_for(server, clock=clock)
        for _ in range(2):
            with pytest.raises(NameNotFound):
                await resolver.lookup("a.test")
        assert len(server.queries) == 1
        clock.now += 121
        with pytest.raises(NameNotFound):
            await resolver.lookup("a.test")
        assert len(server.queries) == 2


async def test_failures_are_not_kept():
    answers = [dns.rcode.SERVFAIL]

    def answer(query, transport):
        return respond(query, rcode=answers.pop()) if answers else respond(query, "a.test. 60 IN A 192.0.2.1")

    async with serve_names(answer) as server:
        resolver = resolver_for(server, attempts=1)
        with pytest.raises(ServerFailed):
            await resolver.lookup("a.test")
        assert await resolver.lookup("a.test") == [ONE]


async def test_equal_lookups_share_one_question():
    async with serve_names(zone({"a.test": "192.0.2.1"})) as server:
        resolver = resolver_for(server)
        assert await asyncio.gather(*(resolver.lookup("a.test") for _ in range(10))) == [[ONE]] * 10
        assert len(server.queries) == 1


async def test_one_caller_giving_up_does_not_disturb_the_others():
    release = asyncio.Event()
    pending: list[bytes] = []

    def answer(query, transport):
        pending.append(respond(query, "a.test. 60 IN A 192.0.2.1").to_wire())
        release.set()
        return pending if len(pending) > 1 else None

    async with serve_names(answer) as server:
        resolver = resolver_for(server, retry_interval_s=0.05)
        first, second = (asyncio.create_task(resolver.lookup("a.test")) for _ in range(2))
        await release.wait()
        first.cancel()
        assert await second == [ONE]
        assert first.cancelled()


async def test_the_last_caller_giving_up_stops_the_lookup():
    network = KernelNetwork()
    asked = asyncio.Event()

    def answer(query, transport):
        asked.set()

    async with serve_names(answer) as server:
        lookup = asyncio.create_task(resolver_for(server, network=network).lookup("a.test"))
        await asked.wait()
        lookup.cancel()
        await asyncio.wait({lookup})
        await until(lambda: [socket._socket.fileno() for socket in network.datagram_sockets] == [-1])


async def test_localhost_is_asked_for_like_any_other_name():
    async with serve_names(zone({"localhost": "192.0.2.1"})) as server:
        assert await resolver_for(server).lookup("localhost") == [ONE]


def test_errors_tell_no_names():
    for error in (BadName, NameNotFound, NoAddress, ServerFailed, QueryRefused, MalformedAnswer, ResolvingTimedOut):
        assert issubclass(error, MixError)
        assert error.code.startswith("dns.")
