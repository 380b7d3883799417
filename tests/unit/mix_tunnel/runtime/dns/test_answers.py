"""What the resolver makes of good answers: the chain of aliases, TTLs that count down, and what a "no" means."""

from __future__ import annotations

import asyncio

import dns.rcode
import dns.rdatatype
import pytest
from support.kernel import KernelNetwork
from support.name_server import respond, serve_names, zone

from mix_tunnel.runtime.dns.errors import MalformedAnswer, NameNotFound, NoAddress, NoData
from mix_tunnel.runtime.dns.resolver import Resolver, ResolverOptions

SOA = "test. 900 IN SOA ns.test. admin.test. 1 3600 600 86400 120"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def resolver_for(*servers, clock=None, **options) -> Resolver:
    return Resolver(
        KernelNetwork(), ResolverOptions(tuple(server.server for server in servers), **options), now=clock or Clock()
    )


async def test_ttls_count_down_in_kept_answers():
    clock = Clock()
    async with serve_names(zone({"a.test": "192.0.2.1"})) as server:
        resolver = resolver_for(server, clock=clock)
        told = []
        for _ in range(3):
            answer = await resolver.resolve("a.test")
            told.append((answer.from_cache, answer.records[0].ttl_s))
            clock.now += 25.5
        assert told == [(False, 60), (True, 34), (True, 9)]
        assert (await resolver.resolve("a.test")).from_cache is False


async def test_an_answer_is_kept_no_longer_than_its_shortest_alias():
    clock = Clock()

    def answer(query, transport):
        return respond(query, "a.test. 5 IN CNAME b.test.", "b.test. 300 IN A 192.0.2.1")

    async with serve_names(answer) as server:
        resolver = resolver_for(server, clock=clock)
        assert (await resolver.resolve("a.test")).records[0].ttl_s == 300
        clock.now += 5
        assert (await resolver.resolve("a.test")).from_cache is False


async def test_a_ttl_with_the_sign_bit_is_none():
    def answer(query, transport):
        wire = respond(query, "a.test. 60 IN A 192.0.2.1").to_wire()
        return [wire.replace(b"\x00\x00\x00\x3c\x00\x04", b"\x80\x00\x00\x3c\x00\x04")]

    async with serve_names(answer) as server:
        resolver = resolver_for(server)
        assert (await resolver.resolve("a.test")).records[0].ttl_s == 0
        assert len(resolver.cache) == 0


async def test_a_ttl_of_years_is_a_day():
    async with serve_names(lambda query, transport: respond(query, "a.test. 99999999 IN A 192.0.2.1")) as server:
        assert (await resolver_for(server).resolve("a.test")).records[0].ttl_s == 86_400


async def test_aliases_over_several_answers():
    def answer(query, transport):
        name = query.question[0].name.to_text().lower()
        follows = {"a.test.": "b.test.", "b.test.": "c.test."}
        if name in follows:
            return respond(query, f"{name} 60 IN CNAME {follows[name]}")
        return respond(query, f"{name} 60 IN MX 1 mail.test.")

    async with serve_names(answer) as server:
        found = await resolver_for(server).resolve("a.test", "MX")
        assert found.canonical_name == "c.test"
        assert [name for _, name in server.queries] == ["a.test", "b.test", "c.test"]


async def test_an_alias_to_nowhere():
    def answer(query, transport):
        return respond(query, "a.test. 60 IN CNAME b.test.", rcode=dns.rcode.NXDOMAIN, authority=SOA)

    async with serve_names(answer) as server:
        resolver = resolver_for(server)
        with pytest.raises(NameNotFound):
            await resolver.resolve("a.test")
        with pytest.raises(NameNotFound):
            await resolver.resolve("a.test")
        assert len(server.queries) == 1


async def test_records_beside_nxdomain_are_malformed():
    def answer(query, transport):
        return respond(query, "a.test. 60 IN A 192.0.2.1", rcode=dns.rcode.NXDOMAIN)

    async with serve_names(answer) as server:
        with pytest.raises(MalformedAnswer):
            await resolver_for(server, attempts=1).resolve("a.test")


@pytest.mark.parametrize(("type", "error"), [("A", NoAddress), ("AAAA", NoData), ("MX", NoData)])
async def test_no_data_is_kept_for_its_type(type, error):
    async with serve_names(lambda query, transport: respond(query, authority=SOA)) as server:
        resolver = resolver_for(server)
        for _ in range(2):
            with pytest.raises(error):
                await resolver.resolve("a.test", type)
        assert len(server.queries) == 1
        with pytest.raises(NoData):
            await resolver.resolve("a.test", "TXT")
        assert len(server.queries) == 2


async def test_a_missing_name_is_missing_for_every_type():
    async with serve_names(lambda query, transport: respond(query, rcode=dns.rcode.NXDOMAIN, authority=SOA)) as server:
        resolver = resolver_for(server)
        for type in ("A", "MX", "TXT"):
            with pytest.raises(NameNotFound):
                await resolver.resolve("a.test", type)
        assert len(server.queries) == 1


async def test_different_types_at_the_same_time_are_different_questions():
    def answer(query, transport):
        if query.question[0].rdtype == dns.rdatatype.A:
            return respond(query, "a.test. 60 IN A 192.0.2.1")
        return respond(query, "a.test. 60 IN AAAA 2001:db8::1")

    async with serve_names(answer) as server:
        resolver = resolver_for(server)
        await asyncio.gather(*(resolver.resolve("a.test", type) for type in ("A", "a", "AAAA", "aaaa", "A")))
        assert len(server.queries) == 2


async def test_asking_anew_replaces_what_was_kept():
    addresses = ["192.0.2.2", "192.0.2.1"]

    def answer(query, transport):
        return respond(query, f"a.test. 60 IN A {addresses.pop()}")

    async with serve_names(answer) as server:
        resolver = resolver_for(server)
        texts = []
        for use_cache in (True, False, True):
            texts.append((await resolver.resolve("a.test", use_cache=use_cache)).records[0].text)
        assert texts == ["192.0.2.1", "192.0.2.2", "192.0.2.2"]


async def test_clearing():
    async with serve_names(zone({"a.test": "192.0.2.1"})) as server:
        resolver = resolver_for(server)
        await resolver.lookup("a.test")
        resolver.clear_cache()
        await resolver.lookup("a.test")
        assert len(server.queries) == 2
