"""TLS sessions are taken up again, by whom they were made for and as long as they are good."""

from __future__ import annotations

import asyncio
import ssl
import time
from ipaddress import IPv4Address

import pytest
from support.kernel import KernelNetwork
from support.tls_server import authority, certificate, pem_of, serve, server_context

from mix_tunnel.runtime.tls import TlsSettings, TlsStream, start_tls
from mix_tunnel.runtime.tls_errors import UnknownIssuer, WrongHost
from mix_tunnel.runtime.tls_sessions import MAX_AGE_S, MAX_KEYS, MAX_PER_KEY, TlsSessions

LOOPBACK = IPv4Address("127.0.0.1")
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


def settings() -> TlsSettings:
    return TlsSettings([pem_of(authority())])


def context_for(*names: str, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = server_context(certificate(*names), alpn=["h2", "http/1.1"])
    context.maximum_version = version
    return context


async def talk(
    port: int, trust: TlsSettings, host: str = "demo.test", alpn=("http/1.1",), *, key_port: int | None = 443
) -> TlsStream:
    """Connect, exchange a word, and close."""
    stream = await start_tls(await KernelNetwork().connect_tcp(LOOPBACK, port), trust, host, alpn, port=key_port)
    await stream.send(b"word")
    assert await stream.receive() == b"word"
    await stream.aclose()
    return stream


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_is_taken_up_again(version):
    context, trust = context_for("demo.test", version=version), settings()
    async with serve(echo, context) as port:
        assert [(await talk(port, trust)).resumed for _ in range(3)] == [False, True, True]
        assert context.session_stats()["hits"] == 2


@pytest.mark.parametrize("version", VERSIONS)
async def test_without_tickets(version):
    context, trust = context_for("demo.test", version=version), settings()
    context.options |= ssl.OP_NO_TICKET
    async with serve(echo, context) as port:
        assert [(await talk(port, trust)).resumed for _ in range(2)] == [False, True]


async def test_a_session_is_only_for_its_host_port_protocols_and_settings():
    context, trust = context_for("demo.test", "other.test"), settings()
    async with serve(echo, context) as port:
        await talk(port, trust)
        assert not (await talk(port, trust, "other.test")).resumed
        assert not (await talk(port, trust, alpn=("h2", "http/1.1"))).resumed
        assert not (await talk(port, trust, key_port=8443)).resumed
        assert not (await talk(port, settings())).resumed
        assert not (await talk(port, trust, key_port=None)).resumed
        assert (await talk(port, trust)).resumed  # it was kept all the while


async def test_a_session_never_replaces_the_check_of_the_host_name():
    """A server that would take the session up for any name it is asked for still has to prove each one."""
    context, trust = context_for("demo.test"), settings()
    async with serve(echo, context) as port:
        await talk(port, trust)
        assert (await talk(port, trust)).resumed
        with pytest.raises(WrongHost):
            await talk(port, trust, "other.test")
        assert (await talk(port, trust)).resumed


async def test_a_session_does_not_carry_trust_to_those_who_do_not_trust():
    context, trust = context_for("demo.test"), settings()
    async with serve(echo, context) as port:
        await talk(port, trust)
        with pytest.raises(UnknownIssuer):
            await talk(port, TlsSettings())


async def test_each_session_of_tls_1_3_is_offered_once():
    context, trust = context_for("demo.test"), settings()
    async with serve(echo, context) as port:
        await talk(port, trust)
        assert len(trust.sessions) == 1
        results = await asyncio.gather(*(talk(port, trust) for _ in range(3)))
        assert sorted(stream.resumed for stream in results) == [False, False, True]
        assert len(trust.sessions) == 3


async def test_a_server_that_forgot_its_keys_gets_a_whole_handshake():
    trust = settings()
    async with serve(echo, context_for("demo.test")) as port:
        await talk(port, trust)
    async with serve(echo, context_for("demo.test")) as port:
        assert not (await talk(port, trust)).resumed
        assert (await talk(port, trust)).resumed


async def test_a_connection_without_a_word_from_the_server_leaves_no_session():
    context, trust = context_for("demo.test"), settings()
    async with serve(echo, context) as port:
        network = KernelNetwork()
        stream = await start_tls(await network.connect_tcp(LOOPBACK, port), trust, "demo.test", ("http/1.1",), port=443)
        stream.abort()
        assert len(trust.sessions) == 0


# --- how long, and how many


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Session:
    """What OpenSSL says about a session."""

    def __init__(self, *, ticket: bool = True, lifetime_s: int = 7_200) -> None:
        self.has_ticket = ticket
        self.ticket_lifetime_hint = lifetime_s
        self.timeout = 300


class Connection:
    """A verified connection with a session."""

    def __init__(self, session: Session | None, version: str = "TLSv1.3", not_after: str = "") -> None:
        self.session = session
        self._version = version
        self._not_after = not_after or "Jan  1 00:00:00 2099 GMT"

    def version(self) -> str:
        return self._version

    def getpeercert(self) -> dict[str, str]:
        return {"notAfter": self._not_after}


def test_a_session_ends_with_its_time():
    clock = Clock()
    sessions = TlsSessions(clock)
    sessions.keep(("a",), Connection(Session(lifetime_s=100)))
    clock.now += 99
    session = sessions.take(("a",))
    assert session is not None
    sessions.keep(("a",), Connection(Session(lifetime_s=100)))
    clock.now += 100
    assert sessions.take(("a",)) is None
    assert len(sessions) == 0


def test_no_session_is_kept_for_longer_than_an_hour():
    clock = Clock()
    sessions = TlsSessions(clock)
    sessions.keep(("a",), Connection(Session(lifetime_s=604_800)))
    clock.now += MAX_AGE_S
    assert sessions.take(("a",)) is None


def test_a_session_ends_with_its_certificate():
    clock = Clock()
    sessions = TlsSessions(clock)
    soon = time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime(clock.now + 10))
    sessions.keep(("a",), Connection(Session(), not_after=soon))
    clock.now += 11
    assert sessions.take(("a",)) is None


def test_a_session_without_a_certificate_is_of_no_use():
    sessions = TlsSessions()
    connection = Connection(Session())
    connection.getpeercert = dict
    sessions.keep(("a",), connection)
    assert sessions.take(("a",)) is None


def test_what_is_no_session_yet():
    sessions = TlsSessions()
    assert not sessions.keep(("a",), Connection(None))
    assert not sessions.keep(("a",), Connection(Session(ticket=False)))
    assert sessions.keep(("a",), Connection(Session(ticket=False), version="TLSv1.2"))


def test_memory_is_bounded():
    sessions = TlsSessions()
    for number in range(MAX_KEYS + 10):
        for _ in range(MAX_PER_KEY + 3):
            sessions.keep((number,), Connection(Session()))
    assert len(sessions) == MAX_KEYS * MAX_PER_KEY
    assert sessions.take((0,)) is None
    assert sessions.take((MAX_KEYS,)) is not None
