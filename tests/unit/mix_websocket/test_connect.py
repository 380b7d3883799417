"""`connect`, judged by programs written for `websockets`."""

from __future__ import annotations

import asyncio
import logging
import ssl

import pytest
import websockets
from support.kernel_connector import KernelConnector
from support.websocket_server import answering, drain, serving
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers

import mix_websocket
from mix_protocol.errors import MixError, UsageError
from mix_protocol.netstack.errors import ConnectionRefused
from mix_tunnel.api import InvalidWebSocketOption
from mix_tunnel.runtime.tls_errors import CertificateExpired
from mix_tunnel.runtime.tunnel_errors import TunnelClosed
from mix_websocket import connect, process_exception

PROGRAM = """
import asyncio, json, websockets
from websockets.asyncio.client import connect

async def main(uri):
    log = []
    async with connect(uri, subprotocols=["chat"], additional_headers={"X-Test": "1"}, max_size=2**16,
                       ping_interval=10, ping_timeout=60, open_timeout=60, compression="deflate") as websocket:
        log.append(websocket.subprotocol)
        log.append(websocket.response.status_code)
        log.append(websocket.request.headers["X-Test"])
        await websocket.send(json.dumps({"type": "greet"}))
        log.append(json.loads(await websocket.recv()))
        await websocket.send(b"bytes")
        log.append(await asyncio.wait_for(websocket.recv(), 60))
        await websocket.send(["a", "b"])
        log.append(await websocket.recv(decode=False))
        log.append(await (await websocket.ping()) >= 0)
        try:
            await asyncio.wait_for(websocket.recv(), 0.01)
        except TimeoutError:
            log.append("nothing more")
        log.append(websocket.state.name)
        log.append(websocket.remote_address[1] == int(uri.rpartition(":")[2]))
        await websocket.send("x" * 2**16)
        log.append(len(await websocket.recv()))
    log.append((websocket.close_code, websocket.close_reason))

    websocket = await connect(uri)
    await websocket.send("close 4000")
    log.append([message async for message in handle_closed(websocket)])
    try:
        await websocket.send("x")
    except websockets.ConnectionClosedError as error:
        log.append((error.rcvd.code, error.rcvd.reason, error.sent.code, error.rcvd_then_sent))
    await websocket.wait_closed()

    websocket = await connect(uri)
    await websocket.send("close 1000")
    log.append([message async for message in websocket])

    rounds = 0
    async for websocket in connect(uri, max_size=10):
        rounds += 1
        try:
            await websocket.send("y" * (5 if rounds > 2 else 20))
            log.append(await websocket.recv())
            break
        except websockets.exceptions.ConnectionClosed as error:
            log.append(error.sent.code)
            continue

    for wrong in ("http://127.0.0.1/", "ws://127.0.0.1/#x"):
        try:
            await connect(wrong)
        except websockets.InvalidURI:
            log.append("invalid")
    try:
        await connect(uri + "/refused")
    except websockets.InvalidStatus as error:
        log.append((error.response.status_code, bytes(error.response.body)))
    try:
        await connect("ws://127.0.0.1:1/")
    except OSError:
        log.append("refused")
    try:
        async with connect(uri):
            raise KeyError("mine")
    except KeyError:
        log.append("mine")
    return log

async def handle_closed(websocket):
    try:
        async for message in websocket:
            yield message
    except websockets.ConnectionClosed:
        yield "closed"
"""


async def serve_program(websocket: ServerConnection) -> None:
    try:
        async for message in websocket:
            if isinstance(message, str) and message.startswith("close"):
                await websocket.close(int(message.split()[1]), "asked")
            await websocket.send(message)
    except websockets.ConnectionClosed:
        pass


def refuse(connection: ServerConnection, request):
    return connection.respond(403, "no entry\n") if request.path == "/refused" else None


def choose(connection: ServerConnection, offered):
    return "chat" if "chat" in offered else None


async def run_program(port: int, *, ours: bool):
    source = PROGRAM
    if ours:  # the one line
        source = source.replace("from websockets.asyncio.client import connect", "from mix_websocket import connect")
    names: dict = {}
    exec(compile(source, "program", "exec"), names)
    return await names["main"](f"ws://127.0.0.1:{port}")


class Kernel(KernelConnector):
    """Refuses ports as a tunnel does."""

    async def dial(self, host, port, **options):
        if port == 1:
            raise ConnectionRefused
        return await super().dial(host, port, **options)


@pytest.fixture
def tunnel(monkeypatch):
    kernel = Kernel()
    monkeypatch.setattr("mix_websocket.connecting.find_tunnel", lambda tunnel: tunnel or kernel)
    return kernel


async def test_a_program_for_websockets_runs_when_one_line_is_changed(tunnel):
    options = {"select_subprotocol": choose, "process_request": refuse, "max_size": 2**17}
    async with serving(serve_program, **options) as port:
        theirs = await run_program(port, ours=False)
        ours = await run_program(port, ours=True)
    assert ours == theirs
    assert theirs[-1] == "mine"
    assert tunnel.network.streams


async def test_the_library_s_headers_and_repeated_ones(tunnel):
    seen = []

    async def note(websocket: ServerConnection) -> None:
        seen.append(websocket.request.headers)

    headers = Headers()
    headers["X"] = "1"
    headers["X"] = "2"
    async with serving(note) as port:
        for given in (headers, [("X", "1"), ("X", "2")]):
            async with connect(f"ws://127.0.0.1:{port}", additional_headers=given, user_agent_header=None):
                pass
    assert [one.get_all("X") for one in seen] == [["1", "2"]] * 2
    assert not any("User-Agent" in one for one in seen)


@pytest.mark.parametrize("name", ["sock", "host", "port", "local_addr", "create_connection", "server_hostname"])
def test_what_goes_past_the_tunnel_is_refused(name):
    with pytest.raises(InvalidWebSocketOption, match=name):
        connect("ws://a.test/", **{name: "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("proxy", "http://proxy.test:3128"),
        ("compression", "zip"),
        ("ssl", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)),
        ("max_size", 0),
        ("additional_headers", {"Upgrade": "x"}),
        ("subprotocols", "chat"),
        ("ping_interval", -1),
    ],
)
def test_wrong_options_are_refused_at_once(name, value):
    with pytest.raises(InvalidWebSocketOption) as caught:
        connect("ws://a.test/", **{name: value})
    assert isinstance(caught.value, (UsageError, ValueError))


def test_options_of_the_library_with_two_limits():
    options = connect(
        "ws://a.test/", max_size=(5, 3), max_queue=(7, 2), write_limit=(9, 1), proxy=None, ssl=True
    ).options
    assert (options.max_message_bytes, options.max_fragment_bytes) == (5, 3)
    assert (options.queue_frames, options.write_limit_bytes) == (7, 9)
    assert connect("ws://a.test/", max_queue=None).options.queue_bytes == 2**31


async def test_errors_of_the_network_are_os_errors_and_keep_their_class(tunnel):
    with pytest.raises(ConnectionRefused) as caught:
        await connect("ws://127.0.0.1:1/")
    error = caught.value
    assert isinstance(error, OSError)
    assert isinstance(error, MixError)
    assert (error.code, str(error)) == (ConnectionRefused.code, ConnectionRefused.message)
    assert type(error.__cause__) is ConnectionRefused


def test_what_is_tried_again():
    from mix_websocket.exceptions import as_os_error

    again = as_os_error(ConnectionRefused())
    assert process_exception(again) is None
    assert process_exception(TimeoutError()) is None
    for fatal in (as_os_error(CertificateExpired()), as_os_error(TunnelClosed()), ValueError()):
        assert process_exception(fatal) is fatal


async def test_reconnecting_waits_between_tries_and_raises_what_is_fatal(tunnel, caplog):
    caplog.set_level(logging.INFO)
    answers = [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"] * 2
    answers.append(b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n")
    asked = []

    def delays():
        while True:
            asked.append(0.0)
            yield 0.0

    async with answering(lambda request: answers.pop(0), drain) as port:
        tries = aiter(connect(f"ws://127.0.0.1:{port}/secret", reconnect_delays=delays))
        with pytest.raises(mix_websocket.InvalidStatus, match="404"):
            await anext(tries)
    assert len(asked) == 2
    assert "503" in caplog.text
    assert "secret" not in caplog.text


async def test_connect_is_not_reentrant(tunnel):
    async with serving() as port:
        connecting = connect(f"ws://127.0.0.1:{port}")
        async with connecting:
            with pytest.raises(RuntimeError):
                await connecting.__aenter__()
        async with connecting as websocket:
            await websocket.send("again")
            assert await asyncio.wait_for(websocket.recv(), 60) == "again"


async def test_a_tunnel_is_needed():
    with pytest.raises(UsageError) as caught:
        await connect("ws://a.test/")
    assert caught.value.code == "tunnel.not_set_up"
