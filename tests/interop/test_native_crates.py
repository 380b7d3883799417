"""Nym's own clients for native programs, of the crates `nym-sdk` and `nym-smolmix`, drive our network.

They take an hour to build, so `make interop-native` alone asks them.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dns.message
import dns.rcode
import pytest
from support.echo_servers import EchoServers
from support.judge import NATIVE, LineJudge, build_judge
from support.processes import BIN, local_network
from support.servers import HttpServer, pattern, serve_http
from support.threaded import in_thread
from support.tls_server import authority, certificate, pem_of, server_context
from support.websocket_server import echo, serving

pytestmark = pytest.mark.timeout(7200)  # a first build takes an hour and more

NAMED = ["--allow-local", "--host", "demo.test=127.0.0.1", "--dns", "none"]
SMALL, LARGE = pattern(20_000), pattern(300_000)
ANY_NAME_SERVER = "1.1.1.1:53"  # the exit answers by itself, whoever is asked
_names = count()


@dataclass
class Native:
    """A network and a program with their clients in it."""

    network: dict[str, Any]
    name: str
    judge: LineJudge

    def ask(self, question: str, **details: Any) -> dict[str, Any]:
        """The answer to a question; an error ends the test."""
        answer = self.judge.ask(question, **details)
        assert "error" not in answer, answer["error"]
        return answer

    def connect(self, folder: Path | None = None) -> tuple[str, str]:
        """A new client's name and address."""
        client = f"client {next(_names)}"
        return client, self.ask("connect", client=client, folder=folder and str(folder))["address"]

    def order(self, *command: str) -> None:
        """A command for the running network."""
        subprocess.run([BIN / "mix-network", *command, "--network", self.name], check=True, capture_output=True)


@contextmanager
def _native(folder: Path, *options: str) -> Iterator[Native]:
    build_judge(NATIVE)
    name, certificate_file = f"judged-{next(_names)}", folder / "authority.pem"
    with local_network("--name", name, "--ca-out", str(certificate_file), *NAMED, *options) as network:
        found = {
            "DIRECTORY_URL": network["directory"]["http"],
            "DIRECTORY_HTTPS": urlsplit(network["directory"]["https"]).netloc,
            "DIRECTORY_AUTHORITY": str(certificate_file),
        }
        judge = LineJudge(NATIVE, environment=found)
        try:
            yield Native(network, name, judge)
        finally:
            judge.close()


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    with _native(tmp_path_factory.mktemp("native")) as native:
        yield native


@contextmanager
def _clients(native: Native, number: int) -> Iterator[list[tuple[str, str]]]:
    clients = [native.connect() for _ in range(number)]
    yield clients
    for client, _ in clients:
        native.ask("disconnect", client=client)


@pytest.fixture(scope="module")
def pair(native: Native) -> Iterator[list[tuple[str, str]]]:
    """Two connected clients: names and addresses."""
    with _clients(native, 2) as clients:
        yield clients


# -- Messages


def test_a_message_to_oneself(native: Native, pair: list[tuple[str, str]]):
    """A client registers and writes to itself"""
    client, address = pair[0]
    native.ask("send", client=client, to=address, data=b"hello".hex(), surbs=10)
    received = native.ask("receive", client=client)
    assert bytes.fromhex(received["data"]) == b"hello"
    assert received["tag"]


def test_two_clients(native: Native, pair: list[tuple[str, str]]):
    """Two clients write to each other, each message with its sender's address inside"""
    for (client, _), (other, address) in (pair, pair[::-1]):
        text = f"from {client}".encode()
        native.ask("send", client=client, to=address, data=text.hex(), surbs=None)
        assert native.ask("receive", client=other) == {"data": text.hex(), "tag": None}


@pytest.mark.parametrize("size", [10, 100_000], ids=["10 bytes", "100 kB, for which more reply SURBs are asked"])
def test_reply(native: Native, pair: list[tuple[str, str]], size: int):
    """A reply by sender tag ({id})"""
    (client, _), (other, address) = pair
    native.ask("send", client=client, to=address, data=b"who am I?".hex(), surbs=10)
    tag = native.ask("receive", client=other)["tag"]
    reply = pattern(size)
    native.ask("reply", client=other, tag=tag, data=reply.hex())
    assert bytes.fromhex(native.ask("receive", client=client)["data"]) == reply


def test_100_kb(native: Native, pair: list[tuple[str, str]]):
    """A message of 100 kB"""
    (client, _), (other, address) = pair
    native.ask("send", client=client, to=address, data=LARGE[:100_000].hex(), surbs=10)
    assert bytes.fromhex(native.ask("receive", client=other)["data"]) == LARGE[:100_000]


def test_keys_on_disk(native: Native, pair: list[tuple[str, str]], tmp_path: Path):
    """A client with its keys on disk is away and comes back: what was sent meanwhile is there"""
    sender, _ = pair[0]
    client, address = native.connect(tmp_path)
    native.ask("disconnect", client=client)
    native.ask("send", client=sender, to=address, data=b"meanwhile".hex(), surbs=None)
    back, same_address = native.connect(tmp_path)
    assert same_address == address
    assert bytes.fromhex(native.ask("receive", client=back)["data"]) == b"meanwhile"
    native.ask("disconnect", client=back)


def test_the_gateway_restarts(native: Native, pair: list[tuple[str, str]]):
    """The gateway restarts: clients come back by themselves, and write on"""
    names = {
        gateway["identity"]: name
        for name in ("entry", "exit")  # which both take clients
        for gateway in native.network[f"{name}_gateways"]
    }
    for identity in {address.partition("@")[2] for _, address in pair}:
        native.order("restart", names[identity])
    test_two_clients(native, pair)


# -- Streams of the SDK


@pytest.fixture
def streams(native: Native) -> Iterator[tuple[str, str]]:
    """A stream between two clients: what either calls it. Clients with streams take no other messages."""
    with _clients(native, 2) as ((client, _), (other, address)):
        stream = (f"stream {next(_names)}", f"stream {next(_names)}")
        native.ask("listen", client=other)
        native.ask("open_stream", client=client, to=address, stream=stream[0])
        native.ask("accept", client=other, stream=stream[1])
        yield stream


def test_stream(native: Native, streams: tuple[str, str]):
    """A stream: 20 kB there, and 20 kB back by reply SURBs"""
    for writer, reader in (streams, streams[::-1]):
        for start in range(0, len(SMALL), 1000):
            native.ask("write", stream=writer, data=SMALL[start : start + 1000].hex())
        read = native.ask("read", stream=reader, length=len(SMALL))["data"]
        assert hashlib.sha256(bytes.fromhex(read)).digest() == hashlib.sha256(SMALL).digest()


# -- smolmix: through an exit


@pytest.fixture(scope="module")
def site() -> Iterator[HttpServer]:
    kind = "application/octet-stream"
    with serve_http({"/20k": (kind, SMALL), "/300k": (kind, LARGE)}) as server:
        yield server


@pytest.fixture(scope="module")
def echoes() -> Iterator[EchoServers]:
    servers = EchoServers()
    yield servers
    servers.close()


# 1.36 is the last version that is asked for IPR protocol 9, 1.37 the first that is asked for 10.
@pytest.fixture(scope="module", params=["1.36.0", "1.37.0"])
def tunnelled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    """A tunnel through the exit that it found by itself."""
    with _native(tmp_path_factory.mktemp("tunnelled"), "--advertise-version", request.param) as native:
        addresses = native.ask("tunnel", exit=None)
        assert {ip_address(addresses[kind]).version for kind in ("ipv4", "ipv6")} == {4, 6}
        yield native
        native.ask("close_tunnel")


@pytest.mark.parametrize(("path", "body"), [("20k", SMALL), ("300k", LARGE)])
def test_tcp(tunnelled: Native, site: HttpServer, path: str, body: bytes):
    """smolmix, TCP: GET of {path}B (exit of version {tunnelled})"""
    request = f"GET /{path} HTTP/1.1\r\nHost: demo.test\r\nConnection: close\r\n\r\n".encode()
    answer = tunnelled.ask("tcp", address=f"127.0.0.1:{site.port}", data=request.hex())
    head, _, received = bytes.fromhex(answer["data"]).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert hashlib.sha256(received).digest() == hashlib.sha256(body).digest()
    assert site.peers == {"127.0.0.2"}


def test_udp(tunnelled: Native, echoes: EchoServers):
    """smolmix, UDP: datagrams of 1 to 1,200 bytes (exit of version {tunnelled})"""
    sent = [b"a", b"hello " * 10, b"x" * 1200]
    answer = tunnelled.ask("udp", address=f"127.0.0.1:{echoes.udp}", datagrams=[data.hex() for data in sent])
    assert [bytes.fromhex(text) for text in answer["datagrams"]] == [data.upper() for data in sent]


def test_dns(tunnelled: Native):
    """smolmix, UDP: DNS for a known name and an unknown one (exit of version {tunnelled})"""
    queries = [dns.message.make_query(name, "A") for name in ("demo.test", "unknown.test")]
    answer = tunnelled.ask("udp", address=ANY_NAME_SERVER, datagrams=[query.to_wire().hex() for query in queries])
    known, unknown = (dns.message.from_wire(bytes.fromhex(text)) for text in answer["datagrams"])
    assert [record.to_text() for record in known.answer[0]] == ["127.0.0.1"]
    assert unknown.rcode() == dns.rcode.NXDOMAIN


def test_websocket(tunnelled: Native):
    """smolmix, TCP: TLS and WebSocket, messages of 1 byte to 50 kB (exit of version {tunnelled})"""
    sent = [pattern(size) for size in (1, 1000, 50_000)]
    with in_thread(serving(echo, server_context(certificate("demo.test")), max_size=None)) as port:
        answer = tunnelled.ask(
            "web_socket",
            address=f"127.0.0.1:{port}",
            name="demo.test",
            authority=pem_of(authority()),
            messages=[data.hex() for data in sent],
        )
    assert [bytes.fromhex(text) for text in answer["messages"]] == sent
