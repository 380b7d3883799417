"""The Autobahn suite (PyPI: kosoku) judges our WebSocket over a kernel socket: all of it but chapter 9, performance."""

from __future__ import annotations

import os

import pytest
from kosoku import FailureError, run_fuzzingserver
from support.kernel_connector import KernelConnector
from support.patient_autobahn import be_patient

from mix_tunnel.runtime.websocket import Compression, WebSocketConnection, WebSocketOptions, connect_websocket
from mix_tunnel.runtime.websocket.errors import WebSocketConnectionClosed

OPTIONS = WebSocketOptions(ping_interval_s=None)
PASSED = ("OK", "OK")
FAULT_OVERTAKES = {
    *("3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15", "6.4.3", "6.4.4"),
}
"""Autobahn passes these as strict only if messages are echoed which a fault comes with: whether it is noticed before
the echo has left is a matter of scheduling. The fault ends the connection either way."""
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
"""The standard leaves open what happens; Autobahn only notes it."""
RESETTING = WebSocketOptions(ping_interval_s=None, compression=Compression(client_no_context_takeover=True))
OFFERS = {"13.2": RESETTING, "13.5": RESETTING, "13.6": RESETTING}
"""In these groups the server compresses only with clients that offer to compress each message on its own."""
COMPRESSION_GROUPS = [*(f"12.{group}" for group in range(1, 6)), *(f"13.{group}" for group in range(1, 8))]

UP_TO_8_KB = (1, 2, 3, 4, 5, 6, 11)


async def echo(websocket: WebSocketConnection) -> None:
    """Send back what comes, until the server has had enough."""
    try:
        while True:
            await websocket.send(await websocket.recv())
    except WebSocketConnectionClosed:
        pass


async def judge(*cases: str, options: WebSocketOptions = OPTIONS) -> dict[str, tuple[str, str]]:
    """Let the server run its cases against us; its verdicts on the exchange and on the close, by case."""
    connector = KernelConnector()
    async with run_fuzzingserver(cases=cases, port=0) as server:
        base = f"ws://127.0.0.1:{server.port}"
        async with await connect_websocket(connector, f"{base}/getCaseCount", OPTIONS) as websocket:
            count = int(await websocket.recv())
        for case in range(1, count + 1):
            await echo(await connect_websocket(connector, f"{base}/runCase?case={case}&agent=mix", options))
        async with await connect_websocket(connector, f"{base}/updateReports?agent=mix", OPTIONS):
            pass
        try:
            results = await server.get_result()
        except FailureError as error:
            results = error.results
    return {case.case_id: (case.behavior.value, case.behavior_close.value) for case in results}


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    be_patient(monkeypatch)


@pytest.mark.timeout(1800)
async def test_the_protocol():
    verdicts = await judge(*(f"{chapter}.*" for chapter in (1, 2, 3, 4, 5, 6, 7, 10)))
    assert len(verdicts) == 247
    others = {case: verdict for case, verdict in verdicts.items() if verdict != PASSED}
    assert {case for case, verdict in others.items() if verdict == ("NON-STRICT", "OK")} <= FAULT_OVERTAKES
    assert {case for case, verdict in others.items() if verdict != ("NON-STRICT", "OK")} == INFORMATIONAL


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("group", COMPRESSION_GROUPS)
async def test_compression(group: str):
    """A thousand messages a case. Those of more than 8 KB take half an hour together, so they are for AUTOBAHN=all."""
    sizes = range(1, 19) if os.environ.get("AUTOBAHN") == "all" else UP_TO_8_KB
    verdicts = await judge(*(f"{group}.{size}" for size in sizes), options=OFFERS.get(group, OPTIONS))
    assert verdicts == {f"{group}.{size}": PASSED for size in sizes}
