"""The resolver against a real unbound on loopback: every type, over every transport."""

from __future__ import annotations

import asyncio

import pytest
from support.kernel import KernelNetwork
from support.unbound import LONG_TXT, NAME, RECORDS, ZONE, run_unbound

from mix_protocol.errors import MixError
from mix_tunnel.runtime.dns.errors import HttpsRefused, NameNotFound, NoAddress, NoData, QueryRefused, ServerFailed
from mix_tunnel.runtime.tls import TlsSettings
from mix_tunnel.runtime.tls_errors import UnknownIssuer, WrongHost

WWW = "www.zone.test"
TRANSPORTS = ["udp", "tcp", "tls", "https"]


@pytest.mark.parametrize(("name", "type", "ttl_s", "parts"), RECORDS, ids=[record[1] for record in RECORDS])
async def test_every_type(unbound, resolve_by, name, type, ttl_s, parts):
    answer = await resolve_by(unbound.udp).resolve(name, type.lower())
    assert sorted((dict(record.data) for record in answer.records), key=str) == sorted(parts, key=str)
    assert {(record.type, record.ttl_s) for record in answer.records} == {(type, ttl_s)}
    assert (answer.name, answer.type, answer.canonical_name) == (name, type, name)
    assert (answer.transport, answer.from_cache) == ("udp", False)
    assert all(record.text for record in answer.records)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_transport(unbound, resolve_by, transport):
    resolver = resolve_by(getattr(unbound, transport))
    answers = await asyncio.gather(*(resolver.resolve(name, type) for name, type, _, _ in RECORDS))
    for answer, (_, _, _, parts) in zip(answers, RECORDS, strict=True):
        assert answer.transport == transport
        assert len(answer.records) == len(parts)
    with pytest.raises(NameNotFound):
        await resolver.resolve("missing.zone.test", "MX")
    with pytest.raises(NoData):
        await resolver.resolve("www.zone.test", "MX")
    with pytest.raises(QueryRefused):
        await resolver.resolve("a.refused.test")
    with pytest.raises(ServerFailed):
        await resolver.resolve("outside.example")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_udp_cannot_carry(unbound, resolve_by, transport):
    answer = await resolve_by(getattr(unbound, transport)).resolve("long.zone.test", "TXT")
    assert tuple(answer.records[0].data["strings"]) == LONG_TXT
    assert answer.transport == ("tcp" if transport == "udp" else transport)


@pytest.mark.parametrize("transport", ["tcp", "tls", "https"])
async def test_one_connection_for_many_questions(unbound, resolve_by, transport):
    network = KernelNetwork()
    resolver = resolve_by(getattr(unbound, transport), network=network)
    await asyncio.gather(*(resolver.resolve(name, type) for name, type, _, _ in RECORDS))
    await resolver.resolve("alias.zone.test")
    assert len(network.streams) == 1
    assert network.datagram_sockets == []
    await resolver.aclose()
    assert network.streams[0].aborted or network.streams[0].closed


async def test_an_alias_leads_to_its_addresses(unbound, resolve_by):
    answer = await resolve_by(unbound.udp).resolve("alias.zone.test")
    assert answer.canonical_name == WWW
    assert sorted(record.text for record in answer.records) == ["192.0.2.1", "192.0.2.2"]


async def test_an_alias_to_a_name_without_such_a_record(unbound, resolve_by):
    with pytest.raises(NoData):
        await resolve_by(unbound.udp).resolve("alias.zone.test", "MX")


async def test_names_in_other_scripts(unbound, resolve_by):
    answer = await resolve_by(unbound.udp).resolve("BÜCHER.zone.test.")
    assert answer.name == "xn--bcher-kva.zone.test"
    assert answer.records[0].text == "192.0.2.7"


async def test_names_of_an_address(unbound, resolve_by):
    resolver = resolve_by(unbound.udp)
    answer = await resolver.reverse("192.0.2.1")
    assert [record.data["target"] for record in answer.records] == [WWW]
    with pytest.raises(NameNotFound):
        await resolver.reverse("192.0.2.200")


async def test_a_no_is_kept_as_the_zone_says(unbound, resolve_by):
    resolver = resolve_by(unbound.udp)
    for name, type, error in (("no.zone.test", "A", NameNotFound), ("txt.zone.test", "A", NoAddress)):
        with pytest.raises(error):
            await resolver.resolve(name, type)
    assert len(resolver.cache) == 2
    assert resolver.cache.get("no.zone.test", "MX", 0.0).answer.ttl_s == 120  # the SOA's minimum, not its TTL


@pytest.mark.parametrize(
    ("server", "error"),
    [
        ("tls://127.0.0.1:{tls}#other.test", WrongHost),
        ("https://other.test:{https}/dns-query#127.0.0.1", WrongHost),
        ("https://dns.test:{https}/elsewhere#127.0.0.1", HttpsRefused),
        ("tls://127.0.0.1:{tls}", None),
        ("https://127.0.0.1:{https}/dns-query", None),
    ],
)
async def test_the_certificate_must_be_for_the_server(unbound, resolve_by, server, error):
    resolver = resolve_by(server.format(tls=unbound.tls_port, https=unbound.https_port))
    if error is None:
        assert (await resolver.resolve(WWW)).records
    else:
        with pytest.raises(error):
            await resolver.resolve(WWW)


async def test_a_strange_authority_is_not_believed(unbound, resolve_by):
    resolver = resolve_by(unbound.tls)
    resolver._tls = TlsSettings()
    with pytest.raises(UnknownIssuer):
        await resolver.resolve(WWW)


async def test_the_address_of_an_https_server_comes_from_another(unbound, resolve_by):
    network = KernelNetwork()
    with run_unbound((*ZONE, f"{NAME}. 60 IN A 127.0.0.1")) as teller:
        https = unbound.https.partition("#")[0]
        resolver = resolve_by(https, teller.udp, network=network, rotate=True)
        answer = await resolver.resolve(WWW)
        assert (answer.transport, answer.server) == ("https", https)
        assert len(network.datagram_sockets) == 1
        # The next in turn is the other one; then the first again, whose connection is kept.
        assert (await resolver.resolve(WWW, "AAAA")).transport == "udp"
        assert (await resolver.resolve("zone.test", "MX")).transport == "https"
        assert len(network.streams) == 1


async def test_a_dead_server_is_passed_over(unbound, resolve_by):
    resolver = resolve_by("tcp://127.0.0.1:9", unbound.tls, rotate=True)
    for name, type, _, _ in RECORDS:
        assert (await resolver.resolve(name, type)).transport == "tls"
    first, second = resolver._upstreams
    assert first.is_resting(resolver._now())
    assert not second.is_resting(resolver._now())


async def test_all_dead(resolve_by):
    with pytest.raises(MixError) as caught:
        await resolve_by("tcp://127.0.0.1:9", "tls://127.0.0.1:9").resolve(WWW)
    assert caught.value.code == "tcp.kernel"
