"""The worker's side: dispatches calls to a fixed table of methods, streams bodies, honours cancellation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mix_protocol.crash_log import CrashLog
from mix_protocol.errors import MixError
from mix_tunnel.rpc.bodies import ByteSource, CreditGate, Upload
from mix_tunnel.rpc.endpoint import Endpoint
from mix_tunnel.rpc.errors import (
    CallCancelled,
    InternalFailure,
    InvalidParameters,
    MalformedRpcMessage,
    TooManyCalls,
    UnknownMethod,
)
from mix_tunnel.rpc.messages import (
    Call,
    Cancel,
    Chunk,
    Credit,
    Event,
    Failure,
    Message,
    Result,
    decode_head,
    encode_head,
)
from mix_tunnel.rpc.naming import fields_to_camel, keys_to_camel, keys_to_snake, spell_option

T = TypeVar("T")

MAX_OPEN_CALLS = 1024
CHUNK_BYTES = 64 * 1024
"""The largest chunk sent."""
EVENT_WINDOW = 64
"""Events that may be on their way to a page, which may be stopped for hours; of more, it gets the last of each name."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """What a method gets: its parameters in snake_case and the request's body."""

    params: Mapping[str, Any] = field(repr=False)
    body: bytes | None = field(repr=False)
    """The whole body, when it came with the call."""
    upload: Upload | None
    """The body as it arrives, when it follows the call."""

    def params_as(self, type: type[T]) -> T:
        """The parameters as a dataclass; `InvalidParameters` if they do not fit it."""
        import msgspec  # compiled: must not load when this module does

        try:
            return msgspec.convert(self.params, type)
        except msgspec.ValidationError as error:
            raise InvalidParameters(f"the call's parameters are not valid: {error}") from None


@dataclass(frozen=True, slots=True)
class Reply:
    """A method's answer when a body follows its value."""

    value: Any = field(repr=False)
    body: ByteSource = field(repr=False)


Method = Callable[[IncomingCall], Awaitable[Any]]


class RpcServer:
    """Serves the methods of a table to the other side of an endpoint.

    A method is a coroutine function: what it returns is the call's result, what it raises the call's error. An error
    that is no `MixError` is a fault of ours: it is logged here once and crosses as `rpc.internal`, without its text.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._methods: dict[str, Method] = {}
        self._find_more: Callable[[], Mapping[str, Method]] | None = None
        self._open: dict[int, _OpenCall] = {}
        self._event_room = EVENT_WINDOW
        self._late_events: dict[str, Any] = {}
        self._crashes = CrashLog(_log)

    def offer(self, methods: Mapping[str, Method]) -> None:
        """Add methods to the table."""
        self._methods.update(methods)

    def offer_later(self, find: Callable[[], Mapping[str, Method]]) -> None:
        """Add further methods once somebody asks for one that the table lacks."""
        self._find_more = find

    def start(self) -> None:
        """Begin to receive."""
        self._endpoint.listen(self._receive)

    def emit(self, name: str, value: Any) -> None:
        """Push an event to the other side, or keep it until that has taken some of those before."""
        if self._event_room > 0:
            self._event_room -= 1
            self._send(Event(name, keys_to_camel(value)))
        else:
            self._late_events.pop(name, None)
            self._late_events[name] = value

    async def end_calls(self, error: MixError | None = None, of: Callable[[str], bool] = lambda method: True) -> None:
        """Cancel the open calls of some methods and wait until each has ended, with an error for whoever made it."""
        ending = [call for call in self._open.values() if call.task is not None and of(call.method)]
        for call in ending:
            call.end(error or CallCancelled())
        await asyncio.gather(*(call.task for call in ending if call.task is not None), return_exceptions=True)

    async def aclose(self) -> None:
        """Cancel every open call and wait until each has ended."""
        await self.end_calls()

    def _send(self, message: Message, body: bytes | None = None) -> None:
        self._endpoint.send(encode_head(message), body)

    def _send_error(self, id: int, error: MixError) -> None:
        message, fields = error.sentence(spell_option), fields_to_camel(error.fields)
        self._send(Failure(id, error.code, message, fields, error.retryable))

    def _receive(self, head: str, body: bytes | None) -> None:
        try:
            message = decode_head(head, body)
        except MalformedRpcMessage as error:
            _log.warning("a message was ignored: %s", error)
            return
        try:
            self._take(message, body)
        except Exception as error:
            self._crashes.note(error, "one call")
            if isinstance(message, Call):
                self._send_error(message.id, InternalFailure())

    def _take(self, message: Message, body: bytes | None) -> None:
        match message:
            case Call():
                self._begin(message, body)
            case Chunk() if (call := self._open.get(message.id)) is not None:
                call.receive_chunk(body or b"", message.end)
            case Credit() if (call := self._open.get(message.id)) is not None:
                call.gate.grant(message.bytes)
            case Credit(id=0):
                self._take_event_credit(message.bytes)
            case Cancel() if (call := self._open.get(message.id)) is not None and call.task is not None:
                call.end(CallCancelled())
            case _:
                pass  # for a call that has just ended, or nothing that a server understands

    def _take_event_credit(self, count: int) -> None:
        self._event_room = min(self._event_room + count, EVENT_WINDOW)
        late, self._late_events = self._late_events, {}
        for name, value in late.items():
            self.emit(name, value)

    def _begin(self, message: Call, body: bytes | None) -> None:
        if message.id in self._open:
            _log.warning("a call was ignored: its id is in use")
            return
        method = self._find(message.method)
        if method is None:
            self._send_error(message.id, UnknownMethod(method=message.method[:64]))
            return
        if len(self._open) >= MAX_OPEN_CALLS:
            self._send_error(message.id, TooManyCalls(limit=MAX_OPEN_CALLS))
            return
        upload = Upload(lambda count: self._send(Credit(message.id, count))) if message.upload else None
        call = _OpenCall(message.method, upload)
        self._open[message.id] = call
        incoming = IncomingCall(keys_to_snake(message.params), body, upload)
        call.task = asyncio.get_running_loop().create_task(self._run(message.id, method, incoming, call))
        call.task.add_done_callback(lambda task: self._end(message.id, task))

    def _find(self, name: str) -> Method | None:
        if name not in self._methods and self._find_more is not None:
            self.offer(self._find_more())
            self._find_more = None
        return self._methods.get(name)

    def _end(self, id: int, task: asyncio.Task[None]) -> None:
        """Forget a call. A cancelled task may never have run a line of its own, so its last word is said here."""
        call = self._open.pop(id)
        if task.cancelled():
            self._send_error(id, call.reason or CallCancelled())

    async def _run(self, id: int, method: Method, incoming: IncomingCall, call: _OpenCall) -> None:
        try:
            if call.upload is not None:
                call.upload.open()
            answer = await method(incoming)
            if isinstance(answer, Reply):
                await self._send_body(id, answer, call.gate)
            else:
                self._send(Result(id, keys_to_camel(answer)))
        except MixError as error:
            self._send_error(id, error)
        except Exception as error:
            self._crashes.note(error, "one call")
            self._send_error(id, InternalFailure())

    async def _send_body(self, id: int, reply: Reply, gate: CreditGate) -> None:
        """Send a result and its body, as far as credit goes; however it ends, the source is closed."""
        try:
            self._send(Result(id, keys_to_camel(reply.value), stream=True))
            while True:
                room = await gate.wait()
                data = await reply.body.read(min(room, CHUNK_BYTES))
                if not data:
                    break
                gate.spend(len(data))
                self._send(Chunk(id), data)
        finally:
            await reply.body.aclose()
        self._send(Chunk(id, end=True))


class _OpenCall:
    """What the server remembers about a call that has not ended."""

    __slots__ = ("gate", "method", "reason", "task", "upload")

    def __init__(self, method: str, upload: Upload | None) -> None:
        self.method = method
        self.gate = CreditGate()
        self.upload = upload
        self.task: asyncio.Task[None] | None = None
        self.reason: MixError | None = None

    def end(self, reason: MixError) -> None:
        """Cancel it; the first reason is the one that is told."""
        self.reason = self.reason or reason
        if self.task is not None:
            self.task.cancel()

    def receive_chunk(self, data: bytes, end: bool) -> None:
        if self.upload is None:
            return
        try:
            self.upload.receive(data, end)
        except MixError as error:
            self.upload.fail(error)
