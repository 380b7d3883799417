"""`mix dns` with a tunnel that answers from memory: what is asked, what is written, how it ends."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mix_dns.cli import dns_command
from mix_protocol.errors import MixError, NetworkFailure
from mix_tunnel.api import DnsAnswer, DnsRecord
from mix_tunnel.cli import running
from mix_tunnel.runtime.dns.errors import NameNotFound, NoData, ResolvingTimedOut, ServerFailed
from mix_tunnel.runtime.tls_errors import HandshakeFailed, WrongHost

RECORDS = (
    DnsRecord("MX", 300, "10 mail.b.test.", {"preference": 10, "exchange": "mail.b.test"}),
    DnsRecord("MX", 300, "20 mail.c.test.", {"preference": 20, "exchange": "mail.c.test"}),
)
ANSWER = DnsAnswer("a.test", "MX", "b.test", RECORDS, "192.0.2.53", "udp", False, 123.456)


class Tunnel:
    """Remembers what it was asked; answers, or fails."""

    def __init__(self) -> None:
        self.failure: MixError | None = None
        self.setup_failure: MixError | None = None
        self.asked: list[tuple[str, str]] = []
        self.options = None
        self.closed = 0
        self.http = self.resolver = self

    async def connect(self, options, *, on_state):
        self.options = options
        if self.setup_failure is not None:
            raise self.setup_failure
        return self

    async def resolve(self, name, type, *, timeout_s=None, use_cache=True):
        self.asked.append((name, type))
        if self.failure is not None:
            raise self.failure
        return ANSWER

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.closed += 1


@pytest.fixture
def tunnel(monkeypatch):
    tunnel = Tunnel()
    monkeypatch.setattr(running, "Tunnel", tunnel)
    return tunnel


@pytest.fixture
def run(tunnel):
    """Runs the command to a failure, or to its help."""

    def run(*arguments: str):
        return CliRunner().invoke(dns_command, arguments)

    return run


@pytest.fixture
def written(capfd, tunnel):
    """Runs the command to its end in order, and gives what it wrote to the descriptor of standard output."""

    def written(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            dns_command(list(arguments))
        assert ended.value.code in (0, None)
        return capfd.readouterr().out

    return written


def test_records_as_in_a_zone_file(written, tunnel):
    assert written("a.test", "mx") == (
        "; a.test. is an alias of b.test.\n"
        "b.test.\t300\tIN\tMX\t10 mail.b.test.\n"
        "b.test.\t300\tIN\tMX\t20 mail.c.test.\n"
        "; from 192.0.2.53 over UDP in 123 ms\n"
    )
    assert tunnel.asked == [("a.test", "MX")]
    assert tunnel.closed == 1


def test_short(written):
    assert written("--short", "a.test", "MX") == "10 mail.b.test.\n20 mail.c.test.\n"


def test_json(written):
    assert json.loads(written("--json", "a.test", "MX")) == {
        "name": "a.test",
        "type": "MX",
        "canonical_name": "b.test",
        "server": "192.0.2.53",
        "transport": "udp",
        "elapsed_ms": 123.456,
        "records": [
            {
                "type": "MX",
                "ttl": 300,
                "text": "10 mail.b.test.",
                "data": {"preference": 10, "exchange": "mail.b.test"},
            },
            {
                "type": "MX",
                "ttl": 300,
                "text": "20 mail.c.test.",
                "data": {"preference": 20, "exchange": "mail.c.test"},
            },
        ],
    }


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["a.test"], ("a.test", "A")),
        (["BÜCHER.test."], ("xn--bcher-kva.test", "A")),
        ([".", "ns"], (".", "NS")),
        (["-x", "192.0.2.1"], ("1.2.0.192.in-addr.arpa", "PTR")),
        (["-x", "2001:db8::1"], ("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR")),
        (["-x", "192.0.2.1", "ptr"], ("1.2.0.192.in-addr.arpa", "PTR")),
    ],
)
def test_what_is_asked(written, tunnel, arguments, asked):
    written(*arguments)
    assert tunnel.asked == [asked]


def test_servers_are_the_tunnels(written, tunnel):
    written("--server", "tls://192.0.2.53#dns.test", "--server", "192.0.2.54", "a.test")
    assert tunnel.options.dns_servers == ("tls://192.0.2.53#dns.test", "192.0.2.54")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "NAME"),
        (["a..test"], "can't be a name"),
        (["192.0.2.1"], "reverse"),
        (["a.test", "ANY"], "the type must be one of A, AAAA"),
        (["-x", "a.test"], "not an IP address"),
        (["-x", "192.0.2.1", "A"], "leave TYPE out"),
        (["--short", "--json", "a.test"], "one of --short and --json"),
        (["--server", "dns.test", "a.test"], "--server must be"),
        (["--timeout", "0", "a.test"], "timeout"),
    ],
)
def test_mistakes_are_found_before_anything_starts(run, tunnel, arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert tunnel.options is None


def test_onion_names_are_asked_of_nobody(run, tunnel):
    result = run("example.onion")
    assert result.exit_code == 6
    assert "Tor" in result.output
    assert tunnel.options is None


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (NameNotFound(), 6),
        (NoData(), 6),
        (ServerFailed(), 6),
        (ResolvingTimedOut(), 28),
        (HandshakeFailed(), 35),
        (WrongHost(), 60),
    ],
)
def test_each_failure_has_its_exit_code(run, tunnel, failure, code):
    tunnel.failure = failure
    result = run("a.test")
    assert (result.exit_code, result.output) == (code, f"mix: {failure} [{failure.code}]\n")
    assert tunnel.closed == 1


def test_no_tunnel(run, tunnel):
    tunnel.setup_failure = NetworkFailure()
    result = run("a.test")
    assert result.exit_code == 97
    assert "the tunnel can't be set up" in result.output


def test_the_help_teaches(run):
    result = run("--help")
    assert result.exit_code == 0
    for word in ("mix dns example.org MX", "Types:", "Servers:", "Exit codes:", "-x"):
        assert word in result.output
