"""DNS over UDP against servers and strangers that do not play by the rules."""

from __future__ import annotations

import asyncio

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rrset
import pytest
from support.hostile_names import HOSTILE_ANSWERS, hostile
from support.kernel import ConnectionFailed, KernelNetwork, KernelStream
from support.name_server import respond, serve_names, zone
from support.waiting import until

from mix_protocol.errors import MixError
from mix_tunnel.runtime.dns.errors import MalformedAnswer, NameNotFound, ServerFailed
from mix_tunnel.runtime.dns.transports import datagrams
from mix_tunnel.streams import IpAddress

A = "a.test. 60 IN A 192.0.2.1"
NAME = "abcdefghijklmnopqrst.test"
"""One of so few letters as a.test is spelt small by chance, now and then."""
FORGED = f"{NAME}. 60 IN A 192.0.2.66"


class WithoutTcp(KernelNetwork):
    """A network on which nobody speaks TCP: connections are never made, or closed at once."""

    def __init__(self, *, silent: bool) -> None:
        super().__init__()
        self.connects = 0
        self._silent = silent

    async def connect_tcp(self, ip: IpAddress, port: int) -> KernelStream:
        self.connects += 1
        if self._silent:
            await asyncio.get_running_loop().create_future()
        raise ConnectionFailed


def small_letters(query: dns.message.Message, *records: str) -> bytes:
    """An answer by a server that spells the name in its own way."""
    wire = bytearray(respond(query, *records).to_wire())
    wire[12 : 13 + len(NAME)] = wire[12 : 13 + len(NAME)].lower()
    return bytes(wire)


async def test_the_name_is_spelt_at_random(resolve_by):
    async with serve_names(zone({"a-long-enough-name.test": "192.0.2.1"})) as server:
        resolver = resolve_by(str(server.server))
        for _ in range(5):
            answer = await resolver.resolve("a-long-enough-name.test", use_cache=False)
            assert answer.canonical_name == "a-long-enough-name.test"
        assert len(set(server.spellings)) > 1
        assert {spelling.lower() for spelling in server.spellings} == {"a-long-enough-name.test"}


async def test_names_in_an_answer_do_not_show_the_random_spelling(resolve_by):
    def answer(query, transport):
        response = respond(query)
        own = query.question[0].name.to_text()
        response.answer += respond(query, f"{own} 60 IN CNAME www.{own}", f"www.{own} 60 IN MX 1 mail.{own}").answer
        return response

    async with serve_names(answer) as server:
        found = await resolve_by(str(server.server)).resolve("some-domain-name.test", "MX")
        assert found.canonical_name == "www.some-domain-name.test"
        assert found.records[0].data["exchange"].endswith("some-domain-name.test")


async def test_a_server_that_does_not_keep_the_spelling_is_asked_over_tcp_from_then_on(resolve_by):
    def answer(query, transport):
        name = "abcdefghijklmnop.test."
        record = f"{name} 60 IN A 192.0.2.1"
        wire = bytearray(respond(query, record).to_wire())
        wire[12:34] = wire[12:34].lower()
        return [bytes(wire)]

    async with serve_names(answer) as server:
        resolver = resolve_by(str(server.server))
        first = await resolver.resolve("abcdefghijklmnop.test")
        second = await resolver.resolve("abcdefghijklmnop.test", use_cache=False)
        assert [first.transport, second.transport] == ["tcp", "tcp"]
        assert [transport for transport, _ in server.queries] == ["udp", "tcp", "tcp"]


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "refused"])
async def test_a_server_that_keeps_no_spelling_and_speaks_no_tcp_is_asked_in_plain_spelling(
    resolve_by, monkeypatch, silent
):
    monkeypatch.setattr(datagrams, "TCP_PATIENCE_S", 0.05)

    def answer(query, transport):
        assert transport == "udp"
        return [small_letters(query, f"{NAME}. 60 IN A 192.0.2.1")]

    network = WithoutTcp(silent=silent)
    async with serve_names(answer) as server:
        resolver = resolve_by(str(server.server), network=network)
        for _ in range(2):
            found = await resolver.resolve(NAME, use_cache=False)
            assert (found.records[0].text, found.transport) == ("192.0.2.1", "udp")
        assert network.connects == 1  # from then on, nobody waits for TCP
        assert len(set(server.sources)) == len(set(server.identifiers)) == 3
        assert server.spellings[1:] == [NAME, NAME]


async def test_a_no_over_tcp_is_believed(resolve_by):
    def answer(query, transport):
        if transport == "tcp":
            return respond(query, rcode=dns.rcode.SERVFAIL)
        return [small_letters(query, FORGED)]

    async with serve_names(answer) as server:
        with pytest.raises(ServerFailed):
            await resolve_by(str(server.server), attempts=1).resolve(NAME)


BAD_ADDRESS = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x03\xc0\x00\x02"
BAD_SOA = b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x01\x00"


def _with_records(query: dns.message.Message, good: tuple[str, ...], *, answer=b"", authority=b"", rcode=0) -> bytes:
    """An answer with a good record and with more in wire form: one in front, and one in the authority section."""
    response = respond(query, *good, rcode=rcode)
    response.use_edns(-1)
    wire = response.to_wire()
    end = 12 + len(query.question[0].name.to_wire()) + 4
    counts = bytes([0, 1, 0, len(good) + bool(answer), 0, bool(authority), 0, 0])
    return wire[:4] + counts + wire[12:end] + answer + wire[end:] + authority


@pytest.mark.parametrize(
    ("good", "more", "told"),
    [
        ((A,), {"answer": BAD_ADDRESS}, "192.0.2.1"),
        ((A,), {"authority": BAD_SOA}, "192.0.2.1"),
        ((), {"answer": BAD_ADDRESS}, MalformedAnswer),
        ((), {"answer": BAD_ADDRESS, "rcode": dns.rcode.NXDOMAIN}, MalformedAnswer),
        ((), {"authority": BAD_SOA, "rcode": dns.rcode.NXDOMAIN}, NameNotFound),
    ],
)
async def test_a_record_that_makes_no_sense_spoils_nothing_else(resolve_by, good, more, told):
    async with serve_names(lambda query, transport: [_with_records(query, good, **more)]) as server:
        resolver = resolve_by(str(server.server), attempts=1)
        if isinstance(told, str):
            assert [record.text for record in (await resolver.resolve("a.test")).records] == [told]
        else:
            with pytest.raises(told):
                await resolver.resolve("a.test")


async def test_a_forger_who_does_not_know_the_spelling_does_not_win(resolve_by):
    def answer(query, transport):
        name = query.question[0].name
        if transport == "tcp":
            return respond(query, "abcdefghijklmnop.test. 60 IN A 192.0.2.1")
        forged = dns.message.make_query(name.to_text().swapcase(), "A", id=query.id)
        return [respond(forged, "abcdefghijklmnop.test. 60 IN A 192.0.2.66").to_wire()]

    async with serve_names(answer) as server:
        found = await resolve_by(str(server.server)).resolve("abcdefghijklmnop.test")
        assert (found.records[0].text, found.transport) == ("192.0.2.1", "tcp")


async def test_a_flood_of_guesses_ends_in_tcp(resolve_by):
    def answer(query, transport):
        if transport == "tcp":
            return respond(query, A)
        forged = respond(query, FORGED)
        guesses = []
        for difference in range(1, 40):
            forged.id = query.id ^ difference
            guesses.append(forged.to_wire())
        forged.id = query.id
        return [*guesses, forged.to_wire()]

    async with serve_names(answer) as server:
        found = await resolve_by(str(server.server)).resolve("a.test")
        assert (found.records[0].text, found.transport) == ("192.0.2.1", "tcp")


async def test_records_of_other_names_are_ignored(resolve_by):
    def answer(query, transport):
        response = respond(query, A, "b.test. 60 IN A 192.0.2.66", authority="b.test. 60 IN NS evil.test.")
        response.additional += respond(query, "b.test. 60 IN A 192.0.2.66").answer
        return response

    async with serve_names(answer) as server:
        resolver = resolve_by(str(server.server))
        assert [record.text for record in (await resolver.resolve("a.test")).records] == ["192.0.2.1"]
        assert len(resolver.cache) == 1


async def test_a_no_of_another_zone_is_not_kept(resolve_by):
    def answer(query, transport):
        soa = "elsewhere.test. 900 IN SOA ns.test. admin.test. 1 3600 600 86400 120"
        return respond(query, rcode=dns.rcode.NXDOMAIN, authority=soa)

    async with serve_names(answer) as server:
        resolver = resolve_by(str(server.server))
        with pytest.raises(MixError):
            await resolver.resolve("a.test")
        assert len(resolver.cache) == 0


async def test_a_referral_is_no_answer(resolve_by):
    async with serve_names(lambda query, transport: respond(query, authority="test. 60 IN NS ns.test.")) as server:
        with pytest.raises(ServerFailed, match="does not resolve"):
            await resolve_by(str(server.server), attempts=1).resolve("a.test")


@pytest.mark.parametrize("case", HOSTILE_ANSWERS)
async def test_hostile_answers_are_malformed(resolve_by, case):
    async with serve_names(hostile(case)) as server:
        with pytest.raises(MalformedAnswer):
            await resolve_by(str(server.server), attempts=2).resolve("a.test")


async def test_huge_answers_are_bounded_by_the_message_and_in_the_cache(resolve_by):
    text = dns.rdata.from_text("IN", "TXT", " ".join(['"' + "x" * 255 + '"'] * 250))

    def answer(query, transport):
        if transport == "udp":
            return respond(query, truncated=True)
        response = respond(query)
        response.answer.append(dns.rrset.from_rdata(query.question[0].name, 60, text))
        return response

    async with serve_names(answer) as server:
        resolver = resolve_by(str(server.server))
        for number in range(70):
            found = await resolver.resolve(f"n{number}.test", "TXT")
            assert len(found.records[0].data["text"]) == 250 * 255
        assert len(resolver.cache) < 66  # of 64 kB each


async def test_truncated_over_tcp_too(resolve_by):
    async with serve_names(lambda query, transport: respond(query, truncated=True)) as server:
        with pytest.raises(MalformedAnswer, match="cut off"):
            await resolve_by(str(server.server), attempts=1).resolve("a.test")


async def test_other_lookups_go_on_beside_a_hostile_server(resolve_by):
    def answer(query, transport):
        if query.question[0].name.to_text().lower() == "bad.test.":
            return [b"\xff" * 40] * 50
        return respond(query, "good.test. 60 IN A 192.0.2.1")

    network = KernelNetwork()
    async with serve_names(answer) as server:
        resolver = resolve_by(str(server.server), network=network, timeout_s=3)
        bad = asyncio.create_task(resolver.resolve("bad.test"))
        for _ in range(10):
            assert (await resolver.resolve("good.test", use_cache=False)).records
        with pytest.raises(MixError):
            await bad
    await until(lambda: all(socket._socket.fileno() == -1 for socket in network.datagram_sockets))


async def test_edns_is_left_out_for_a_server_that_does_not_understand_it(resolve_by):
    versions: list[int] = []

    def answer(query, transport):
        versions.append(query.edns)
        if query.edns >= 0:
            return respond(query, rcode=dns.rcode.FORMERR)
        return respond(query, A)

    async with serve_names(answer) as server:
        resolver = resolve_by(str(server.server))
        for _ in range(2):
            await resolver.resolve("a.test", use_cache=False)
        assert versions == [0, -1, -1]
