"""`mixDNS` and its sisters in a page, through the mixnet, to a real unbound over every transport."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.hostile_names import HOSTILE_ANSWERS, hostile
from support.name_server import Answerer, serve_names
from support.threaded import in_thread
from support.tls_server import authority, pem_of
from support.unbound import LONG_TXT, RECORDS, Unbound, run_unbound

PRELUDE = """
  const { mixDNS, resolve, reverse, clearDnsCache } = await import("/mix-dns/index.js");
  options.caCertificates = [options.caCertificates, values.ca].flat();
  const { dnsServers } = values;
  if (dnsServers && globalThis.dnsServersInUse !== dnsServers.join()) {
    await disconnectMixTunnel();
    await setupMixTunnel({ ...options, dnsServers });
    globalThis.dnsServersInUse = dnsServers.join();
  }
"""


@pytest.fixture(scope="module")
def unbound() -> Iterator[Unbound]:
    with run_unbound() as server:
        yield server


@pytest.fixture(scope="module")
def run(api: Any) -> Any:
    """Runs JavaScript in a page; with `dnsServers`, on a tunnel that asks these."""
    return lambda code, **values: api(PRELUDE + code, ca=pem_of(authority()), **values)


@pytest.fixture
def over_udp(run: Any, unbound: Unbound) -> Any:
    return lambda code, **values: run(code, dnsServers=[unbound.udp], **values)


def test_the_published_readmes_snippet(over_udp: Any):
    got = over_udp("""
      const ip = await mixDNS('ns.zone.test');
      return { ip, state: (await getTunnelState()).state, literal: await mixDNS("192.0.2.9") };
    """)
    assert got == {"ip": "192.0.2.53", "state": "ready", "literal": "192.0.2.9"}


def camel(value: Any) -> Any:
    """Parts as JavaScript calls them."""
    if isinstance(value, dict):
        return {
            head + "".join(word.title() for word in rest): camel(member)
            for name, member in value.items()
            for head, *rest in [name.split("_")]
        }
    return value


def test_every_type(over_udp: Any):
    answers = over_udp(
        "return Promise.all(values.asked.map(([name, type]) => resolve(name, type)));",
        asked=[[name, type] for name, type, _, _ in RECORDS],
    )
    for answer, (name, type, ttl_s, parts) in zip(answers, RECORDS, strict=True):
        assert (answer["name"], answer["type"], answer["canonicalName"]) == (name, type, name)
        assert (answer["transport"], answer["fromCache"]) == ("udp", False)
        data = [record["data"] for record in answer["records"]]
        assert sorted(data, key=str) == sorted(map(camel, parts), key=str)
        assert {(record["type"], record["ttl"]) for record in answer["records"]} == {(type, ttl_s)}


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "https"])
def test_every_transport(run: Any, unbound: Unbound, transport: str):
    got = run(
        """
          const [long, alias] = await Promise.all([resolve("long.zone.test", "TXT"), resolve("alias.zone.test")]);
          return { strings: long.records[0].data.strings, transports: [long.transport, alias.transport],
            canonicalName: alias.canonicalName, server: alias.server,
            missing: (await caught(resolve("missing.zone.test"))).code };
        """,
        dnsServers=[getattr(unbound, transport)],
    )
    assert tuple(got["strings"]) == LONG_TXT
    assert got["transports"] == ["tcp" if transport == "udp" else transport, transport]
    assert got["canonicalName"] == "www.zone.test"
    assert got["missing"] == "dns.name_not_found"


def test_each_failure_has_its_code(over_udp: Any):
    got = over_udp("""
      const fail = (name, type, options) => caught(resolve(name, type, options));
      return Promise.all([fail("missing.zone.test"), fail("txt.zone.test"), fail("www.zone.test", "MX"),
        fail("a.refused.test"), fail("outside.example"), fail("a.silent.test", "A", { timeoutMs: 700 }),
        fail("a..b"), fail("192.0.2.1"), fail("www.zone.test", "ANY"), caught(reverse("www.zone.test")),
        caught(mixDNS("a.onion"))]);
    """)
    assert [failure["code"] for failure in got] == [
        "dns.name_not_found",
        "dns.no_address",
        "dns.no_data",
        "dns.query_refused",
        "dns.server_failed",
        "dns.timed_out",
        "dns.bad_name",
        "dns.bad_name",
        "dns.bad_record_type",
        "dns.bad_address",
        "dns.name_not_found",
    ]
    for failure in got:
        assert failure["isTypeError"]
        assert failure["isMixError"]
        assert "zone.test" not in failure["message"]


def test_aborts(over_udp: Any):
    got = over_udp("""
      const early = await caught(mixDNS("www.zone.test", { signal: AbortSignal.abort() }));
      const controller = new AbortController();
      const pending = caught(resolve("a.silent.test", "A", { signal: controller.signal }));
      controller.abort();
      const timeout = await caught(mixDNS("b.silent.test", { signal: AbortSignal.timeout(300) }));
      return [early, await pending, timeout].map(({ name }) => name);
    """)
    assert got == ["AbortError", "AbortError", "TimeoutError"]


def test_the_cache(over_udp: Any):
    got = over_udp("""
      await clearDnsCache();
      const asked = () => resolve("www.zone.test", "AAAA").then(({ fromCache }) => fromCache);
      const seen = [await asked(), await asked()];
      seen.push((await resolve("www.zone.test", "AAAA", { cache: false })).fromCache);
      await clearDnsCache();
      return [...seen, await asked()];
    """)
    assert got == [False, True, False, False]


def test_names_of_an_address_and_in_other_scripts(over_udp: Any):
    got = over_udp("""
      const back = await reverse("192.0.2.1");
      return [back.records[0].data.target, back.name, await mixDNS("bücher.zone.test")];
    """)
    assert got == ["www.zone.test", "1.2.0.192.in-addr.arpa", "192.0.2.7"]


def test_servers_by_turns_and_one_that_is_away(run: Any, unbound: Unbound):
    asked = """
      const found = [];
      for (const [label, type] of [["www", "A"], ["ns", "A"], ["www", "AAAA"], ["bücher", "A"]])
        found.push((await resolve(`${label}.zone.test`, type)).transport);
      return found;
    """
    assert run(asked, dnsServers=[unbound.udp, unbound.tcp]) == ["udp", "tcp", "udp", "tcp"]
    assert run(asked, dnsServers=["tcp://127.0.0.1:9", unbound.udp]) == ["udp"] * 4


def test_hostile_answers(run: Any):
    with in_thread(serve_names(in_turn())) as server:
        codes = run(
            """
            const fail = (number) => caught(resolve(`n${number}.test`)).then((failure) => failure?.code);
            return Promise.all(Array.from({ length: values.count }, (_, number) => fail(number)));
            """,
            dnsServers=[str(server.server)],
            count=len(HOSTILE_ANSWERS),
        )
    assert codes == ["dns.malformed_answer"] * len(HOSTILE_ANSWERS)


def in_turn() -> Answerer:
    """Answers to n0.test, n1.test, … each in another hostile way."""
    answerers = [hostile(case) for case in HOSTILE_ANSWERS]

    def answer(query: Any, transport: str) -> Any:
        label = query.question[0].name.labels[0]
        return answerers[int(label[1:])](query, transport)

    return answer


def test_wrong_options_are_refused_by_name(run: Any):
    got = run("""
      const option = async (promise) => promise.catch((error) => error.fields.option);
      return [await option(resolve("a.test", "A", { timeoutMs: "1" })), await option(mixDNS(7)),
        await option(setupMixTunnel({ ...options, dnsServers: ["dns.test"], tunnel: "another" }))];
    """)
    assert got == ["timeoutMs", "hostname", "dnsServers"]
