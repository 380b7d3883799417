"""DNS servers as texts."""

from __future__ import annotations

import pytest

from mix_tunnel.options import InvalidOption, TunnelOptions
from mix_tunnel.runtime.dns.errors import BadDnsServer
from mix_tunnel.runtime.dns.resolver import ResolverOptions
from mix_tunnel.runtime.dns.servers import MAX_SERVERS, DnsServer, parse_servers


@pytest.mark.parametrize(
    ("text", "normal", "label"),
    [
        ("192.0.2.1", "udp://192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5353", "udp://192.0.2.1:5353", "192.0.2.1:5353"),
        ("udp://192.0.2.1:53", "udp://192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "udp://[2001:db8::1]", "[2001:db8::1]"),
        ("[2001:db8::1]:54", "udp://[2001:db8::1]:54", "[2001:db8::1]:54"),
        ("tcp://192.0.2.1", "tcp://192.0.2.1", "192.0.2.1"),
        ("tls://192.0.2.1", "tls://192.0.2.1", "192.0.2.1"),
        ("tls://192.0.2.1:853#DNS.test", "tls://192.0.2.1#dns.test", "192.0.2.1#dns.test"),
        ("https://dns.test", "https://dns.test/dns-query", "https://dns.test/dns-query"),
        ("https://dns.test/q?a=1#192.0.2.1", "https://dns.test/q?a=1#192.0.2.1", "https://dns.test/q?a=1"),
        ("https://192.0.2.1:8443/q", "https://192.0.2.1:8443/q", "https://192.0.2.1:8443/q"),
    ],
)
def test_what_can_be_written(text, normal, label):
    server = DnsServer.parse(text)
    assert (str(server), server.label) == (normal, label)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dns.test",
        "udp://dns.test",
        "tls://dns.test",
        "udp://192.0.2.1#name",
        "udp://192.0.2.1/path",
        "tls://192.0.2.1#not a name",
        "https://192.0.2.1/q#192.0.2.2",
        "https://dns.test/q#name",
        "https://user@dns.test/q",
        "http://dns.test/q",
        "quic://192.0.2.1",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:",
        "tls://fe80::1",
        "udp://[fe80::1%25eth0]",
        "192.0.2.1\n",
        "https://dns.test/\u00e4",
    ],
)
def test_what_cannot(text):
    with pytest.raises(BadDnsServer):
        DnsServer.parse(text)


def test_somebody_must_know_an_address():
    with pytest.raises(BadDnsServer, match="with its address"):
        parse_servers(["https://a.test/q", "https://b.test/q"])
    assert len(parse_servers(["https://a.test/q", "192.0.2.1"])) == 2


def test_there_is_a_limit():
    with pytest.raises(BadDnsServer, match="too many"):
        parse_servers(["192.0.2.1"] * (MAX_SERVERS + 1))


def test_the_tunnels_option():
    options = TunnelOptions(dns_servers=["tls://192.0.2.1#dns.test", "192.0.2.2"], dns_timeout_ms=1500)
    resolving = ResolverOptions.from_tunnel(options)
    assert [server.transport for server in resolving.servers] == ["tls", "udp"]
    assert (resolving.rotate, resolving.timeout_s) == (True, 1.5)
    pair = ResolverOptions.from_tunnel(TunnelOptions(primary_dns="192.0.2.3:54"))
    assert [str(server) for server in pair.servers] == ["udp://192.0.2.3:54", "udp://1.1.1.1"]
    assert not pair.rotate


@pytest.mark.parametrize("value", ["192.0.2.1", ("dns.test",), (1,), None, ("https://a.test/q",)])
def test_a_wrong_option_is_refused_by_name(value):
    with pytest.raises(InvalidOption, match="dns_servers must be a list"):
        TunnelOptions(dns_servers=value)
