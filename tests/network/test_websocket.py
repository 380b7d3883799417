"""WebSockets through a local mixnet in the same process, to real servers over TLS."""

from __future__ import annotations

import asyncio
import hashlib
from ipaddress import ip_address

import pytest
from kosoku import FailureError, run_fuzzingserver
from support.patient_autobahn import be_patient
from support.quiet_tunnel import quiet_options
from support.tls_server import certificate, server_context
from support.waiting import until
from support.websocket_server import answering, deflated, frame, serving, speaking
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.netstack.errors import ConnectionRefused
from mix_tunnel.runtime.dns.errors import NameNotFound
from mix_tunnel.runtime.tls_errors import CertificateRefused
from mix_websocket import (
    ClientConnection,
    ConnectionClosedError,
    ConnectionClosedOK,
    SecurityError,
    connect,
    disconnect_mix_tunnel,
    get_mix_tunnel,
    setup_mix_tunnel,
)

TWENTY = [
    *("1.1.1", "1.1.5", "1.2.8", "2.2", "2.6", "2.10", "3.4", "4.1.3", "5.6", "5.9"),
    *("5.15", "5.19", "6.2.3", "6.4.1", "6.12.1", "7.1.4", "7.3.5", "7.7.1", "7.9.6", "10.1.1"),
]
"""Some of each of Autobahn's chapters but compression, whose thousand round trips a case do not end in time."""


@pytest.fixture
async def network():
    names = dict.fromkeys(("demo.test", "other.test"), (ip_address("127.0.0.1"),))
    async with LocalNetwork(NetworkOptions(allow_local=True, hosts=names, dns="none")) as network:
        await setup_mix_tunnel(quiet_options(network))
        yield network
        await disconnect_mix_tunnel()


def tls():
    return server_context(certificate("demo.test"))


def tcp_flows(network) -> int:
    return network.exit.snapshot()["flows"].get("tcp", 0)


async def test_messages_of_every_kind_and_size_over_tls(network):
    large = hashlib.shake_256(b"half a megabyte").digest(500_000)
    async with serving(context=tls()) as port, connect(f"wss://demo.test:{port}/echo") as websocket:
        assert websocket.extensions.startswith("permessage-deflate")
        for message in ("grüße", b"\x00\xff", "", large, "z" * 300_000):
            await websocket.send(message)
            assert await websocket.recv() == message
        assert await (await websocket.ping()) > 0
        assert websocket.latency > 0
        assert websocket.local_address[0] != "127.0.0.1"
        assert websocket.remote_address == ("127.0.0.1", port)
    assert websocket.close_code == 1000
    await until(lambda: not tcp_flows(network))


async def test_plain_and_several_at_once(network):
    async with serving() as port:

        async def talk(name: str) -> list[str]:
            async with connect(f"ws://demo.test:{port}/") as websocket:
                await asyncio.gather(*(websocket.send(f"{name} {number}") for number in range(20)))
                return [await websocket.recv() for _ in range(20)]

        for name, messages in zip("abc", await asyncio.gather(*map(talk, "abc")), strict=True):
            assert messages == [f"{name} {number}" for number in range(20)]


async def test_subprotocol_headers_and_compression_are_agreed_on(network):
    async def tell(websocket: ServerConnection) -> None:
        headers = websocket.request.headers
        await websocket.send(f"{headers['X-Token']} {headers['Origin']} {websocket.subprotocol}")

    async with serving(tell, tls(), subprotocols=["second", "first"]) as port:
        given = {"additional_headers": {"X-Token": "abc"}, "origin": "https://page.test"}
        async with connect(f"wss://demo.test:{port}/", subprotocols=["first", "second"], **given) as websocket:
            assert [message async for message in websocket] == ["abc https://page.test second"]
        assert websocket.subprotocol == "second"
        async with connect(f"wss://demo.test:{port}/", subprotocols=["first"], compression=None, **given) as websocket:
            assert await websocket.recv() == "abc https://page.test first"
            assert websocket.extensions == ""


async def test_keep_alive_measures_the_latency_by_itself(network):
    async with serving() as port, connect(f"ws://demo.test:{port}/", ping_interval=0.05) as websocket:
        await until(lambda: websocket.latency > 0)


async def test_servers_that_answer_neither_pings_nor_a_close_are_given_up(network):
    async with speaking(b"") as port:
        websocket = await connect(f"ws://demo.test:{port}/", ping_interval=0.05, ping_timeout=0.2, close_timeout=1)
        with pytest.raises(ConnectionClosedError, match="keep-alive") as caught:
            await websocket.recv()
        assert caught.value.sent.code == 1011
        websocket = await connect(f"ws://demo.test:{port}/", ping_interval=None, close_timeout=1)
        await websocket.close()
        assert (websocket.close_code, websocket.close_reason) == (1006, "")
        await until(lambda: not tcp_flows(network))


async def test_who_does_not_receive_stops_the_server_through_the_mixnet(network):
    sent = 0

    async def flood(websocket: ServerConnection) -> None:
        nonlocal sent
        try:
            while True:
                await websocket.send(bytes(50_000))
                sent += 1
        except ConnectionClosed:
            pass

    async with serving(flood, write_limit=4096, compression=None) as port:
        websocket = await connect(f"ws://demo.test:{port}/", compression=None, max_queue=2)
        before = 0
        await until(lambda: sent)
        while sent != before:  # it stands still in the end
            before = sent
            await asyncio.sleep(1)
        stood = sent
        for _ in range(stood):
            await websocket.recv()
        await until(lambda: sent > stood)
        websocket.abort()
        await until(lambda: not tcp_flows(network))


async def test_giving_up_while_connecting_leaves_no_flow_at_the_exit(network):
    blocked = asyncio.Event()

    async def wait(connection: ServerConnection, request: object) -> None:
        await blocked.wait()

    async with serving(process_request=wait) as port:
        with pytest.raises(TimeoutError):
            await connect(f"ws://demo.test:{port}/", open_timeout=3)
        opening = asyncio.ensure_future(connect(f"ws://demo.test:{port}/").connect())
        await until(lambda: tcp_flows(network) > 0)
        opening.cancel()
        await asyncio.wait({opening})
        await until(lambda: not tcp_flows(network))
        blocked.set()


async def test_what_fails_below_keeps_its_error_and_is_an_os_error(network):
    async with serving(context=tls()) as port:
        for url, error in (
            (f"wss://other.test:{port}/", CertificateRefused),
            ("ws://missing.test/", NameNotFound),
            ("ws://demo.test:1/", ConnectionRefused),
        ):
            with pytest.raises(error) as caught:
                await connect(url)
            assert isinstance(caught.value, OSError)


HOSTILE = {
    "fragmented control frame": (frame(9, b"x", fin=False), 1002),
    "control frame too long": (frame(9, b"x" * 126), 1002),
    "masked": (b"\x81\x81abcd\x00", 1002),
    "reserved opcode": (frame(3, b""), 1002),
    "no text": (frame(1, b"\xff"), 1007),
    "too large": (b"\x82\x7f" + (2**62).to_bytes(8, "big"), 1009),
    "bomb": (frame(2, deflated(bytes(50_000_000)), rsv1=True), 1009),
}


async def test_hostile_servers_end_their_own_websockets_and_no_others(network):
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"X: " + b"y" * 1000 + b"\r\n")
                await writer.drain()
        except OSError:
            pass

    async with serving(context=tls()) as port, connect(f"wss://demo.test:{port}/") as honest:

        async def echoes(message: str) -> bool:
            await honest.send(message)
            return await honest.recv() == message

        for name, (frames, code) in HOSTILE.items():
            async with speaking(frame(1, b"before") + frames, b"Sec-WebSocket-Extensions: permessage-deflate") as bad:
                websocket = await connect(f"ws://demo.test:{bad}/")
                assert await websocket.recv() == "before", name
                with pytest.raises(ConnectionClosedError) as caught:
                    await websocket.recv()
                assert caught.value.sent.code == code, name
            assert await echoes(name)
        async with answering(lambda request: b"HTTP/1.1 101 OK\r\n", flood) as bad:
            with pytest.raises(SecurityError):
                await connect(f"ws://demo.test:{bad}/")
        assert await echoes("headers without end")


async def test_a_tunnel_that_is_closed_ends_its_websockets(network):
    async with serving() as port:
        websocket = await connect(f"ws://demo.test:{port}/")
        receiving = asyncio.create_task(websocket.recv())
        await get_mix_tunnel().close()
        with pytest.raises(ConnectionClosedError) as caught:
            await receiving
        assert caught.value.fields["close_code"] == 1006
        assert "tunnel" in str(caught.value)


async def test_the_end_by_the_server(network):
    async def leave(websocket: ServerConnection) -> None:
        await websocket.send("bye")
        await websocket.close(4000, "enough")

    async with serving(leave, tls()) as port, connect(f"wss://demo.test:{port}/") as websocket:
        assert await websocket.recv() == "bye"
        with pytest.raises(ConnectionClosedError, match="4000"):
            await websocket.recv()
        assert websocket.close_reason == "enough"


async def echo_until_closed(websocket: ClientConnection) -> None:
    try:
        while True:
            await websocket.send(await websocket.recv())
    except (ConnectionClosedOK, ConnectionClosedError):
        pass


async def test_twenty_of_autobahn_s_cases(network, monkeypatch):
    be_patient(monkeypatch)
    async with run_fuzzingserver(cases=TWENTY, port=0) as server:
        base = f"ws://demo.test:{server.port}"
        async with connect(f"{base}/getCaseCount") as websocket:
            assert int(await websocket.recv()) == len(TWENTY) == 20
        for case in range(1, 21):
            await echo_until_closed(
                await connect(f"{base}/runCase?case={case}&agent=mix", max_size=None, ping_interval=None)
            )
        async with connect(f"{base}/updateReports?agent=mix"):
            pass
        try:
            results = await server.get_result()
        except FailureError as error:
            results = error.results
    verdicts = {case.case_id: (case.behavior.value, case.behavior_close.value) for case in results}
    assert len(verdicts) == 20
    assert {case: verdict for case, verdict in verdicts.items() if verdict != ("OK", "OK")}.keys() <= {
        *("3.4", "4.1.3", "5.15"),  # strict only if messages before the fault are echoed, which the fault overtakes
    }
    assert {behavior for behavior, _ in verdicts.values()} <= {"OK", "NON-STRICT"}
    assert {close for _, close in verdicts.values()} == {"OK"}
