"""The Autobahn suite (PyPI: kosoku) judges our WebSocket over a kernel socket."""

from __future__ import annotations

from kosoku import FailureError, run_fuzzingserver
from support.kernel_connector import KernelConnector

from mix_tunnel.runtime.websocket import WebSocketConnection, WebSocketOptions, connect_websocket
from mix_tunnel.runtime.websocket.errors import WebSocketConnectionClosed

OPTIONS = WebSocketOptions(ping_interval_s=None)


async def echo(websocket: WebSocketConnection) -> None:
    """Send back what comes, until the server has had enough."""
    try:
        while True:
            await websocket.send(await websocket.recv())
    except WebSocketConnectionClosed:
        pass


async def judge(cases: list[str], excluded: list[str]) -> dict[str, tuple[str, str]]:
    """Let the server run its cases against us; its verdicts."""
    connector = KernelConnector()
    async with run_fuzzingserver(cases=cases, exclude_cases=excluded, port=0) as server:
        base = f"ws://127.0.0.1:{server.port}"
        async with await connect_websocket(connector, f"{base}/getCaseCount", OPTIONS) as websocket:
            count = int(await websocket.recv())
        for case in range(1, count + 1):
            await echo(await connect_websocket(connector, f"{base}/runCase?case={case}&agent=mix", OPTIONS))
        async with await connect_websocket(connector, f"{base}/updateReports?agent=mix", OPTIONS):
            pass
        try:
            results = await server.get_result()
        except FailureError as error:
            results = error.results
    return {case.case_id: (case.behavior.value, case.behavior_close.value) for case in results}
