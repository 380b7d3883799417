"""The worker's methods behind a real `RpcServer`, with a tunnel that needs no network."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.waiting import PATIENCE_S

from mix_protocol.errors import NetworkFailure
from mix_tunnel.default import TunnelSlot
from mix_tunnel.options import OPTION_RULES
from mix_tunnel.rpc.endpoint import memory_pair
from mix_tunnel.rpc.server import RpcServer
from mix_tunnel.runtime.http.request import HttpTimeouts
from mix_tunnel.state import Phase, Step, StepTaken, TunnelState
from mix_tunnel.stats import TunnelStats
from mix_tunnel.worker.fetch_service import FetchService
from mix_tunnel.worker.tunnel_service import TunnelService


class GatewayGone(NetworkFailure):
    """For these tests."""

    code = "test.gateway_gone"
    message = "the gateway is gone"


class Answer:
    """An HTTP response from memory."""

    status, reason, url, redirected = 200, "OK", "https://site.test/", False

    def __init__(self, request) -> None:
        self.headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Method", request.method)]
        self._body = request.body or b""
        self.closed = False

    async def read(self, max_bytes: int = 65536) -> bytes:
        piece, self._body = self._body[:max_bytes], self._body[max_bytes:]
        return piece

    async def aclose(self) -> None:
        self.closed = True


class Http:
    timeouts = HttpTimeouts()

    async def fetch(self, request):
        return Answer(request)


class ReadyTunnel:
    """What `Tunnel` looks like to the service."""

    def __init__(self, options, on_state) -> None:
        self.options = options
        self.http = Http()
        self._on_state = on_state
        self.become(TunnelState(Phase.READY, "ready", elapsed_ms=12.5, steps=(StepTaken(Step.REGISTERING, 4.0),)))

    def become(self, state) -> None:
        self.state = state
        self._on_state(state)

    def stats(self):
        return TunnelStats(bytes_sent=17)

    async def close(self) -> None:
        self.become(TunnelState(Phase.SHUTTING_DOWN))
        self.become(TunnelState(Phase.SHUTDOWN))


class Page:
    """Sends calls as plain JSON, as JavaScript does."""

    def __init__(self, endpoint) -> None:
        self._endpoint = endpoint
        self._arrived = asyncio.Queue()
        self.states = []
        self._id = 0
        endpoint.listen(self._receive)

    def _receive(self, head, body):
        message = json.loads(head)
        if message["type"] == "event":
            self.states.append(message["value"])
        else:
            self._arrived.put_nowait((message, body))

    def send(self, method, params=None, body=None):
        self._id += 1
        head = {"version": 1, "type": "call", "id": self._id, "method": method, "params": params or {}}
        self._endpoint.send(json.dumps(head), body)
        self._endpoint.send(json.dumps({"version": 1, "type": "credit", "id": self._id, "bytes": 1_000_000}))

    async def next(self):
        return await asyncio.wait_for(self._arrived.get(), PATIENCE_S)

    async def call(self, method, params=None, body=None):
        self.send(method, params, body)
        return (await self.next())[0]


@pytest.fixture
async def worker():
    """A page, and the tunnels that were made for it; `worker.connect` may be replaced."""

    class Worker:
        def __init__(self) -> None:
            self.tunnels = []
            here, there = memory_pair()
            server = RpcServer(here)
            service = TunnelService(server.emit, TunnelSlot(self._connect))
            server.offer(service.methods)
            server.offer(FetchService(service).methods)
            server.start()
            self.page = Page(there)

        async def _connect(self, options, *, on_state):
            return await self.connect(options, on_state)

        async def connect(self, options, on_state):
            on_state(TunnelState(Phase.CONNECTING, "fetching the directory"))
            self.tunnels.append(ReadyTunnel(options, on_state))
            return self.tunnels[-1]

    return Worker()


async def test_setup_passes_options_and_pushes_states(worker):
    page = worker.page
    options = {"directoryUrl": "http://127.0.0.1:8000/api", "disableCoverTraffic": True, "clientId": None}
    assert (await page.call("tunnel.setup", options))["type"] == "result"
    given = worker.tunnels[0].options
    assert (given.directory_url, given.disable_cover_traffic) == ("http://127.0.0.1:8000/api", True)
    assert given.client_id == type(given)().client_id
    assert [state["state"] for state in page.states] == ["connecting", "ready"]
    assert page.states[1] == {
        "state": "ready",
        "step": "ready",
        "steps": [{"step": "registering", "elapsedMs": 4.0, "error": None}],
        "elapsedMs": 12.5,
        "reason": None,
        "warnings": [],
        "directorySignatures": 0,
    }


async def test_before_the_first_setup_the_state_is_the_published_clients(worker):
    page = worker.page
    before = {
        "state": "connecting",
        "step": "",
        "steps": [],
        "elapsedMs": 0,
        "reason": None,
        "warnings": [],
        "directorySignatures": 0,
    }
    assert (await page.call("tunnel.state"))["value"] == before
    assert (await page.call("tunnel.disconnect"))["type"] == "result"
    assert (await page.call("tunnel.setup", {"maxRedirects": -1}))["type"] == "error"
    assert (await page.call("tunnel.state"))["value"] == before
    assert page.states == []


async def test_second_setup_is_refused_until_disconnected(worker):
    page = worker.page
    await page.call("tunnel.setup")
    again = await page.call("tunnel.setup")
    assert (again["code"], again["message"]) == ("tunnel.already_initialised", "tunnel already initialised")
    assert (await page.call("tunnel.disconnect"))["type"] == "result"
    assert (await page.call("tunnel.state"))["value"]["state"] == "shutdown"
    assert (await page.call("tunnel.setup"))["type"] == "result"
    assert len(worker.tunnels) == 2


@pytest.mark.parametrize("rule", OPTION_RULES.values(), ids=lambda rule: rule.js_name)
@pytest.mark.parametrize("value", [{}, [1], "", -1, 0.5, 1 << 64], ids=repr)
async def test_every_wrong_option_is_named_as_the_page_knows_it(worker, rule, value):
    refused = await worker.page.call("tunnel.setup", {rule.js_name: value})
    assert refused["code"] == "tunnel.invalid_option"
    assert refused["message"] == f"{rule.js_name} must be {rule.allowed}"
    assert refused["fields"] == {"option": rule.js_name, "allowed": rule.allowed}
    assert worker.tunnels == []


async def test_an_option_that_does_not_exist_is_named(worker):
    refused = await worker.page.call("tunnel.setup", {"preferredNetworkRequester": "x"})
    assert (refused["code"], refused["fields"]) == ("tunnel.invalid_option", {"option": "preferredNetworkRequester"})
    assert worker.tunnels == []


async def test_failed_setup_tells_why_and_may_be_tried_again(worker):
    connect = worker.connect

    async def fail(options, on_state):
        raise GatewayGone

    worker.connect = fail
    assert (await worker.page.call("tunnel.setup"))["code"] == "test.gateway_gone"
    assert worker.page.states[-1]["state"] == "failed"
    assert worker.page.states[-1]["reason"] == {
        "kind": "task_exited",
        "task": "bridge",
        "code": "test.gateway_gone",
        "message": "the gateway is gone",
        "fields": {},
        "retryable": True,
    }
    worker.connect = connect
    assert (await worker.page.call("tunnel.setup"))["type"] == "result"


async def test_disconnect_stops_a_setup(worker):
    async def never(options, on_state):
        on_state(TunnelState(Phase.CONNECTING, "fetching the directory"))
        await asyncio.Event().wait()

    worker.connect = never
    page = worker.page
    page.send("tunnel.setup")
    page.send("tunnel.disconnect")
    answers = {message["id"]: message for message in ((await page.next())[0], (await page.next())[0])}
    assert answers[1]["code"] == "tunnel.setup_cancelled"
    assert answers[2]["type"] == "result"
    assert page.states[-1]["state"] == "shutdown"


async def test_a_tunnel_that_failed_later_is_replaced(worker):
    await worker.page.call("tunnel.setup")
    worker.tunnels[0].become(TunnelState(Phase.FAILED, reason=GatewayGone()))
    assert (await worker.page.call("tunnel.state"))["value"]["reason"]["code"] == "test.gateway_gone"
    assert (await worker.page.call("tunnel.setup"))["type"] == "result"
    assert len(worker.tunnels) == 2


async def test_stats(worker):
    assert (await worker.page.call("tunnel.stats"))["code"] == "tunnel.not_set_up"
    await worker.page.call("tunnel.setup")
    stats = (await worker.page.call("tunnel.stats"))["value"]
    assert (stats["bytesSent"], stats["roundTripMs"]) == (17, None)


async def test_fetch_without_a_tunnel(worker):
    assert (await worker.page.call("fetch.start", {"url": "https://site.test/"}))["code"] == "tunnel.not_set_up"


@pytest.fixture
async def slow_worker(worker):
    """A worker whose set-up goes on until `worker.outcome` is known."""
    connect = worker.connect
    worker.outcome = asyncio.get_running_loop().create_future()

    async def later(options, on_state):
        on_state(TunnelState(Phase.CONNECTING, "fetching the directory"))
        await worker.outcome
        return await connect(options, on_state)

    worker.connect = later
    return worker


async def start_early(page, **more):
    """Set up and fetch twice, all at once; returns when the set-up is under way."""
    page.send("tunnel.setup")
    for _ in range(2):
        page.send("fetch.start", {"url": "https://site.test/", **more})
    await page.call("tunnel.state")


async def test_fetches_of_the_time_of_the_set_up_wait_for_its_end(slow_worker):
    page = slow_worker.page
    await start_early(page, timeoutMs=60_000)
    slow_worker.outcome.set_result(None)
    answers = [(await page.next())[0] for _ in range(5)]  # of both fetches the result and the body's end
    assert {each["id"] for each in answers if each["type"] == "result"} == {1, 2, 3}


async def test_fetches_of_the_time_of_a_set_up_that_fails_fail_as_it_does(slow_worker):
    page = slow_worker.page
    await start_early(page)
    slow_worker.outcome.set_exception(GatewayGone())
    assert [(await page.next())[0]["code"] for _ in range(3)] == ["test.gateway_gone"] * 3
    assert (await page.call("fetch.start", {"url": "https://site.test/"}))["code"] == "tunnel.not_set_up"


async def test_fetches_of_the_time_of_a_set_up_that_is_stopped_fail_as_it_does(slow_worker):
    page = slow_worker.page
    await start_early(page)
    page.send("tunnel.disconnect")
    answers = {message["id"]: message.get("code") for message, _ in [await page.next() for _ in range(4)]}
    assert answers == {1: "tunnel.setup_cancelled", 2: "tunnel.setup_cancelled", 3: "tunnel.setup_cancelled", 5: None}


async def test_the_time_limit_of_a_fetch_counts_while_it_waits_for_the_set_up(slow_worker):
    page = slow_worker.page
    page.send("tunnel.setup")
    assert (await page.call("fetch.start", {"url": "https://site.test/", "timeoutMs": 1}))[
        "code"
    ] == "http.total_timed_out"


async def test_a_second_set_up_during_the_first_is_refused_and_harms_nobody(slow_worker):
    page = slow_worker.page
    await start_early(page)
    assert (await page.call("tunnel.setup"))["code"] == "tunnel.already_initialised"
    slow_worker.outcome.set_result(None)
    answers = [(await page.next())[0] for _ in range(5)]
    assert {each["id"] for each in answers if each["type"] == "result"} == {1, 2, 3}


async def test_fetch(worker):
    page = worker.page
    await page.call("tunnel.setup")
    request = {"url": "https://site.test/", "method": "POST", "headers": [["a", "b"]], "redirect": "manual"}
    result = await page.call("fetch.start", request, b"hello")
    assert result["stream"]
    assert result["value"] == {
        "status": 200,
        "statusText": "OK",
        "headers": [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-Method", "POST"]],
        "url": "https://site.test/",
        "redirected": False,
    }
    assert (await page.next())[1] == b"hello"
    assert (await page.next())[0]["end"]


async def test_fetch_parameters_are_checked(worker):
    await worker.page.call("tunnel.setup")
    for wrong in ({}, {"url": 5}, {"url": "x", "redirect": "sideways"}, {"url": "x", "headers": [["a"]]}):
        assert (await worker.page.call("fetch.start", wrong))["code"] == "rpc.invalid_parameters"
