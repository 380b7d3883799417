"""`mix fetch` as a user runs it: a process of its own, through a real local mixnet, to real servers."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.http_server import serve_answers, serve_conversations
from support.ports import refusing_port
from support.processes import BIN, local_network
from support.threaded import in_thread
from support.tls_server import authority, certificate, pem_of, server_context

BODY = hashlib.shake_256(b"three hundred thousand bytes").digest(300_000)
HOSTS = [argument for name in ("demo.test", "other.test") for argument in ("--host", f"{name}=127.0.0.1")]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """What `mix-network up --json` says, and under "ca" the file with the authority of its directory's https."""
    ca = tmp_path_factory.mktemp("network") / "ca.pem"
    with local_network("--allow-local", "--dns", "none", "--ca-out", str(ca), *HOSTS) as network:
        yield {**network, "ca": ca}


@pytest.fixture(scope="module")
def directory(network):
    return network["directory"]["http"]


@pytest.fixture(scope="module")
def cacert(tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_text(pem_of(authority()))
    return str(path)


async def demo_site(conversation, received):
    """What the site does with a path."""
    peer = conversation.writer.get_extra_info("peername")[0]
    match received.target:
        case "/large":
            await conversation.respond(body=BODY, Content_Type="application/octet-stream")
        case "/echo":
            await conversation.respond(body=received.body, X_Method=received.method)
        case "/peer":
            await conversation.respond(body=peer.encode())
        case "/once":
            await conversation.respond(302, Location="/peer")
        case "/circle":
            await conversation.respond(302, Location="/circle")
        case "/cut":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it")
            conversation.writer.close()
        case "/silence":
            await conversation.reader.read()
        case "/endless":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                await conversation.send(bytes(65_536))
        case _:
            await conversation.respond(404, b"no such page")


@pytest.fixture(scope="module")
def sites():
    """The demo site over http, and over https with good and bad certificates, as URLs by name."""
    contexts = {
        "http": None,
        "https": server_context(certificate("demo.test")),
        "expired": server_context(certificate("demo.test", validity="over")),
        "stranger": server_context(certificate("demo.test", ca="a stranger")),
    }
    with ExitStack() as stack:
        servers = {name: stack.enter_context(in_thread(serve_answers(demo_site, c))) for name, c in contexts.items()}
        yield {name: f"{server.scheme}://demo.test:{server.port}" for name, server in servers.items()}


class Ended:
    def __init__(self, completed: subprocess.CompletedProcess[bytes]) -> None:
        self.code = completed.returncode
        self.body = completed.stdout
        self.said = completed.stderr.decode()

    def check_failure(self, code: int) -> None:
        """The exit code, and one sentence without anything secret or technical."""
        assert (self.code, self.said.count("\n")) == (code, 1), self.said
        assert self.said.startswith("mix: ")
        assert "Traceback" not in self.said
        assert "demo.test" not in self.said


@pytest.fixture
def fetch(directory):
    def run(*arguments: str, stdin: bytes = b"") -> Ended:
        command = [BIN / "mix", "fetch", "--directory", directory, "--no-force-tls", "--no-cover", *arguments]
        return Ended(subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE_S))

    return run


def test_three_hundred_kilobytes_arrive_intact(fetch, sites, cacert, tmp_path):
    out = tmp_path / "large"
    ended = fetch("--cacert", cacert, "-o", str(out), sites["https"] + "/large")
    assert (ended.code, ended.body, ended.said) == (0, b"", "")
    assert hashlib.sha256(out.read_bytes()).hexdigest() == hashlib.sha256(BODY).hexdigest()


def test_with_cover_traffic_and_its_timing(directory, sites):
    """The defaults: slower, and just as right. A gateway on loopback needs no TLS, so nothing forces it off."""
    command = [BIN / "mix", "fetch", "--directory", directory, sites["http"] + "/peer"]
    completed = subprocess.run(command, capture_output=True, timeout=PATIENCE_S)
    assert (completed.returncode, completed.stdout) == (0, b"127.0.0.2"), completed.stderr


def test_the_site_sees_the_exit(fetch, sites):
    assert fetch(sites["http"] + "/peer").body == b"127.0.0.2"


def test_an_https_directory_of_a_private_authority(network, sites, cacert, tmp_path):
    """One file of certificates serves the directory and the site."""
    both = tmp_path / "both.pem"
    both.write_bytes(network["ca"].read_bytes() + Path(cacert).read_bytes())
    command = [BIN / "mix", "fetch", "--directory", network["directory"]["https"], sites["https"] + "/peer"]
    completed = subprocess.run([*command, "--cacert", both], capture_output=True, timeout=PATIENCE_S)
    assert (completed.returncode, completed.stdout) == (0, b"127.0.0.2"), completed.stderr
    Ended(subprocess.run(command, capture_output=True, timeout=PATIENCE_S)).check_failure(97)


def test_pinned_gateways_and_exits(network, fetch, sites):
    entry = network["entry_gateways"][0]["identity"]
    exit_gateway = network["exit_gateways"][0]
    pinned = ("--preferred-gateway", entry, "--preferred-ipr", exit_gateway["ip_packet_router"])
    assert fetch(*pinned, sites["http"] + "/peer").body == b"127.0.0.2"
    stranger = "2BuMSfMW3zpeAjKXyKLhmY4QW1DXurrtSPEJ6CjX3SEh"
    fetch("--preferred-gateway", stranger, sites["http"] + "/peer").check_failure(97)


def test_a_post_from_standard_input_with_headers(fetch, sites, cacert):
    ended = fetch("-i", "-d", "@-", "-H", "X-A: b", "--cacert", cacert, sites["https"] + "/echo", stdin=BODY[:50_000])
    head, _, body = ended.body.partition(b"\r\n\r\n")
    assert ended.code == 0
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 200 Reason"
    assert b"X-Method: POST" in head
    assert hashlib.sha256(body).hexdigest() == hashlib.sha256(BODY[:50_000]).hexdigest()


def test_a_redirect_is_followed(fetch, sites):
    assert fetch(sites["http"] + "/once").body == b"127.0.0.2"


def test_a_status_of_404_is_an_answer(fetch, sites):
    ended = fetch(sites["http"] + "/nothing")
    assert (ended.code, ended.body) == (0, b"no such page")


def test_a_private_authority_is_refused_without_its_certificate(fetch, sites):
    ended = fetch(sites["https"] + "/peer")
    ended.check_failure(60)
    assert "tls.unknown_issuer" in ended.said


@pytest.mark.parametrize(
    ("site", "error"), [("expired", "tls.certificate_expired"), ("stranger", "tls.unknown_issuer")]
)
def test_bad_certificates(fetch, sites, cacert, site, error):
    ended = fetch("--cacert", cacert, sites[site] + "/peer")
    ended.check_failure(60)
    assert error in ended.said


def test_a_wrong_host_name(fetch, sites, cacert):
    ended = fetch("--cacert", cacert, sites["https"].replace("demo", "other") + "/peer")
    ended.check_failure(60)
    assert "tls.wrong_host" in ended.said


def test_an_unknown_name(fetch):
    ended = fetch("http://nowhere.test/")
    ended.check_failure(6)
    assert "dns.name_not_found" in ended.said


def test_a_refused_port(fetch):
    with refusing_port() as port:
        fetch(f"http://demo.test:{port}/").check_failure(7)


def test_an_address_that_the_exit_refuses(fetch):
    fetch("http://10.1.2.3/").check_failure(7)


def test_a_cut_body_leaves_what_came(fetch, sites):
    ended = fetch(sites["http"] + "/cut")
    ended.check_failure(18)
    assert ended.body == b"half of it"


def test_a_circle_of_redirects(fetch, sites):
    fetch(sites["http"] + "/circle").check_failure(47)


def test_a_deadline(fetch, sites):
    fetch("--timeout", "4", sites["http"] + "/silence").check_failure(28)


def test_plain_http_where_tls_was_expected(fetch):
    async def plain(conversation):
        await conversation.reader.read(100)
        await conversation.respond(400)

    with in_thread(serve_conversations(plain)) as server:
        ended = fetch(f"https://demo.test:{server.port}/")
    ended.check_failure(35)
    assert "tls.not_tls" in ended.said


@contextmanager
def directory_that(talk):
    with in_thread(serve_conversations(talk)) as server:
        yield server.url("/api")


def test_wrong_directories(sites):
    async def garbage(conversation):
        await conversation.request()
        await conversation.send(b"\x00\xff garbage \r\n\r\n" * 10)

    async def not_found(conversation):
        await conversation.request()
        await conversation.respond(404, b"<html>")

    async def empty(conversation):
        while True:
            await conversation.request()
            await conversation.respond(200, b"{}", Content_Type="application/json")

    with (
        refusing_port() as port,
        directory_that(garbage) as first,
        directory_that(not_found) as second,
        directory_that(empty) as third,
    ):
        for url in (f"http://127.0.0.1:{port}/api", first, second, third):
            command = [BIN / "mix", "fetch", "--directory", url, sites["http"] + "/peer"]
            Ended(subprocess.run(command, capture_output=True, timeout=PATIENCE_S)).check_failure(97)


@pytest.mark.parametrize("pause_bytes", [0, 100_000])
def test_a_reader_that_leaves(directory, sites, pause_bytes):
    """As `mix fetch … | head` does: no traceback, and the program ends."""
    command = [BIN / "mix", "fetch", "--directory", directory, "--no-cover", sites["http"] + "/endless"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert len(process.stdout.read(pause_bytes)) == pause_bytes
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(PATIENCE_S), said) == (23, b"")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupting(directory, sites, number, code):
    command = [BIN / "mix", "fetch", "--directory", directory, "--no-cover", sites["http"] + "/endless"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(1000)
        process.send_signal(number)
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        assert process.wait(PATIENCE_S) == code
        drain.join()
        assert process.stderr.read() == b""


def test_interrupting_while_the_tunnel_comes_up(sites):
    asked = threading.Event()

    async def silence(conversation):
        await conversation.request()
        asked.set()
        await conversation.reader.read()

    with directory_that(silence) as url:
        command = [BIN / "mix", "fetch", "--directory", url, sites["http"] + "/peer"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert asked.wait(PATIENCE_S)
            process.send_signal(signal.SIGINT)
            assert (process.wait(PATIENCE_S), process.stderr.read()) == (130, b"")
        deadline = subprocess.run([*command, "--timeout", "2"], capture_output=True, timeout=PATIENCE_S)
        Ended(deadline).check_failure(28)


def test_the_progress_bar_on_a_terminal(directory, sites, tmp_path):
    """Standard error is a pseudo terminal: the steps of connecting and the bar appear there, the body does not."""
    ours, theirs = os.openpty()
    out = tmp_path / "large"
    command = [BIN / "mix", "fetch", "--directory", directory, "--no-cover", "-o", str(out), sites["http"] + "/large"]
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        shown = b""
        try:
            while piece := terminal.read(65_536):
                shown += piece
        except OSError:  # Linux: the other side is closed
            pass
        with process:
            assert process.stdout.read() == b""
        assert process.returncode == 0, shown
    assert b"connecting" in shown
    assert b"300.0/300.0 kB" in shown
    assert out.stat().st_size == len(BODY)
