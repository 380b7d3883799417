"""`mix_dns` in Python: thin, and on whichever tunnel it is told."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from support.kernel_tunnel import kernel_tunnel

from mix_dns import clear_dns_cache, mix_dns, resolve, reverse
from mix_protocol.errors import MixError

NAMES = {"a.test": "192.0.2.1"}


async def test_an_address():
    async with kernel_tunnel(NAMES) as tunnel:
        assert await mix_dns("A.test.", tunnel=tunnel) == "192.0.2.1"
        assert await mix_dns("192.0.2.9", tunnel=tunnel) == "192.0.2.9"
        assert await mix_dns("[2001:db8::9]", tunnel=tunnel) == "2001:db8::9"


async def test_records_and_the_cache():
    async with kernel_tunnel(NAMES) as tunnel:
        answers = [await resolve("a.test", "a", tunnel=tunnel) for _ in range(2)]
        answers.append(await resolve("a.test", use_cache=False, tunnel=tunnel))
        clear_dns_cache(tunnel=tunnel)
        answers.append(await resolve("a.test", tunnel=tunnel))
        assert [answer.from_cache for answer in answers] == [False, True, False, False]
        assert {answer.records[0].data["address"] for answer in answers} == {"192.0.2.1"}


@pytest.mark.parametrize("address", ["192.0.2.1", ip_address("192.0.2.1")])
async def test_names_of_an_address(address):
    async with kernel_tunnel(NAMES) as tunnel:
        with pytest.raises(MixError) as caught:
            await reverse(address, tunnel=tunnel)
        assert caught.value.code == "dns.name_not_found"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda tunnel: mix_dns(None, tunnel=tunnel), "dns.bad_name"),
        (lambda tunnel: mix_dns("a b", tunnel=tunnel), "dns.bad_name"),
        (lambda tunnel: resolve(7, tunnel=tunnel), "dns.bad_name"),
        (lambda tunnel: resolve("192.0.2.1", tunnel=tunnel), "dns.bad_name"),
        (lambda tunnel: resolve("a.onion", tunnel=tunnel), "dns.name_not_found"),
        (lambda tunnel: resolve("a.test", "ANY", tunnel=tunnel), "dns.bad_record_type"),
        (lambda tunnel: resolve("a.test", 1, tunnel=tunnel), "dns.bad_record_type"),
        (lambda tunnel: resolve("a.test", timeout_s="1", tunnel=tunnel), "dns.bad_option"),
        (lambda tunnel: resolve("a.test", timeout_s=0, tunnel=tunnel), "dns.bad_option"),
        (lambda tunnel: resolve("a.test", timeout_s=float("nan"), tunnel=tunnel), "dns.bad_option"),
        (lambda tunnel: resolve("a.test", use_cache=1, tunnel=tunnel), "dns.bad_option"),
        (lambda tunnel: reverse("a.test", tunnel=tunnel), "dns.bad_address"),
        (lambda tunnel: reverse(None, tunnel=tunnel), "dns.bad_address"),
        (lambda tunnel: mix_dns("a.test", tunnel="no such"), "tunnel.not_set_up"),
        (lambda tunnel: mix_dns("a.test", tunnel=5), "tunnel.invalid_option"),
    ],
)
async def test_wrong_arguments_are_refused_before_anything_is_sent(call, code):
    async with kernel_tunnel(NAMES) as tunnel:
        with pytest.raises(MixError) as caught:
            await call(tunnel)
        assert caught.value.code == code
        assert tunnel.network.datagram_sockets == []


async def test_cancelling_stops_the_lookup():
    async with kernel_tunnel(NAMES) as tunnel:
        waiting = asyncio.create_task(resolve("a.test", tunnel=tunnel))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await resolve("a.test", tunnel=tunnel)).records
