"""Pages that share a tunnel, each behind a server of its own, with real downloads over the kernel's sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from support.kernel_connector import KernelConnector
from support.kernel_tunnel import kernel_tunnel
from support.waiting import PATIENCE_S

from mix_protocol.errors import NetworkFailure
from mix_tunnel.options import OPTION_RULES
from mix_tunnel.rpc.endpoint import memory_pair
from mix_tunnel.rpc.server import EVENT_WINDOW
from mix_tunnel.runtime.tunnel_errors import TunnelClosed
from mix_tunnel.state import Phase, TunnelState
from mix_tunnel.worker.page import PageServer
from mix_tunnel.worker.sharing import SharedTunnel

CREDIT = 1 << 30


class GatewayGone(NetworkFailure):
    """For these tests."""

    code = "test.shared_gateway_gone"
    message = "the gateway is gone"


class Tunnel:
    """A tunnel that reaches this machine alone, and tells its states."""

    def __init__(self, kernel, options, on_state) -> None:
        self.http = kernel.http
        self.dial = KernelConnector().dial
        self.options = options
        self._on_state = on_state
        self.become(TunnelState(Phase.READY, "ready"))

    def become(self, state) -> None:
        self.state = state
        self._on_state(state)

    async def close(self) -> None:
        self.become(TunnelState(Phase.SHUTTING_DOWN))
        await asyncio.sleep(0.01)
        self.become(TunnelState(Phase.SHUTDOWN))


class Page:
    """Speaks plain JSON, as JavaScript does, and takes events as long as it is awake."""

    def __init__(self, shared) -> None:
        here, self._endpoint = memory_pair()
        self.server = PageServer(here, shared=shared)
        self.states = []
        self.is_awake = True
        self.received = {}
        self._answers = {}
        self._endpoint.listen(self._receive)

    def _receive(self, head, body):
        message = json.loads(head)
        if message["type"] == "event":
            self.states.append(message["value"])
            if self.is_awake:
                self.take_events(1)
        elif message["type"] == "chunk":
            self.received[message["id"]] = self.received.get(message["id"], 0) + len(body or b"")
        elif message["type"] in ("result", "error"):
            self._answer(message["id"]).put_nowait(message)

    def _answer(self, id):
        return self._answers.setdefault(id, asyncio.Queue())

    def take_events(self, count):
        self._send({"type": "credit", "id": 0, "bytes": count})

    def _send(self, message):
        self._endpoint.send(json.dumps({"version": 1, **message}))

    def send(self, id, method, params=None, *, credit=CREDIT, upload=False):
        self._answer(id)
        self._send({"type": "call", "id": id, "method": method, "params": params or {}, "upload": upload})
        if credit:
            self._send({"type": "credit", "id": id, "bytes": credit})

    async def answer(self, id):
        return await asyncio.wait_for(self._answer(id).get(), PATIENCE_S)

    async def call(self, method, params=None, **options):
        id = max(self._answers, default=0) + 1
        self.send(id, method, params, **options)
        return await self.answer(id)

    async def close(self):
        await self.server.aclose()

    @property
    def phases(self):
        return [state["state"] for state in self.states]

    async def phase(self):
        return (await self.call("tunnel.state"))["value"]["state"]


class World:
    """Pages of one origin, the tunnels that were made for them, and a server whose answers never end."""

    def __init__(self, kernel) -> None:
        self.shared = SharedTunnel(self._connect)
        self.tunnels = []
        self.go = asyncio.Event()
        self.go.set()
        self.failure = None
        self.ended = 0
        self._kernel = kernel
        self.port = 0

    def page(self):
        return Page(self.shared)

    async def _connect(self, options, *, on_state):
        on_state(TunnelState(Phase.CONNECTING, "fetching the directory"))
        await self.go.wait()
        if self.failure is not None:
            on_state(TunnelState(Phase.FAILED, reason=self.failure))
            raise self.failure
        self.tunnels.append(Tunnel(self._kernel, options, on_state))
        return self.tunnels[-1]

    async def serve(self, reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            while True:
                writer.write(bytes(10_000))
                await writer.drain()
                await asyncio.sleep(0.001)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended += 1
            writer.close()

    async def download(self, page, id, **options):
        page.send(id, "fetch.start", {"url": f"http://127.0.0.1:{self.port}/"}, **options)
        answer = await page.answer(id)
        assert answer["type"] == "result", answer
        await until(lambda: page.received.get(id, 0) > 0)


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running():
    async with kernel_tunnel() as kernel:
        world = World(kernel)
        server = await asyncio.start_server(world.serve, "127.0.0.1", 0)
        world.port = server.sockets[0].getsockname()[1]
        yield world
        server.close()


@pytest.fixture
async def world():
    async with running() as running_world:
        yield running_world


async def test_the_second_page_joins_the_tunnel_of_the_first_and_gets_its_state_at_once(world):
    one, other = world.page(), world.page()
    assert (await one.call("tunnel.setup", {"maxRedirects": 3}))["type"] == "result"
    assert await other.phase() == "connecting"
    assert (await other.call("tunnel.stats"))["code"] == "tunnel.not_set_up"
    assert (await other.call("fetch.start", {"url": "http://127.0.0.1/"}))["code"] == "tunnel.not_set_up"
    assert other.states == []
    assert (await other.call("tunnel.setup", {"maxRedirects": 3, "forceTls": True}))["type"] == "result"
    assert (one.phases, other.phases) == (["connecting", "ready"], ["ready"])
    assert len(world.tunnels) == 1
    world.tunnels[0].become(TunnelState(Phase.CONNECTING, "connecting again", GatewayGone()))
    await until(lambda: other.phases[-1] == one.phases[-1] == "connecting")


async def test_who_joins_while_it_is_set_up_waits_for_the_same_end(world):
    world.go.clear()
    pages = [world.page() for _ in range(3)]
    for page in pages:
        page.send(1, "tunnel.setup")
    await until(lambda: all(page.phases == ["connecting"] for page in pages))
    world.go.set()
    assert [(await page.answer(1))["type"] for page in pages] == ["result"] * 3
    assert len(world.tunnels) == 1
    assert [page.phases for page in pages] == [["connecting", "ready"]] * 3


async def test_other_options_are_refused_by_name_and_change_nothing(world):
    one, other = world.page(), world.page()
    await one.call("tunnel.setup", {"storagePassphrase": "a secret", "clientId": "x"})
    refused = await other.call("tunnel.setup", {"storagePassphrase": "another secret", "cookies": True})
    assert refused["code"] == "tunnel.other_options"
    assert refused["fields"] == {"options": ["clientId", "storagePassphrase", "cookies"]}
    assert "secret" not in json.dumps(refused)
    assert (await other.phase(), other.states) == ("connecting", [])
    assert (await other.call("tunnel.setup", {"maxRedirects": -1}))["code"] == "tunnel.invalid_option"
    assert await one.phase() == "ready"
    assert len(world.tunnels) == 1
    assert refused["fields"]["options"] == [
        rule.js_name for rule in OPTION_RULES.values() if rule.js_name in refused["fields"]["options"]
    ]


async def test_a_page_that_is_in_the_tunnel_is_refused_a_second_set_up(world):
    one = world.page()
    await one.call("tunnel.setup")
    again = await one.call("tunnel.setup")
    assert (again["code"], again["message"]) == ("tunnel.already_initialised", "tunnel already initialised")


async def test_a_page_that_is_closed_takes_its_own_downloads_along_and_no_other(world):
    one, other = world.page(), world.page()
    for page in (one, other):
        await page.call("tunnel.setup")
        await world.download(page, 7)
    await one.close()
    await until(lambda: world.ended == 1)
    before = other.received[7]
    await until(lambda: other.received[7] > before)
    assert (await other.phase(), world.tunnels[0].state.phase) == ("ready", Phase.READY)
    await other.close()
    await until(lambda: world.ended == 2)
    assert world.tunnels[0].state.phase is Phase.SHUTDOWN


@pytest.mark.parametrize("is_crash", [True, False])
async def test_a_page_that_goes_resets_its_sockets_in_whatever_state_they_are(world, is_crash):
    gone = []

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        gone.append(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    one, other = world.page(), world.page()
    await one.call("tunnel.setup")
    await other.call("tunnel.setup")
    sockets = []
    for id in (11, 12):
        one.send(id, "socket.connect", {"host": "127.0.0.1", "port": port})
        sockets.append((await one.answer(id))["value"]["socket"])
    one.send(13, "socket.write", {"socket": sockets[0]}, upload=True)  # for the other none is ever sent
    theirs = (await other.call("socket.connect", {"host": "127.0.0.1", "port": port}))["value"]["socket"]
    foreign = await other.call("socket.write", {"socket": theirs + 1}, upload=True)
    assert foreign["code"] == "tunnel.closed"
    if is_crash:
        await one.close()
    else:
        assert (await one.call("tunnel.disconnect"))["type"] == "result"
        assert {(await one.answer(id))["code"] for id in (11, 12, 13)} == {"tunnel.closed"}
    await until(lambda: len(gone) == 2)
    assert await other.phase() == "ready"
    await other.close()
    await until(lambda: len(gone) == 3)
    server.close()


async def test_disconnecting_leaves_for_this_page_alone_and_the_last_one_closes_the_tunnel(world):
    one, other = world.page(), world.page()
    for page in (one, other):
        await page.call("tunnel.setup")
        await world.download(page, 7)
    assert (await one.call("tunnel.disconnect"))["type"] == "result"
    assert (await one.answer(7))["code"] == TunnelClosed.code
    assert one.phases[-2:] == ["shutting_down", "shutdown"]
    assert await one.phase() == "shutdown"
    assert (await one.call("tunnel.stats"))["code"] == "tunnel.not_set_up"
    assert (await one.call("tunnel.disconnect"))["type"] == "result"
    assert (await other.phase(), other.phases) == ("ready", ["ready"])
    before = other.received[7]
    await until(lambda: other.received[7] > before)
    assert (await one.call("tunnel.setup"))["type"] == "result"  # back in the same one
    assert len(world.tunnels) == 1
    await one.call("tunnel.disconnect")
    await other.call("tunnel.disconnect")
    assert other.phases[-2:] == ["shutting_down", "shutdown"]
    assert world.tunnels[0].state.phase is Phase.SHUTDOWN
    assert (await other.call("tunnel.setup", {"maxRedirects": 1}))["type"] == "result"
    assert len(world.tunnels) == 2


async def test_who_comes_while_the_last_one_goes_gets_a_fresh_tunnel(world):
    one, other = world.page(), world.page()
    await one.call("tunnel.setup", {"maxRedirects": 1})
    one.send(8, "tunnel.disconnect")
    other.send(8, "tunnel.setup", {"maxRedirects": 2})
    assert [(await page.answer(8))["type"] for page in (one, other)] == ["result"] * 2
    assert [tunnel.state.phase for tunnel in world.tunnels] == [Phase.SHUTDOWN, Phase.READY]
    assert (one.phases[-1], other.phases[-1]) == ("shutdown", "ready")


async def test_who_gives_up_waiting_leaves_the_set_up_to_the_others(world):
    world.go.clear()
    one, other, third = world.page(), world.page(), world.page()
    for page in (one, other, third):
        page.send(1, "tunnel.setup")
    await until(lambda: third.phases == ["connecting"])
    one.send(2, "tunnel.disconnect")
    assert (await one.answer(1))["code"] == "tunnel.setup_cancelled"
    assert (await one.answer(2))["type"] == "result"
    await other.close()
    world.go.set()
    assert (await third.answer(1))["type"] == "result"
    assert (one.phases[-1], third.phases) == ("shutdown", ["connecting", "ready"])


@pytest.mark.parametrize("is_crash", [True, False])
async def test_a_set_up_that_everybody_has_left_stops(world, is_crash):
    world.go.clear()
    one, other = world.page(), world.page()
    for page in (one, other):
        page.send(1, "tunnel.setup")
    await until(lambda: other.phases == ["connecting"])
    for page in (one, other):
        await (page.close() if is_crash else page.call("tunnel.disconnect"))
    world.go.set()
    third = world.page()
    assert (await third.call("tunnel.setup"))["type"] == "result"
    assert len(world.tunnels) == 1


async def test_a_failed_set_up_fails_for_all_and_any_may_try_again_with_its_own_options(world):
    world.go.clear()
    world.failure = GatewayGone()
    one, other = world.page(), world.page()
    for page in (one, other):
        page.send(1, "tunnel.setup")
    await until(lambda: other.phases == ["connecting"])
    world.go.set()
    assert [(await page.answer(1))["code"] for page in (one, other)] == [GatewayGone.code] * 2
    assert one.phases == other.phases == ["connecting", "failed"]
    world.failure = None
    assert (await other.call("tunnel.setup", {"maxRedirects": 9}))["type"] == "result"
    assert (await one.phase(), one.phases[-1]) == ("failed", "failed")
    assert (await one.call("tunnel.setup"))["code"] == "tunnel.other_options"


async def test_a_tunnel_that_fails_later_is_told_to_all_and_has_to_be_set_up_again(world):
    one, other = world.page(), world.page()
    for page in (one, other):
        await page.call("tunnel.setup")
    world.tunnels[0].become(TunnelState(Phase.FAILED, reason=GatewayGone()))
    await until(lambda: one.phases[-1] == other.phases[-1] == "failed")
    assert (await one.call("tunnel.stats"))["code"] == "tunnel.not_set_up"
    assert (await one.call("tunnel.disconnect"))["type"] == "result"
    assert await one.phase() == "shutdown"
    assert (await one.call("tunnel.setup"))["type"] == "result"
    assert await other.phase() == "failed"
    assert len(world.tunnels) == 2


async def test_a_page_that_is_stopped_holds_nobody_up_and_gets_the_last_state(world):
    one, other = world.page(), world.page()
    await one.call("tunnel.setup")
    await other.call("tunnel.setup")
    one.is_awake = False
    await world.download(one, 7, credit=1000)
    await world.download(other, 7)
    for number in range(10 * EVENT_WINDOW):
        world.tunnels[0].become(TunnelState(Phase.CONNECTING, f"step {number}"))
        await asyncio.sleep(0.001)
    world.tunnels[0].become(TunnelState(Phase.READY, "ready again"))
    await until(lambda: len(other.states) == 10 * EVENT_WINDOW + 2)
    assert [state["step"] for state in other.states[1:3]] == ["step 0", "step 1"]
    assert len(one.states) <= EVENT_WINDOW + 2
    before = other.received[7]
    await until(lambda: other.received[7] > before + 100_000)
    assert one.received[7] == 1000
    assert one.phases[-1] == "connecting"
    one.is_awake = True
    one.take_events(EVENT_WINDOW)
    await until(lambda: one.states[-1]["step"] == "ready again")
    world.tunnels[0].become(TunnelState(Phase.READY, "and again"))
    await until(lambda: one.states[-1]["step"] == "and again")


async def test_a_page_that_reads_no_answers_keeps_no_other_from_the_same_server(world):
    stopped, other = world.page(), world.page()
    for page in (stopped, other):
        await page.call("tunnel.setup")
    for id in range(10, 20):  # more than there are connections to one origin
        stopped.send(id, "fetch.start", {"url": f"http://127.0.0.1:{world.port}/"}, credit=0)
    for id in range(10, 16):
        assert (await stopped.answer(id))["type"] == "result"
    await world.download(other, 7)
    assert world.ended == 0
    await stopped.close()
    await until(lambda: world.ended == 6)
