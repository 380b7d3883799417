"""One client's connection over a WebSocket of which the test decides when it takes what."""

import asyncio
import contextlib
import dataclasses
import os
import time

import pytest
from support.virtual_time import stand_still, virtual_time
from websockets.frames import Frame, Opcode

from mix_network.gateway.accepted_connection import encode_message, encoded_length
from mix_network.gateway.client_connection import ClientConnection, ClientLimits
from mix_network.gateway.delivery import Delivery
from mix_network.gateway.inbox import Inbox
from mix_network.gateway.rate_limits import LEAST_COST_BYTES, Rates
from mix_network.gateway.terms import GatewayTerms
from mix_network.gateway.websocket import ClientListener
from mix_network.metrics import NodeMetrics
from mix_network.node_keys import IdentityKeys
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.gateway.registry import ClientRegistry
from mix_protocol.gateway.server import GatewaySession, GatewaySessionConfig

QUESTION = '{"type":"supportedProtocol"}'
LIMIT = 8


class Transport:
    """What was written is in the kernel, but for so much."""

    def __init__(self, abort) -> None:
        self.buffered = 0
        self.closing = False
        self._abort = abort

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True
        self._abort()

    def set_write_buffer_limits(self, high: int) -> None:
        pass


class StubbornWebSocket:
    """Asks for ever; takes an answer only when it may."""

    origin = None

    def __init__(self) -> None:
        self.transport = Transport(self.close_now)
        self.asked = 0
        self.taken: list[str | bytes] = []
        self.may_take = asyncio.Semaphore(0)
        self.closed = False

    def __aiter__(self):
        return self

    async def __anext__(self) -> str:
        await asyncio.sleep(0)
        if self.closed:
            raise StopAsyncIteration
        self.asked += 1
        return QUESTION

    async def send_all(self, frames: list[str | bytes]) -> None:
        for frame in frames:
            await self.may_take.acquire()
            self.taken.append(frame)

    async def close(self, code: int = 1000) -> None:
        self.closed = True

    def close_now(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.transport.abort()


def new_listener(terms: GatewayTerms | None = None) -> ClientListener:
    crypto, metrics, registry = NativeCrypto(), NodeMetrics("entry", "entry-gateway"), ClientRegistry()
    delivery = Delivery(
        metrics, Inbox(), send=lambda *_: None, is_known=registry.__contains__, clock=ClientListener.now
    )
    return ClientListener(
        crypto,
        os.urandom,
        IdentityKeys.generate(crypto, os.urandom),
        registry,
        delivery,
        metrics,
        forward=lambda _: None,
        wall_clock=time.time,
        limits=ClientLimits(unsent_frames=LIMIT, closing_s=0.01),
        terms=terms,
    )


@pytest.fixture
async def listener() -> ClientListener:
    return new_listener()


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 2064, 65_535, 65_536, 70_000])
def test_messages_are_framed_as_the_library_does_it(length):
    for message, opcode in (("x" * length, Opcode.TEXT), (bytes(length), Opcode.BINARY)):
        data = message.encode() if isinstance(message, str) else message
        assert encode_message(message) == Frame(opcode, data).serialize(mask=False)
        assert encoded_length(message) == len(encode_message(message))


class EverReady:
    """A session that passes on what is pushed."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def push_payload(self, payload: bytes) -> None:
        self._frames.append(payload)

    def frames_to_send(self, now: float) -> list[bytes]:
        frames, self._frames = self._frames, []
        return frames

    def next_timeout(self) -> float | None:
        return None


@contextlib.asynccontextmanager
async def connected(listener: ClientListener):
    config = GatewaySessionConfig(max_messages_before_session=1 << 30)
    session = GatewaySession(
        NativeCrypto(), os.urandom, bytes(32), ClientRegistry(), listener.now(), unix_time_offset_s=0.0, config=config
    )
    websocket = StubbornWebSocket()
    connection = ClientConnection(listener, websocket, session)
    task = asyncio.create_task(connection.serve())
    try:
        yield websocket, connection
    finally:
        connection.replace()
        await task


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_client_that_takes_no_answers_is_asked_no_further(listener):
    async with connected(listener) as (websocket, _):
        await turns(20 * LIMIT)
        assert websocket.asked == LIMIT  # what is on its way counts
        for _ in range(3):
            websocket.may_take.release()
        await turns(20 * LIMIT)
        assert len(websocket.taken) == 3
        assert websocket.asked == LIMIT + 1  # what waits behind the first is being written together
        for _ in range(LIMIT):
            websocket.may_take.release()
        await turns(20 * LIMIT)
        assert len(websocket.taken) == LIMIT + 3
        assert websocket.asked <= 2 * LIMIT + 3


async def test_a_connection_that_is_replaced_ends_although_its_client_takes_nothing(listener):
    async with connected(listener) as (websocket, connection):
        await turns(20 * LIMIT)
        assert not connection.push(b"payload")
    assert websocket.closed


async def test_clients_that_take_nothing_leave_everybody_a_part(listener):
    listener.limits = dataclasses.replace(listener.limits, connections=4, unsent_frames=1000, all_unsent_bytes=100_000)
    greedy, modest = (ClientConnection(listener, StubbornWebSocket(), EverReady()) for _ in range(2))
    assert [greedy.push(bytes(20_000)) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [modest.push(bytes(20_000)) for _ in range(3)] == [True, True, False]
    assert listener.unsent_bytes == 140_000


async def test_what_waited_for_a_client_that_is_gone_counts_no_more(listener):
    async with connected(listener) as (_, connection):
        await turns(20 * LIMIT)
        assert listener.unsent_bytes == connection._unsent_bytes > 0
    assert listener.unsent_bytes == 0


async def test_large_payloads_for_a_slow_client_are_bounded_by_their_bytes(listener):
    listener.limits = dataclasses.replace(listener.limits, unsent_frames=1000, unsent_bytes=100_000)
    websocket = StubbornWebSocket()
    connection = ClientConnection(listener, websocket, EverReady())
    assert [connection.push(bytes(30_000)) for _ in range(6)] == [True] * 4 + [False] * 2
    writing = asyncio.create_task(connection._write())
    assert not connection.push(bytes(30_000))
    for _ in range(3):
        websocket.may_take.release()
    await turns(10)
    # What was written together is taken, and the last one is on its way.
    assert [connection.push(bytes(30_000)) for _ in range(4)] == [True, True, True, False]
    writing.cancel()
    await asyncio.wait({writing})


class Broken(EverReady):
    """A session that fails at everything, as a bug would make it."""

    def __init__(self, failing: str) -> None:
        super().__init__()
        setattr(self, failing, self._fail)

    def _fail(self, *_: object) -> None:
        raise ZeroDivisionError

    def receive_text(self, text: str, now: float) -> None:
        pass

    def next_event(self) -> None:
        return None

    def next_timeout(self) -> float | None:
        return None

    def handle_timeout(self, now: float) -> None:
        pass


@pytest.mark.expects_crashes
@pytest.mark.parametrize("failing", ["receive_text", "next_event", "frames_to_send", "next_timeout"])
async def test_a_session_that_fails_ends_its_own_connection(listener, failing, caplog):
    websocket = StubbornWebSocket()
    await asyncio.wait_for(ClientConnection(listener, websocket, Broken(failing)).serve(), 1.0)
    assert websocket.closed
    logged = [record.name for record in caplog.records]
    assert logged in ([], ["mix_network.gateway.client_connection"])  # once for all tests


@pytest.mark.expects_crashes
async def test_a_payload_that_cannot_be_pushed_ends_that_clients_connection(listener):
    connection = ClientConnection(listener, StubbornWebSocket(), Broken("push_payload"))
    assert not connection.push(b"payload")
    assert connection._ending


class SilentWebSocket:
    """Says nothing; answers pings as long as it lives."""

    origin = None

    def __init__(self) -> None:
        self.transport = Transport(self.abort)
        self.lives = True
        self.pings: list[asyncio.Future[float]] = []
        self.ended = asyncio.Event()

    def __aiter__(self):
        return self

    async def __anext__(self) -> str:
        await self.ended.wait()
        raise StopAsyncIteration

    async def ping(self) -> asyncio.Future[float]:
        self.pings.append(asyncio.get_running_loop().create_future())
        if self.lives:
            asyncio.get_running_loop().call_later(0.1, self.pings[-1].set_result, 0.1)
        return self.pings[-1]

    async def close(self, code: int = 1000) -> None:
        self.ended.set()

    def abort(self) -> None:
        self.ended.set()


@virtual_time
async def test_a_client_without_life_is_dropped_but_not_for_what_the_gateway_slept_through():
    limits = ClientLimits()
    listener = new_listener()
    listener.presence.start()
    websocket = SilentWebSocket()
    serving = asyncio.create_task(ClientConnection(listener, websocket, EverReady()).serve())
    for _ in range(3):
        await asyncio.sleep(limits.ping_interval_s + 0.05)  # a ping has just left
        stand_still(10 * limits.ping_timeout_s)
        await asyncio.sleep(1.0)
    assert not websocket.ended.is_set()
    websocket.lives = False
    asked = len(websocket.pings)
    await asyncio.sleep(limits.ping_interval_s + limits.ping_timeout_s - 10.0)
    assert len(websocket.pings) == asked + 1
    assert not websocket.ended.is_set()
    await asyncio.sleep(20.0)
    assert websocket.ended.is_set()
    await serving
    listener.presence.close()


class EagerWebSocket(StubbornWebSocket):
    """Asks for ever, or now and then, and takes every answer at once."""

    def __init__(self, origin: str | None, pause_s: float = 0.0) -> None:
        super().__init__()
        self.origin = origin
        self._pause_s = pause_s

    async def __anext__(self) -> str:
        await asyncio.sleep(self._pause_s)
        return await super().__anext__()

    async def send_all(self, frames: list[str | bytes]) -> None:
        self.taken += frames


def a_session() -> GatewaySession:
    config = GatewaySessionConfig(max_messages_before_session=1 << 30, message_timeout_s=1 << 30)
    crypto = NativeCrypto()
    return GatewaySession(
        crypto, os.urandom, bytes(32), ClientRegistry(), ClientListener.now(), unix_time_offset_s=0.0, config=config
    )


@virtual_time
async def test_who_sends_more_than_it_may_is_read_more_slowly_and_nobody_else_is():
    listener = new_listener(
        GatewayTerms(rates=Rates(client_bytes_per_s=10 * LEAST_COST_BYTES, address_bytes_per_s=20 * LEAST_COST_BYTES))
    )
    listener.limits = dataclasses.replace(listener.limits, unsent_frames=1 << 20)
    sockets = {
        "greedy client": EagerWebSocket(None),
        "greedy, from one address": EagerWebSocket("203.0.113.9/32"),
        "and again": EagerWebSocket("203.0.113.9/32"),
        "modest": EagerWebSocket("203.0.113.10/32", pause_s=0.5),
    }
    connections = {name: ClientConnection(listener, websocket, a_session()) for name, websocket in sockets.items()}
    for number, name in enumerate(("greedy client", "modest")):
        connections[name]._identity = bytes((number,))
    serving = [asyncio.create_task(connection.serve()) for connection in connections.values()]
    await asyncio.sleep(20.1)
    asked = {name: websocket.asked for name, websocket in sockets.items()}
    throttled = listener.metrics.throttled
    for websocket in sockets.values():
        websocket.closed = True
    await asyncio.wait(serving)
    # A burst of four seconds passes at once; each may overdraw by one message.
    assert 240 <= asked["greedy client"] <= 243
    assert 480 <= asked["greedy, from one address"] + asked["and again"] <= 484
    assert min(asked["greedy, from one address"], asked["and again"]) >= 200
    assert asked["modest"] == 40
    assert throttled >= 600


@virtual_time
async def test_a_connection_that_waits_for_its_turn_can_be_ended():
    listener = new_listener(GatewayTerms(rates=Rates(address_bytes_per_s=1.0)))
    connection = ClientConnection(listener, EagerWebSocket("203.0.113.9/32"), a_session())
    serving = asyncio.create_task(connection.serve())
    await asyncio.sleep(1.0)
    assert not serving.done()
    connection.replace()
    await asyncio.wait_for(serving, 1.0)


class Kept(EverReady):
    """A session of which every frame can be read."""

    def payload_of(self, frame: bytes) -> bytes:
        return frame


async def test_what_could_not_be_sent_is_kept_for_the_clients_next_connection(listener):
    identity, websocket = bytes(32), StubbornWebSocket()
    listener.delivery._is_known = lambda _: True
    connection = ClientConnection(listener, websocket, Kept())
    connection._identity = identity
    listener.delivery.connect(identity, connection)
    direct = [bytes((number,)) * 100 for number in range(5)]
    for number, payload in enumerate(direct):
        assert connection.push(payload, is_kept=number == 3)  # that one is in the inbox anyway
    websocket.may_take = asyncio.Semaphore(5)
    websocket.transport.buffered = 2 * encoded_length(direct[0]) + 7  # a part of the third, and all of two
    writing = asyncio.create_task(connection._write())
    await turns(20)
    writing.cancel()
    listener.delivery.disconnect(identity, connection)
    connection._give_back()
    assert listener.delivery._inbox.take(identity, 0.0) == [direct[2], direct[4]]
    connection._give_back()
    assert identity not in listener.delivery._inbox


async def test_what_waited_is_not_forgotten_when_the_connection_breaks_while_it_is_written(listener):
    identity, websocket = bytes(32), StubbornWebSocket()
    listener.delivery._inbox.store(identity, b"payload", listener.now())
    connection = ClientConnection(listener, websocket, Kept())
    connection._identity = identity
    connection._await_settling(listener.delivery.connect(identity, connection))
    websocket.may_take = asyncio.Semaphore(1)
    websocket.transport.closing = True  # its buffer is empty, for nobody will ever write it
    writing = asyncio.create_task(connection._write())
    await turns(20)
    writing.cancel()
    assert websocket.taken == [b"payload"]
    assert listener.delivery._inbox.take(identity, listener.now()) == [b"payload"]
