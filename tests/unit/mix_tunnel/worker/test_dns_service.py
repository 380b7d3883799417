"""`dns.*` behind a real `RpcServer`, over a real name server: what is asked, what comes back, what a cancel stops."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from support.kernel_tunnel import kernel_tunnel
from support.ready_tunnels import ReadyTunnels
from support.waiting import PATIENCE_S, until

from mix_tunnel.rpc.endpoint import memory_pair
from mix_tunnel.rpc.server import RpcServer
from mix_tunnel.worker.dns_service import DnsService


class Page:
    """Sends calls as plain JSON, as JavaScript does."""

    def __init__(self, endpoint, tunnel) -> None:
        self.tunnel = tunnel
        self._endpoint = endpoint
        self._arrived = asyncio.Queue()
        self._last_id = 0
        endpoint.listen(lambda head, body: self._arrived.put_nowait(json.loads(head)))

    def send(self, type_: str, **members) -> None:
        self._endpoint.send(json.dumps({"version": 1, "type": type_, "id": self._last_id, **members}))

    def begin(self, method: str, **params) -> None:
        self._last_id += 1
        self.send("call", method=method, params=params, upload=False)

    async def next(self):
        return await asyncio.wait_for(self._arrived.get(), PATIENCE_S)

    async def call(self, method: str, **params):
        self.begin(method, **params)
        return await self.next()


@asynccontextmanager
async def page():
    ours, theirs = memory_pair()
    server = RpcServer(theirs)
    async with kernel_tunnel({"a.test": "192.0.2.1"}) as tunnel:
        server.offer(DnsService(ReadyTunnels(tunnel)).methods)
        server.start()
        yield Page(ours, tunnel)
        await server.aclose()


async def test_an_address():
    async with page() as worker:
        assert (await worker.call("dns.lookup", name="a.test"))["value"] == "192.0.2.1"
        assert (await worker.call("dns.lookup", name="192.0.2.9", timeoutMs=5, cache=False))["value"] == "192.0.2.9"


async def test_records_have_javascripts_names():
    async with page() as worker:
        value = (await worker.call("dns.resolve", name="A.test", type="a", timeoutMs=5000, cache=True))["value"]
        assert value.pop("elapsedMs") >= 0
        assert value.pop("server").startswith("127.0.0.1:")
        assert value == {
            "name": "a.test",
            "type": "A",
            "canonicalName": "a.test",
            "transport": "udp",
            "fromCache": False,
            "records": [{"type": "A", "ttl": 60, "text": "192.0.2.1", "data": {"address": "192.0.2.1"}}],
        }
        assert (await worker.call("dns.resolve", name="a.test"))["value"]["fromCache"]


async def test_forgetting():
    async with page() as worker:
        await worker.call("dns.resolve", name="a.test")
        assert (await worker.call("dns.clear"))["type"] == "result"
        assert not (await worker.call("dns.resolve", name="a.test"))["value"]["fromCache"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("dns.lookup", {"name": "missing.test"}, "dns.name_not_found"),
        ("dns.lookup", {"name": "a b"}, "dns.bad_name"),
        ("dns.lookup", {}, "rpc.invalid_parameters"),
        ("dns.resolve", {"name": "a.test", "type": "ANY"}, "dns.bad_record_type"),
        ("dns.resolve", {"name": "a.test", "type": 5}, "rpc.invalid_parameters"),
        ("dns.resolve", {"name": "a.test", "timeoutMs": -1}, "dns.bad_option"),
        ("dns.reverse", {"ip": "192.0.2.1"}, "dns.name_not_found"),
        ("dns.reverse", {"ip": "a.test"}, "dns.bad_address"),
    ],
)
async def test_failures_have_their_code(method, params, code):
    async with page() as worker:
        message = await worker.call(method, **params)
        assert (message["type"], message["code"]) == ("error", code)


async def test_a_cancel_stops_the_question():
    async with page() as worker:
        worker.begin("dns.resolve", name="a.test")
        await until(lambda: worker.tunnel.network.datagram_sockets)
        worker.send("cancel")
        message = await worker.next()
        assert message["type"] == "error" or message["value"]["records"]  # the answer may have been faster
        await until(lambda: all(opened._socket.fileno() == -1 for opened in worker.tunnel.network.datagram_sockets))
