"""`mix ws` as a user runs it: a process of its own, through a real local mixnet, to real servers."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import threading
from contextlib import ExitStack, closing, contextmanager

import pytest
from support.processes import BIN, local_network
from support.threaded import in_thread
from support.tls_server import authority, certificate, pem_of, serve, server_context
from support.websocket_server import answering, drain, serving, speaking
from websockets.asyncio.server import ServerConnection

HOSTS = [argument for name in ("demo.test", "other.test") for argument in ("--host", f"{name}=127.0.0.1")]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """`mix ws` with what a local network needs."""
    ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.write_text(pem_of(authority()))
    with local_network("--allow-local", "--dns", "none", *HOSTS) as network:
        directory = network["directory"]["http"]
        yield [str(BIN / "mix"), "ws", "--directory", directory, "--no-cover", "--cacert", str(ca)]


async def converse(websocket: ServerConnection) -> None:
    """What the demo site does with a path."""
    headers = websocket.request.headers
    match websocket.request.path:
        case "/headers":
            asked = [headers.get(name, "none") for name in ("X-Token", "Origin", "Sec-WebSocket-Extensions")]
            await websocket.send(" ".join([*asked, str(websocket.subprotocol)]))
        case "/bytes":
            await websocket.send(b"\x00\xff\n")
        case "/leave":
            await websocket.send("bye")
        case "/throw-out":
            await websocket.close(4000, "enough")
        case _:
            async for message in websocket:
                await websocket.send(message)


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await drain(reader, writer)


@pytest.fixture(scope="module")
def sites():
    """URLs by name."""
    good = server_context(certificate("demo.test"))
    strange = server_context(certificate("demo.test", ca="a stranger"))
    servers = {
        "wss": serving(converse, good, select_subprotocol=lambda server, offered: offered[-1] if offered else None),
        "ws": serving(converse),
        "stranger": serving(converse, strange),
        "refusing": answering(lambda request: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", drain),
        "no http": answering(lambda request: b"SSH-2.0-OpenSSH\r\n", drain),
        "no tls": serve(hang_up),
        "silent": serve(drain),
        "cutting": speaking(b"\x81\x03cut", then=cut),
    }
    with ExitStack() as stack:
        ports = {name: stack.enter_context(in_thread(server)) for name, server in servers.items()}
        schemes = {name: "wss" if name in ("wss", "stranger", "no tls") else "ws" for name in servers}
        yield {name: f"{schemes[name]}://demo.test:{port}" for name, port in ports.items()}


@pytest.fixture
def ws(command):
    """Runs it with some input and that input's end; gives exit code, output and what it said."""

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        ended = subprocess.run([*command, *arguments], input=stdin, capture_output=True, timeout=PATIENCE_S)
        return ended.returncode, ended.stdout, ended.stderr.decode()

    return run


@contextmanager
def started(command, *arguments: str):
    """It runs with its input open."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, *arguments], **pipes) as process:
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def test_lines_from_a_pipe_come_back(ws, sites):
    lines = "".join(f"line {number}, grüße\r\n" for number in range(50)).encode()
    assert ws(sites["wss"], stdin=lines + b"no line break") == (0, lines.replace(b"\r", b"") + b"no line break\n", "")


def test_a_conversation_line_by_line(command, sites):
    with started(command, sites["ws"]) as process:
        for line in (b"first\n", b"\n", b"third\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline() == line
        process.stdin.close()
        assert process.wait() == 0
        assert process.stderr.read() == b""


def test_bytes_stay_as_they_are(ws, sites):
    assert ws("--binary", sites["wss"], stdin=b"\x00\xff\n\x01") == (0, b"\x00\xff\x01", "")
    assert ws(sites["ws"] + "/bytes") == (0, b"\x00\xff\n", "")


def test_what_the_handshake_says(ws, sites):
    asked = ["-H", "X-Token: a:b", "--origin", "https://page.test", "--subprotocol", "one", "--subprotocol", "two"]
    said = b"a:b https://page.test none two\n"
    assert ws(*asked, "--no-compression", sites["wss"] + "/headers") == (0, said, "")
    assert b"permessage-deflate" in ws(sites["wss"] + "/headers")[1]


def test_a_server_that_leaves_ends_it_while_the_input_is_open(command, sites):
    for path, code, out in (("/leave", 0, b"bye\n"), ("/throw-out", 56, b"")):
        with started(command, sites["wss"] + path) as process:
            assert (process.wait(), process.stdout.read()) == (code, out)
            said = process.stderr.read().decode()
            assert (said == "") == (code == 0)
            assert ("4000" in said) == (code == 56)


def test_a_person_at_a_terminal_reads_what_happens(command, sites):
    """Notes stand on standard error, and bytes are shown as digits."""
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "rb", buffering=0)) as screen:
        streams = {"stdin": subprocess.PIPE, "stdout": theirs, "stderr": theirs}
        with subprocess.Popen([*command, "--subprotocol", "chat", sites["wss"] + "/bytes"], **streams) as process:
            os.close(theirs)
            shown = b""
            try:
                while piece := screen.read(1000):
                    shown += piece
            except OSError:
                pass  # how Linux says that nobody writes any more
            assert process.wait(PATIENCE_S) == 0
    assert b"mix: connected, subprotocol chat\r\n" in shown
    assert b"00ff0a\r\n" in shown
    assert b"mix: closed with code 1000\r\n" in shown


@pytest.mark.parametrize(
    ("site", "arguments", "code", "says"),
    [
        ("refusing", [], 22, "403"),
        ("no http", [], 8, "websocket.handshake_not_http"),
        ("silent", ["--timeout", "5"], 28, "longer than the 5 seconds"),
        ("cutting", [], 56, "websocket.closed_error"),
        ("stranger", [], 60, "tls.unknown_issuer"),
        ("no tls", [], 35, "tls."),
    ],
)
def test_servers_that_fail(ws, sites, site, arguments, code, says):
    ended, out, said = ws(*arguments, sites[site])
    assert (ended, out, said.count("\n")) == (code, b"cut\n" if site == "cutting" else b"", 1), said
    assert says in said
    assert "demo.test" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["ws://missing.test/"], 6, "dns.name_not_found"),
        (["ws://demo.test:1/"], 7, "tcp.connection_refused"),
        (["http://demo.test/"], 2, "ws:// or wss://"),
        (["ws://demo.test/#part"], 2, "fragment"),
        (["-H", "no colon", "ws://demo.test/"], 2, "Name: value"),
        (["-H", "Upgrade: h2c", "ws://demo.test/"], 2, "--header must be"),
        (["--subprotocol", "a b", "ws://demo.test/"], 2, "--subprotocol must be"),
        (["--directory", "http://127.0.0.1:1/api", "ws://demo.test/"], 97, "the tunnel can't be set up"),
    ],
)
def test_failures_before_a_server_speaks(ws, arguments, code, says):
    ended, out, said = ws(*arguments)
    assert (ended, out) == (code, b""), said
    assert says in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it(command, sites, number, code):
    with started(command, sites["ws"]) as process:
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"hello\n"
        process.send_signal(number)
        assert process.wait() == code
        assert process.stderr.read() == b""
