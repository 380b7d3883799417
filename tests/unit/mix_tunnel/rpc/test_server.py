"""Conversations with an `RpcServer` over a pair of endpoints in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from support.waiting import PATIENCE_S

from mix_protocol.errors import NetworkFailure
from mix_tunnel.rpc.bodies import UPLOAD_WINDOW_BYTES
from mix_tunnel.rpc.endpoint import MemoryEndpoint, memory_pair
from mix_tunnel.rpc.messages import Call, Cancel, Chunk, Credit, Event, Failure, Result, decode_head, encode_head
from mix_tunnel.rpc.server import CHUNK_BYTES, EVENT_WINDOW, MAX_OPEN_CALLS, Reply, RpcServer


class Refused(NetworkFailure):
    """For these tests."""

    code = "test.refused"
    message = "nobody listens there"


class Source:
    """A body out of memory, that remembers whether it was closed."""

    def __init__(self, data: bytes, *, fail_at: int | None = None) -> None:
        self._data = data
        self._fail_at = fail_at
        self.at = 0
        self.closed = False

    async def read(self, max_bytes: int = 65536) -> bytes:
        if self._fail_at is not None and self.at >= self._fail_at:
            raise Refused
        piece = self._data[self.at : self.at + max_bytes]
        self.at += len(piece)
        return piece

    async def aclose(self) -> None:
        self.closed = True


class Page:
    """The caller's side: sends messages and waits for the answers."""

    def __init__(self, endpoint: MemoryEndpoint) -> None:
        self._endpoint = endpoint
        self._arrived: asyncio.Queue[tuple[object, bytes | None]] = asyncio.Queue()
        endpoint.listen(lambda head, body: self._arrived.put_nowait((decode_head(head, body), body)))

    def send(self, message, body=None):
        self._endpoint.send(encode_head(message), body)

    def send_raw(self, head):
        self._endpoint.send(head)

    async def next(self):
        return (await self.next_with_body())[0]

    async def next_with_body(self):
        return await asyncio.wait_for(self._arrived.get(), PATIENCE_S)

    async def is_silent(self):
        for _ in range(20):
            await asyncio.sleep(0)
        return self._arrived.empty()


@pytest.fixture
async def joined():
    one, other = memory_pair()
    server = RpcServer(one)
    server.start()
    yield server, Page(other)
    await server.aclose()


def offer(server, method):
    server.offer({"test.method": method})


def call(id=1, **params):
    return Call(id, "test.method", params)


async def test_a_call_and_its_result(joined):
    server, page = joined

    async def method(call):
        return {"seen_params": dict(call.params), "body": call.body.decode()}

    offer(server, method)
    page.send(call(maxRedirects=3), b"bytes")
    assert await page.next() == Result(1, {"seenParams": {"maxRedirects": 3}, "body": "bytes"})


async def test_further_methods_are_found_once_somebody_asks_for_one(joined):
    server, page = joined
    found = []

    async def method(call):
        return "found"

    def find():
        found.append(method)
        return {"test.method": method}

    server.offer_later(find)
    for id in (1, 2, 3):
        page.send(call(id))
        assert await page.next() == Result(id, "found")
    page.send(Call(9, "test.other", {}))
    assert (await page.next()).code == "rpc.unknown_method"
    assert found == [method]


async def test_errors_cross_with_code_fields_and_retryable(joined):
    server, page = joined

    async def method(call):
        raise Refused("nobody listens at that port", retry_after_s=3)

    offer(server, method)
    page.send(call())
    expected = Failure(1, "test.refused", "nobody listens at that port", {"retryAfterS": 3}, retryable=True)
    assert await page.next() == expected


@pytest.mark.expects_crashes
async def test_a_fault_of_ours_tells_nothing(joined, caplog):
    server, page = joined

    async def method(call):
        raise ValueError("secret: 10.1.2.3")

    offer(server, method)
    page.send(call())
    failure = await page.next()
    assert failure.code == "rpc.internal"
    assert "10.1.2.3" not in failure.message
    assert "10.1.2.3" not in caplog.text  # an exception's text may hold anything
    assert caplog.text.count("please report it: ValueError") == 1


async def test_unknown_method(joined):
    _, page = joined
    page.send(Call(1, "__proto__.foo"))
    assert (await page.next()).code == "rpc.unknown_method"


async def test_parameters_are_checked(joined):
    server, page = joined

    @dataclass
    class Wanted:
        max_redirects: int

    async def method(call):
        return call.params_as(Wanted).max_redirects

    offer(server, method)
    page.send(call(maxRedirects="many"))
    assert (await page.next()).code == "rpc.invalid_parameters"
    page.send(call(2, maxRedirects=7))
    assert await page.next() == Result(2, 7)


async def test_garbage_is_ignored_and_calls_go_on(joined, caplog):
    server, page = joined

    async def method(call):
        return "fine"

    offer(server, method)
    for head in ("", "{}", '{"version":9,"type":"call","id":1}', '{"version":1,"type":"cancel","id":77}'):
        page.send_raw(head)
    page.send(Credit(99, 5))
    page.send(Result(98))
    page.send(call())
    assert await page.next() == Result(1, "fine")
    assert caplog.text.count("ignored") == 3


async def test_events(joined):
    server, page = joined
    server.emit("tunnel.state", {"elapsed_ms": 5})
    assert await page.next() == Event("tunnel.state", {"elapsedMs": 5})


async def test_events_flow_as_far_as_they_are_taken_and_then_the_last_of_each_name(joined):
    server, page = joined
    for number in range(EVENT_WINDOW + 10):
        server.emit("state", number)
    server.emit("other", 1)
    server.emit("state", 99)
    assert [(await page.next()).value for _ in range(EVENT_WINDOW)] == list(range(EVENT_WINDOW))
    assert await page.is_silent()
    page.send(Credit(0, 1))
    assert await page.next() == Event("other", 1)
    assert await page.is_silent()
    page.send(Credit(0, 10 * EVENT_WINDOW))  # no more than a window, whatever a page says
    assert await page.next() == Event("state", 99)
    for number in range(EVENT_WINDOW + 1):
        server.emit("state", number)
    assert [(await page.next()).value for _ in range(EVENT_WINDOW - 1)] == list(range(EVENT_WINDOW - 1))
    assert await page.is_silent()


async def test_the_calls_of_some_methods_end_with_an_error_of_choice(joined):
    server, page = joined
    source = Source(bytes(1000))

    async def wait(call):
        await asyncio.Event().wait()

    async def stream(call):
        return Reply(None, source)

    server.offer({"a.wait": wait, "a.stream": stream, "b.wait": wait})
    for id, method in enumerate(("a.wait", "a.stream", "b.wait"), 1):
        page.send(Call(id, method))
    assert (await page.next()).stream
    await server.end_calls(Refused(), lambda method: method.startswith("a."))
    ended = [await page.next(), await page.next()]
    assert {(failure.id, failure.code) for failure in ended} == {(1, "test.refused"), (2, "test.refused")}
    assert source.closed
    assert await page.is_silent()
    page.send(Cancel(3))
    assert (await page.next()).code == "rpc.cancelled"


async def test_a_body_flows_as_far_as_credit_goes(joined):
    server, page = joined
    data = bytes(range(256)) * 1000
    source = Source(data)

    async def method(call):
        return Reply({"status": 200}, source)

    offer(server, method)
    page.send(call())
    assert await page.next() == Result(1, {"status": 200}, stream=True)
    assert await page.is_silent()
    assert source.at == 0
    page.send(Credit(1, 1000))
    assert await page.next_with_body() == (Chunk(1), data[:1000])
    assert await page.is_silent()
    page.send(Credit(1, len(data)))
    got = data[:1000]
    while True:
        chunk, body = await page.next_with_body()
        if chunk.end:
            break
        assert len(body) <= CHUNK_BYTES
        got += body
    assert got == data
    assert source.closed


async def test_credit_may_come_before_the_result(joined):
    server, page = joined

    async def method(call):
        return Reply(None, Source(b"abc"))

    offer(server, method)
    page.send(call())
    page.send(Credit(1, 10))
    assert await page.next() == Result(1, None, stream=True)
    assert await page.next_with_body() == (Chunk(1), b"abc")
    assert await page.next() == Chunk(1, end=True)


async def test_a_body_that_fails_in_the_middle(joined):
    server, page = joined
    source = Source(bytes(100), fail_at=50)

    async def method(call):
        return Reply(None, source)

    offer(server, method)
    page.send(call())
    page.send(Credit(1, 50))
    assert (await page.next()).stream
    assert (await page.next_with_body())[1] == bytes(50)
    page.send(Credit(1, 50))
    assert (await page.next()).code == "test.refused"
    assert source.closed


@pytest.mark.expects_crashes
async def test_cancel_before_the_method_runs(joined):
    server, page = joined

    async def method(call):
        raise AssertionError("it was cancelled")

    offer(server, method)
    page.send(call())
    page.send(Cancel(1))
    assert (await page.next()).code == "rpc.cancelled"
    page.send(call())
    assert (await page.next()).code == "rpc.internal"


async def test_cancel_while_the_method_runs(joined):
    server, page = joined
    ended = asyncio.Event()

    async def method(call):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    offer(server, method)
    page.send(call())
    assert await page.is_silent()
    page.send(Cancel(1))
    assert (await page.next()).code == "rpc.cancelled"
    assert ended.is_set()


async def test_cancel_in_the_middle_of_a_body_closes_its_source(joined):
    server, page = joined
    source = Source(bytes(1000))

    async def method(call):
        return Reply(None, source)

    offer(server, method)
    page.send(call())
    page.send(Credit(1, 10))
    await page.next()
    await page.next()
    page.send(Cancel(1))
    assert (await page.next()).code == "rpc.cancelled"
    assert source.closed


async def test_cancel_for_a_call_that_has_ended_is_nothing(joined):
    server, page = joined

    async def method(call):
        return 1

    offer(server, method)
    page.send(call())
    await page.next()
    page.send(Cancel(1))
    assert await page.is_silent()


async def test_upload_grants_credit_as_it_is_read(joined):
    server, page = joined
    go_on = asyncio.Event()

    async def method(call):
        await go_on.wait()
        return sum([len(piece) async for piece in call.upload])

    offer(server, method)
    page.send(Call(1, "test.method", {}, upload=True))
    assert await page.next() == Credit(1, UPLOAD_WINDOW_BYTES)
    page.send(Chunk(1), bytes(UPLOAD_WINDOW_BYTES))
    assert await page.is_silent()
    go_on.set()
    assert await page.next() == Credit(1, UPLOAD_WINDOW_BYTES)
    page.send(Chunk(1), bytes(5))
    assert await page.next() == Credit(1, 5)
    page.send(Chunk(1, end=True))
    assert await page.next() == Result(1, UPLOAD_WINDOW_BYTES + 5)


async def test_upload_beyond_credit_is_refused(joined):
    server, page = joined

    async def method(call):
        return [piece async for piece in call.upload]

    offer(server, method)
    page.send(Call(1, "test.method", {}, upload=True))
    await page.next()
    page.send(Chunk(1), bytes(UPLOAD_WINDOW_BYTES + 1))
    assert (await page.next()).code == "rpc.credit_exceeded"


async def test_an_id_in_use_is_ignored(joined):
    server, page = joined
    release = asyncio.Event()

    async def method(call):
        await release.wait()
        return call.params["name"]

    offer(server, method)
    page.send(call(name="first"))
    page.send(call(name="second"))
    await page.is_silent()
    release.set()
    assert await page.next() == Result(1, "first")
    assert await page.is_silent()


async def test_open_calls_are_bounded(joined):
    server, page = joined

    async def method(call):
        await asyncio.Event().wait()

    offer(server, method)
    for id in range(1, MAX_OPEN_CALLS + 2):
        page.send(call(id))
    failure = await page.next()
    assert (failure.id, failure.code) == (MAX_OPEN_CALLS + 1, "rpc.too_many_calls")


async def test_closing_ends_every_call(joined):
    server, page = joined

    async def method(call):
        await asyncio.Event().wait()

    offer(server, method)
    page.send(call(1))
    page.send(call(2))
    await page.is_silent()
    await server.aclose()
    assert {(await page.next()).code, (await page.next()).code} == {"rpc.cancelled"}
