"""`cookies.*` behind a real `RpcServer`: what a page sends and gets, in JavaScript's spelling."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from support.ready_tunnels import ReadyTunnels
from support.waiting import PATIENCE_S

from mix_tunnel.options import TunnelOptions
from mix_tunnel.rpc.endpoint import memory_pair
from mix_tunnel.rpc.server import RpcServer
from mix_tunnel.runtime.http.url import HttpUrl
from mix_tunnel.tunnel import Tunnel
from mix_tunnel.worker.cookie_service import CookieService

URL = HttpUrl.parse("https://demo.test/")


@asynccontextmanager
async def page(*, cookies: bool):
    """A function that calls the worker, and the tunnel behind it."""
    tunnel = Tunnel(None, TunnelOptions(cookies=cookies), lambda: 1e9)  # type: ignore[arg-type]
    ours, theirs = memory_pair()
    answers: asyncio.Queue[dict] = asyncio.Queue()
    ours.listen(lambda head, body: answers.put_nowait(json.loads(head)))
    server = RpcServer(theirs)
    server.offer(CookieService(ReadyTunnels(tunnel)).methods)
    server.start()

    async def call(method: str, **params):
        ours.send(json.dumps({"version": 1, "type": "call", "id": 1, "method": method, "params": params}))
        return await asyncio.wait_for(answers.get(), PATIENCE_S)

    yield call, tunnel
    await server.aclose()


async def test_a_round_trip():
    async with page(cookies=True) as (call, tunnel):
        tunnel.cookies.store(URL, ["n=v; HttpOnly; SameSite=Lax; Max-Age=60"])
        kept = (await call("cookies.export"))["value"]
        assert kept == [
            {
                "name": "n",
                "value": "v",
                "domain": "demo.test",
                "hostOnly": True,
                "path": "/",
                "expires": 1e9 + 60,
                "secure": False,
                "httpOnly": True,
                "sameSite": "lax",
            }
        ]
        assert (await call("cookies.clear"))["type"] == "result"
        assert (await call("cookies.export"))["value"] == []
        assert (await call("cookies.import", cookies=kept))["type"] == "result"
        assert (await call("cookies.export"))["value"] == kept
        assert tunnel.cookies.header_for(URL) == "n=v"


@pytest.mark.parametrize("params", [{}, {"cookies": "text"}, {"cookies": [{"name": "n"}]}, {"cookies": [3]}])
async def test_what_is_no_list_of_cookies(params):
    async with page(cookies=True) as (call, tunnel):
        answer = await call("cookies.import", **params)
        assert (answer["type"], answer["code"]) == ("error", "cookies.invalid")
        assert len(tunnel.cookies) == 0


async def test_a_tunnel_without_a_jar():
    async with page(cookies=False) as (call, _):
        assert (await call("cookies.export"))["value"] == []
        assert (await call("cookies.clear"))["type"] == "result"
        answer = await call("cookies.import", cookies=[])
        assert (answer["type"], answer["code"]) == ("error", "cookies.disabled")
