"""The platform of Pyodide in a browser's worker: with the worker's event loop, the only module that imports `js`.

Every callback that JavaScript may call is a proxy, which keeps Python objects alive until it is destroyed; so each
has one owner here that destroys it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from mix_protocol.crypto.provider import CryptoProvider
from mix_tunnel.platform import (
    MAX_DOCUMENT_BYTES,
    MAX_FRAME_BYTES,
    MAX_RECORD_BYTES,
    GetAnswer,
    GetFailed,
    StorageInUse,
    StorageUnavailable,
    WebSocketClosed,
    WebSocketFailed,
)

_RANDOM_POOL_BYTES = 1024
_HIGH_WATER_BYTES = 262_144
_DRAIN_POLL_S = 0.005
_MAX_QUEUED_FRAMES = 16_384
_NORMAL_CLOSURE = 1000
_OPEN = 1
_DATABASE, _STORE = "mix-tunnel", "records"


def parse_url(text: str, base: str | None) -> Any:
    """The platform's `URL`, or None when the text is none; `base` is what it is relative to."""
    try:
        return js.URL.new(text) if base is None else js.URL.new(text, base)
    except JsException:
        return None


class BrowserPlatform:
    """WebSocket, `fetch`, clocks and cryptography of a worker.

    fetch -- instead of the browser's
    """

    def __init__(self, fetch: Callable[[str, Any], Awaitable[Any]] | None = None) -> None:
        self._pool = b""
        self._drawn = 0
        self._fetch = fetch if fetch is not None else js.fetch

    @cached_property
    def _crypto(self) -> CryptoProvider:
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()

    def crypto(self) -> CryptoProvider:
        """The provider over libsodium, BLAKE3 and OpenSSL in WebAssembly."""
        return self._crypto

    def random_bytes(self, count: int) -> bytes:
        """Draw from the browser's generator, 1 kB at a time since each crossing into JavaScript costs."""
        start, self._drawn = self._drawn, self._drawn + count
        if self._drawn > len(self._pool):
            if count > _RANDOM_POOL_BYTES:
                self._drawn = start
                return os.urandom(count)
            self._pool = os.urandom(_RANDOM_POOL_BYTES)
            start, self._drawn = 0, count
        return self._pool[start : self._drawn]

    def now(self) -> float:
        """Monotonic seconds: `performance.now()`, by a way that costs a quarter of the call."""
        return time.monotonic()

    def wall_clock(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    async def open_record(self, name: str) -> IndexedDbRecord:
        """Lock a record of this origin's. Raises `StorageInUse`, or `StorageUnavailable`."""
        lock = await WebLock.take(f"{_DATABASE}/{name}")
        try:
            return IndexedDbRecord(await _open_database(), name, lock)
        except BaseException:
            lock.release()
            raise

    async def open_websocket(self, url: str, *, timeout_s: float) -> BrowserWebSocket:
        """Open a WebSocket or raise `WebSocketFailed`; why it failed, browsers keep to themselves."""
        try:
            websocket = BrowserWebSocket(js.WebSocket.new(url))
        except JsException as error:
            raise WebSocketFailed("the browser refuses to connect to the entry gateway from this page") from error
        try:
            async with asyncio.timeout(timeout_s):
                await websocket.opened()
        except TimeoutError as error:
            await websocket.close()
            raise WebSocketFailed(cause="TimeoutError") from error
        except BaseException:
            await websocket.close()
            raise
        return websocket

    async def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> GetAnswer:
        """GET a URL with `fetch`; only headers that need no preflight should be given."""
        abort = js.AbortController.new()
        options = to_js(
            {
                "headers": dict(headers),
                "signal": abort.signal,
                "credentials": "omit",
                "cache": "no-store",
                "referrerPolicy": "no-referrer",
            },
            dict_converter=js.Object.fromEntries,
        )
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._fetch(url, options)
                body = await _read_document(response)
        except (JsException, TimeoutError, ValueError) as error:
            raise GetFailed(cause=type(error).__name__) from error
        finally:
            abort.abort()
        content_type = response.headers.get("content-type")
        return GetAnswer(int(response.status), {"content-type": content_type} if content_type else {}, body)


async def _read_document(response: Any) -> bytes:
    """An answer's body, piece by piece: the browser unpacks it as it is read, a bomb too."""
    body = bytearray()
    if response.body:
        reader = response.body.getReader()
        while not (step := await reader.read()).done:
            body += step.value.to_bytes()
            if len(body) > MAX_DOCUMENT_BYTES:
                raise GetFailed("the directory's answer is too large")
    return bytes(body)


class BrowserWebSocket:
    """A browser's WebSocket behind the runtime's protocol."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._frames: deque[str | bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._take: Callable[[str | bytes], None] | None = None
        self._is_open = False
        self._is_closed = False
        socket.binaryType = "arraybuffer"
        self._proxies = {
            "onopen": create_proxy(self._on_open),
            "onmessage": create_proxy(self._on_message),
            "onclose": create_proxy(self._on_close),
            "onerror": create_proxy(lambda _event: None),
        }
        for name, proxy in self._proxies.items():
            setattr(socket, name, proxy)

    async def opened(self) -> None:
        """Wait until it is open; raises `WebSocketFailed`."""
        while not self._is_open:
            if self._is_closed:
                raise WebSocketFailed()
            await self._wait()

    async def send(self, frame: str | bytes) -> None:
        """Send one frame; waits while the browser holds more than 256 kB back."""
        while not self._is_closed and self._socket.bufferedAmount > _HIGH_WATER_BYTES:  # noqa: ASYNC110
            await asyncio.sleep(_DRAIN_POLL_S)
        if not self.try_send(frame):
            raise WebSocketClosed()

    def try_send(self, frame: str | bytes) -> bool:
        """Send one frame at once; False if the browser holds too much back, or it is closed."""
        socket = self._socket
        if self._is_closed or socket.readyState != _OPEN or socket.bufferedAmount > _HIGH_WATER_BYTES:
            return False
        socket.send(frame if isinstance(frame, str) else to_js(frame))
        return True

    @property
    def waiting(self) -> int:
        """Frames that the browser has delivered."""
        return len(self._frames)

    async def receive(self) -> str | bytes:
        """Wait for one frame."""
        while not self._frames:
            if self._is_closed:
                raise WebSocketClosed()
            await self._wait()
        return self._frames.popleft()

    def deliver_to(self, take: Callable[[str | bytes], None]) -> None:
        """Frames go to `take` within the event that brings them: to wake a task is one more turn of the event loop."""
        while self._frames:
            take(self._frames.popleft())
        self._take = take

    async def close(self) -> None:
        """Close without waiting for the other side."""
        if not self._is_closed:
            self._socket.close(_NORMAL_CLOSURE)
            self._detach()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _on_open(self, _event: Any) -> None:
        self._is_open = True
        self._wake()

    def _on_message(self, event: Any) -> None:
        data = event.data
        frame: str | bytes = data if isinstance(data, str) else data.to_bytes()
        if len(frame) > MAX_FRAME_BYTES or len(self._frames) >= _MAX_QUEUED_FRAMES:
            self._socket.close()
            self._detach()
            return
        if self._take is not None:
            self._take(frame)
            return
        self._frames.append(frame)
        self._wake()

    def _on_close(self, _event: Any) -> None:
        self._detach()

    def _detach(self) -> None:
        """Let JavaScript go: no callback comes after this."""
        if self._is_closed:
            return
        self._is_closed = True
        for name, proxy in self._proxies.items():
            setattr(self._socket, name, None)
            # The proxy that is running this very call may not be destroyed before it returns.
            asyncio.get_running_loop().call_soon(proxy.destroy)
        self._wake()


class WebLock:
    """An exclusive lock by name, shared with every page and worker of this origin."""

    def __init__(self, answer: asyncio.Future[bool]) -> None:
        self._answer = answer
        self._release: Any = None
        self._proxies = [create_proxy(self._granted)]
        self._settling: asyncio.Future[None] | None = None

    @classmethod
    async def take(cls, name: str) -> WebLock:
        """Take a lock without waiting for it. Raises `StorageInUse`, or `StorageUnavailable` where there are none."""
        lock = cls(asyncio.get_running_loop().create_future())
        (granted,) = lock._proxies
        try:
            options = to_js({"ifAvailable": True}, dict_converter=js.Object.fromEntries)
            asking = js.navigator.locks.request(name, options, granted)
        except (JsException, AttributeError) as error:  # a page that is not secure has no locks
            lock._destroy()
            raise StorageUnavailable from error
        lock._settling = asyncio.ensure_future(lock._settle(asking))
        try:
            is_ours = await lock._answer
        except BaseException:
            lock.release()
            raise
        if not is_ours:
            raise StorageInUse
        return lock

    def release(self) -> None:
        """Give the lock back. Idempotent."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def _granted(self, lock: Any) -> Any:
        """The browser's answer; the lock is held until the promise that this returns is resolved."""
        if not lock:
            self._tell(False)
            return None
        held = js.Promise.withResolvers()
        self._release = held.resolve
        if self._answer.cancelled():
            self.release()
        self._tell(True)
        return held.promise

    async def _settle(self, asking: Any) -> None:
        """Wait until the lock is given back, or refused."""
        try:
            await asking
        except JsException:
            if not self._answer.done():
                self._answer.set_exception(StorageUnavailable())
        self._destroy()

    def _tell(self, is_ours: bool) -> None:
        if not self._answer.done():
            self._answer.set_result(is_ours)

    def _destroy(self) -> None:
        for proxy in self._proxies:
            proxy.destroy()
        self._proxies = []


class IndexedDbRecord:
    """A record in the origin's IndexedDB, held by a lock."""

    def __init__(self, database: Any, name: str, lock: WebLock) -> None:
        self._database = database
        self._name = name
        self._lock = lock

    async def read(self) -> bytes | None:
        """The record's bytes; None if there is none yet."""
        store = self._database.transaction(_STORE, "readonly").objectStore(_STORE)
        found = await _finished(store.get(self._name), "success", "error")
        return bytes(found.to_bytes()[: MAX_RECORD_BYTES + 1]) if found else None

    async def write(self, data: bytes) -> None:
        """Replace the record; returns when the browser has it on its disk."""
        options = to_js({"durability": "strict"}, dict_converter=js.Object.fromEntries)
        transaction = self._database.transaction(_STORE, "readwrite", options)
        transaction.objectStore(_STORE).put(to_js(data), self._name)
        await _finished(transaction, "complete", "abort")

    async def close(self) -> None:
        """Unlock it."""
        self._database.close()
        self._lock.release()


async def _open_database() -> Any:
    try:
        request = js.indexedDB.open(_DATABASE, 1)
    except (JsException, AttributeError) as error:  # storage is forbidden here
        raise StorageUnavailable from error

    def upgrade(_event: Any) -> None:
        request.result.createObjectStore(_STORE)

    proxy = create_proxy(upgrade)
    request.onupgradeneeded = proxy
    try:
        return await _finished(request, "success", "error")
    finally:
        request.onupgradeneeded = None
        proxy.destroy()


async def _finished(request: Any, succeeded: str, failed: str) -> Any:
    """Wait for one of two events of IndexedDB's; gives the result, or raises `StorageUnavailable`."""
    done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def tell(is_success: bool) -> None:
        if not done.done():
            done.set_result(is_success)

    proxies = {
        f"on{succeeded}": create_proxy(lambda _event: tell(True)),
        f"on{failed}": create_proxy(lambda _event: tell(False)),
    }
    for name, proxy in proxies.items():
        setattr(request, name, proxy)
    try:
        is_success = await done
    finally:
        for name, proxy in proxies.items():
            setattr(request, name, None)
            asyncio.get_running_loop().call_soon(proxy.destroy)
    if not is_success:
        raise StorageUnavailable
    return getattr(request, "result", None)
