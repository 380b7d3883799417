"""`mix_dns` in Python through a local mixnet to a real unbound behind the exit."""

from __future__ import annotations

import asyncio

import pytest
from support.quiet_tunnel import quiet_options
from support.unbound import LONG_TXT, RECORDS, run_unbound
from support.waiting import until

from mix_dns import DnsAnswer, clear_dns_cache, disconnect_mix_tunnel, mix_dns, resolve, reverse, setup_mix_tunnel
from mix_fetch import mix_fetch
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.errors import MixError
from mix_tunnel.api import InvalidOption, get_mix_tunnel


@pytest.fixture(scope="module")
def unbound():
    with run_unbound() as server:
        yield server


@pytest.fixture
async def set_up():
    """Sets the shared tunnel up with these DNS servers, through a network of its own; gives the network."""
    async with LocalNetwork(NetworkOptions(allow_local=True)) as network:

        async def set_up(*servers: str, **options) -> LocalNetwork:
            await setup_mix_tunnel(quiet_options(network, dns_servers=servers, **options))
            return network

        yield set_up
        await disconnect_mix_tunnel()


def flows(network: LocalNetwork, kind: str) -> int:
    return network.exit.snapshot()["flows"].get(kind, 0)


async def test_the_published_function(unbound, set_up):
    await set_up(unbound.udp)
    assert await mix_dns("www.zone.test") in ("192.0.2.1", "192.0.2.2")
    assert await mix_dns("192.0.2.9") == "192.0.2.9"


async def test_the_pair_of_the_published_client(unbound, set_up):
    await set_up(primary_dns="127.0.0.1:9", fallback_dns=f"127.0.0.1:{unbound.port}")
    assert await mix_dns("ns.zone.test") == "192.0.2.53"


async def test_every_type_over_one_datagram_each(unbound, set_up):
    await set_up(unbound.udp)
    answers = await asyncio.gather(*(resolve(name, type) for name, type, _, _ in RECORDS))
    for answer, (_, type, ttl_s, parts) in zip(answers, RECORDS, strict=True):
        assert isinstance(answer, DnsAnswer)
        assert sorted((dict(record.data) for record in answer.records), key=str) == sorted(parts, key=str)
        assert {(record.type, record.ttl_s) for record in answer.records} == {(type, ttl_s)}
        assert answer.transport == "udp"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "https"])
async def test_every_transport(unbound, set_up, transport):
    network = await set_up(getattr(unbound, transport))
    long, alias = await asyncio.gather(resolve("long.zone.test", "TXT"), resolve("alias.zone.test"))
    assert tuple(long.records[0].data["strings"]) == LONG_TXT
    assert alias.canonical_name == "www.zone.test"
    assert [long.transport, alias.transport] == ["tcp" if transport == "udp" else transport, transport]
    assert flows(network, "tcp") == 1
    for name, type, code in (
        ("missing.zone.test", "A", "dns.name_not_found"),
        ("txt.zone.test", "A", "dns.no_address"),
        ("txt.zone.test", "MX", "dns.no_data"),
        ("a.refused.test", "A", "dns.query_refused"),
        ("outside.example", "A", "dns.server_failed"),
    ):
        with pytest.raises(MixError) as caught:
            await resolve(name, type)
        assert caught.value.code == code
    if transport != "udp":
        assert (flows(network, "tcp"), flows(network, "udp")) == (1, 0)


async def test_the_names_of_an_address(unbound, set_up):
    await set_up(unbound.tcp)
    assert [record.data["target"] for record in (await reverse("192.0.2.1")).records] == ["www.zone.test"]


async def test_answers_are_kept_and_forgotten(unbound, set_up):
    await set_up(unbound.udp)
    first = await resolve("www.zone.test")
    again = await resolve("WWW.zone.test.")
    anew = await resolve("www.zone.test", use_cache=False)
    clear_dns_cache()
    last = await resolve("www.zone.test")
    assert [answer.from_cache for answer in (first, again, anew, last)] == [False, True, False, False]
    assert again.elapsed_ms < first.elapsed_ms


async def test_a_fetch_uses_the_same_answers(unbound, set_up):
    await set_up(unbound.udp)
    await resolve("www.zone.test")
    clear_dns_cache()
    with pytest.raises(MixError) as caught:
        await mix_fetch("http://missing.zone.test/")
    assert caught.value.code == "dns.name_not_found"
    with pytest.raises(MixError):
        await mix_dns("missing.zone.test")
    assert len(get_mix_tunnel().resolver.cache) == 1


async def test_giving_up_leaves_no_connection_at_the_exit(unbound, set_up):
    network = await set_up(unbound.tcp)
    waiting = asyncio.create_task(resolve("a.silent.test"))
    await until(lambda: flows(network, "tcp") == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: flows(network, "tcp") == 0)
    assert (await resolve("www.zone.test")).records


async def test_a_limit_for_one_lookup(unbound, set_up):
    await set_up(unbound.udp)
    with pytest.raises(MixError) as caught:
        await resolve("a.silent.test", timeout_s=0.5)
    assert caught.value.code == "dns.timed_out"


async def test_an_exit_that_forbids_the_server(unbound):
    async with LocalNetwork(NetworkOptions()) as network:
        await setup_mix_tunnel(
            directory_url=network.directory_url,
            disable_cover_traffic=True,
            disable_poisson_traffic=True,
            dns_servers=(unbound.tcp,),
        )
        try:
            with pytest.raises(MixError) as caught:
                await mix_dns("www.zone.test")
            assert caught.value.code == "tunnel.exit_policy_denied"
        finally:
            await disconnect_mix_tunnel()


@pytest.mark.parametrize("servers", [("dns.test",), ("https://dns.test/dns-query",), ("udp://192.0.2.1#name",), (5,)])
async def test_servers_that_cannot_be_are_refused_before_anything_starts(servers):
    with pytest.raises(InvalidOption, match="dns_servers"):
        await setup_mix_tunnel(dns_servers=servers)
