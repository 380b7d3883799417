"""Many DNS servers, and hostile ones, through a local mixnet: turns, failover, what is kept and what is believed."""

from __future__ import annotations

import asyncio
import socket

import dns.message
import dns.rcode
import pytest
from support.hostile_names import HOSTILE_ANSWERS, hostile
from support.name_server import respond, serve_names
from support.ports import refusing_port
from support.quiet_tunnel import ask_each_server_once
from support.unbound import run_unbound

from mix_dns import mix_dns, resolve
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.errors import MixError
from mix_tunnel.options import TunnelOptions
from mix_tunnel.tunnel import Tunnel

ONE, FORGED = "192.0.2.1", "192.0.2.66"
SOA = "test. 900 IN SOA ns.test. admin.test. 1 3600 600 86400 120"


@pytest.fixture
async def tunnel_to():
    """Makes a tunnel that asks these servers."""
    async with LocalNetwork(NetworkOptions(allow_local=True)) as network:
        tunnels: list[Tunnel] = []

        async def make(*servers: str) -> Tunnel:
            options = TunnelOptions(
                directory_url=network.directory_url,
                disable_cover_traffic=True,
                disable_poisson_traffic=True,
                dns_servers=servers,
            )
            tunnels.append(await Tunnel.connect(options))
            ask_each_server_once(tunnels[-1])
            return tunnels[-1]

        yield make
        for tunnel in tunnels:
            await tunnel.close()


def is_one(query, transport):
    return respond(query, f"{query.question[0].name} 60 IN A {ONE}")


async def test_each_lookup_begins_with_the_next_server(tunnel_to):
    with run_unbound() as unbound:
        tunnel = await tunnel_to(unbound.udp, unbound.tcp)
        asked = (("www", "A"), ("ns", "A"), ("www", "AAAA"), ("bücher", "A"))
        answers = [await resolve(f"{label}.zone.test", type, tunnel=tunnel) for label, type in asked]
        assert [answer.transport for answer in answers] == ["udp", "tcp", "udp", "tcp"]
        assert answers[3].name == "xn--bcher-kva.zone.test"


async def test_a_server_that_is_away_costs_no_lookup(tunnel_to):
    async with serve_names(is_one) as server:
        with refusing_port() as away:
            tunnel = await tunnel_to(f"tcp://127.0.0.1:{away}", str(server.server))
            found = await asyncio.gather(*(mix_dns(f"n{number}.test", tunnel=tunnel) for number in range(6)))
        assert found == [ONE] * 6
        assert len(server.queries) == 6


CODES = {"missing.test": "dns.name_not_found", "empty.test": "dns.no_data", "broken.test": "dns.server_failed"}


async def test_a_no_is_kept_and_a_failure_is_not(tunnel_to):
    def answer(query, transport):
        name = query.question[0].name.to_text().lower()
        match name:
            case "missing.test.":
                return respond(query, rcode=dns.rcode.NXDOMAIN, authority=SOA)
            case "empty.test.":
                return respond(query, authority=SOA)
        return respond(query, rcode=dns.rcode.SERVFAIL)

    async with serve_names(answer) as server:
        tunnel = await tunnel_to(str(server.server))
        expected = {
            "missing.test": "dns.name_not_found",
            "empty.test": "dns.no_data",
            "broken.test": "dns.server_failed",
        }
        for name, code in expected.items():
            asked = []
            for _ in range(2):
                with pytest.raises(MixError) as caught:
                    await resolve(name, "MX", tunnel=tunnel)
                assert caught.value.code == code
                asked.append(sum(query == ("udp", name) for query in server.queries))
            assert asked[0] >= 1
            assert (asked[1] == asked[0]) == (name != "broken.test")


async def test_aliases_are_followed_over_several_answers_and_circles_end(tunnel_to):
    chain = {"a.test.": "b.test.", "b.test.": "c.test.", "x.test.": "y.test.", "y.test.": "x.test."}

    def answer(query, transport):
        name = query.question[0].name.to_text().lower()
        kind, target = ("CNAME", chain[name]) if name in chain else ("A", ONE)
        return respond(query, f"{name} 60 IN {kind} {target}")

    async with serve_names(answer) as server:
        tunnel = await tunnel_to(str(server.server))
        found = await resolve("a.test", tunnel=tunnel)
        assert (found.canonical_name, found.records[0].text) == ("c.test", ONE)
        with pytest.raises(MixError) as caught:
            await resolve("x.test", tunnel=tunnel)
        assert caught.value.code == "dns.malformed_answer"
        assert len(server.queries) < 30


async def test_hostile_answers_end_with_a_typed_error_and_disturb_nobody(tunnel_to):
    case = HOSTILE_ANSWERS[0]

    def answer(query, transport):
        is_good = query.question[0].name.to_text().lower() == "good.test."
        return is_one(query, transport) if is_good else hostile(case)(query, transport)

    async with serve_names(answer) as server:
        tunnel = await tunnel_to(str(server.server))
        for case in HOSTILE_ANSWERS:
            bad, good = await asyncio.gather(
                resolve("a.test", tunnel=tunnel),
                resolve("good.test", use_cache=False, tunnel=tunnel),
                return_exceptions=True,
            )
            assert isinstance(bad, MixError)
            assert (case, bad.code) == (case, "dns.malformed_answer")
            assert not isinstance(good, BaseException)
            assert good.records[0].text == ONE


async def test_forged_answers_are_not_believed(tunnel_to):
    def answer(query, transport):
        good = is_one(query, transport)
        if transport == "tcp":
            return good
        name = query.question[0].name.to_text()
        wrong_identifier = respond(query, f"{name} 60 IN A {FORGED}")
        wrong_identifier.id = query.id ^ 1
        other = dns.message.make_query("other.test", "A", id=query.id)
        other_spelling = dns.message.make_query(name.swapcase(), "A", id=query.id)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.sendto(respond(query, f"{name} 60 IN A {FORGED}").to_wire(), ("127.0.0.1", server.sources[-1]))
        forged = [wrong_identifier, respond(other, f"other.test. 60 IN A {FORGED}")]
        if name.lower().startswith("spelt"):
            forged.append(respond(other_spelling, f"{name} 60 IN A {FORGED}"))
        return [each.to_wire() for each in (*forged, good)]

    async with serve_names(answer) as server:
        tunnel = await tunnel_to(str(server.server))
        found = [await mix_dns(f"{label}.test", tunnel=tunnel) for label in ("a", "b", "spelt")]
        assert found == [ONE, ONE, ONE]
        assert len(set(server.identifiers)) > 1, "each question has an identifier of its own"


BAD_NAMES = ("", ".", "a..test", "a b.test", "-a.test", "x" * 64 + ".test", "a." * 127 + "test", "192.0.2", "ü\ud800")


async def test_what_cannot_be_a_name_is_not_asked_for(tunnel_to):
    async with serve_names(is_one) as server:
        tunnel = await tunnel_to(str(server.server))
        for name in (
            "",
            ".",
            "a..test",
            "a b.test",
            "x" * 64 + ".test",
            "a." * 127 + "test",
            "192.0.2",
            "ü\ud800",
        ):
            with pytest.raises(MixError) as caught:
                await mix_dns(name, tunnel=tunnel)
            assert caught.value.code == "dns.bad_name"
        assert server.queries == []
