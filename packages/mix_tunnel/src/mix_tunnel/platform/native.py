"""The platform of native Python: the `websockets` and `httpx` libraries over the operating system's sockets."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from mix_protocol.crypto.provider import CryptoProvider
from mix_tunnel.options import OPTION_RULES, InvalidOption
from mix_tunnel.platform import (
    MAX_DOCUMENT_BYTES,
    MAX_FRAME_BYTES,
    GetAnswer,
    GetFailed,
    WebSocketClosed,
    WebSocketFailed,
)
from mix_tunnel.platform.native_storage import FileRecord

if TYPE_CHECKING:
    import ssl

    import httpx
    from websockets.asyncio.client import ClientConnection

    from mix_tunnel.runtime.http.decoding import BodyReader

_CLOSE_TIMEOUT_S = 2.0
_RECEIVE_QUEUE_FRAMES = 1024


class NativePlatform:
    """Sockets, clocks and cryptography of the operating system.

    `ca_certificates` are PEM texts of authorities that are trusted, beside the public roots of certifi, for the
    directory's `https` and the gateways' `wss`.
    """

    def __init__(self, ca_certificates: tuple[str, ...] = ()) -> None:
        self._ca_certificates = ca_certificates

    @cached_property
    def _crypto(self) -> CryptoProvider:
        from mix_protocol.crypto.native import NativeCrypto

        return NativeCrypto()

    def crypto(self) -> CryptoProvider:
        """The provider over OpenSSL and BLAKE3."""
        return self._crypto

    def random_bytes(self, count: int) -> bytes:
        """Draw from the operating system's generator."""
        return os.urandom(count)

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall_clock(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    @cached_property
    def _tls_context(self) -> ssl.SSLContext:
        import ssl

        import certifi

        from mix_tunnel.runtime.tls import CIPHERS

        context = ssl.create_default_context(cafile=certifi.where())
        context.set_ciphers(CIPHERS)
        for pem in self._ca_certificates:
            try:
                context.load_verify_locations(cadata=pem)
            except (ssl.SSLError, ValueError) as error:
                rule = OPTION_RULES["ca_certificates"]
                raise InvalidOption("a text in {ca_certificates} is no certificate", allowed=rule.allowed) from error
        return context

    async def open_record(self, name: str) -> FileRecord:
        """Lock a file of this user's. Raises `StorageInUse`, or `StorageUnavailable`."""
        return FileRecord.open(name)

    async def open_websocket(self, url: str, *, timeout_s: float) -> NativeWebSocket:
        """Open a WebSocket without compression (the frames are ciphertext) or raise `WebSocketFailed`."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        try:
            connection = await connect(
                url,
                ssl=self._tls_context if url.startswith("wss:") else None,
                proxy=None,
                compression=None,
                max_size=MAX_FRAME_BYTES,
                max_queue=_RECEIVE_QUEUE_FRAMES,
                open_timeout=timeout_s,
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=None,
            )
        except (OSError, TimeoutError, ValueError, EOFError, WebSocketException) as error:
            raise WebSocketFailed(cause=type(error).__name__) from error
        return NativeWebSocket(connection)

    async def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> GetAnswer:
        """GET a URL within `timeout_s` seconds for all of it; a document beyond the limit is refused.

        Codings are undone here and not by the library, which would unpack a bomb in one go, past every limit.
        """
        import asyncio

        import httpx

        from mix_tunnel.runtime.http.decoders import available_codings

        # Loading the roots takes some 50 ms, which a directory on plain http need not cost.
        verify = self._tls_context if url.startswith("https:") else False
        asked = {"accept-encoding": ", ".join(available_codings()), **headers}
        try:
            async with (
                asyncio.timeout(timeout_s),
                httpx.AsyncClient(verify=verify, trust_env=False, timeout=timeout_s) as client,
                client.stream("GET", url, headers=asked) as answer,
            ):
                body = await _read_document(answer)
                return GetAnswer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise GetFailed(cause=type(error).__name__) from error


async def _read_document(answer: httpx.Response) -> bytes:
    """An answer's body without its codings, unpacked in small pieces between which other tasks, and time-outs, run."""
    from mix_tunnel.runtime.http.decoding import codings_in, decoded

    codings = codings_in(answer.headers.get_list("content-encoding"))
    if codings is None:
        raise GetFailed("the directory's answer is encoded in a way that nobody asked for")
    reader = decoded(_RawBody(answer), codings)
    body = bytearray()
    while piece := await _piece_of(reader):
        body += piece
        if len(body) > MAX_DOCUMENT_BYTES:
            raise GetFailed("the directory's answer is too large")
    return bytes(body)


async def _piece_of(reader: BodyReader) -> bytes:
    from mix_tunnel.runtime.http.errors import BadEncoding, DecompressionBomb, EncodingCut

    try:
        return await reader.read()
    except (BadEncoding, DecompressionBomb, EncodingCut) as error:
        raise GetFailed("the directory's answer can't be unpacked", cause=type(error).__name__) from error


class _RawBody:
    """What comes over the wire, piece by piece."""

    def __init__(self, answer: httpx.Response) -> None:
        self._pieces = answer.aiter_raw()

    async def read(self) -> bytes:
        async for piece in self._pieces:
            if piece:
                return piece
        return b""


class NativeWebSocket:
    """A connection of the `websockets` library behind the runtime's protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, frame: str | bytes) -> None:
        """Send one frame; waits while the socket's buffer is full."""
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise WebSocketClosed from error

    def try_send(self, frame: str | bytes) -> bool:
        """Send one frame at once; False if the socket's buffer is not empty, or it is closed."""
        from websockets.protocol import OPEN

        connection = self._connection
        if connection.state is not OPEN or connection.transport.get_write_buffer_size():
            return False
        if isinstance(frame, str):
            connection.protocol.send_text(frame.encode())
        else:
            connection.protocol.send_binary(frame)
        connection.send_data()
        return True

    @property
    def waiting(self) -> int:
        """Frames that the library holds."""
        return len(self._connection.recv_messages.frames)

    async def receive(self) -> str | bytes:
        """Wait for one frame."""
        from websockets.exceptions import ConnectionClosed

        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise WebSocketClosed from error

    def deliver_to(self, take: Callable[[str | bytes], None]) -> None:
        """The library gives frames to who waits for them."""

    async def close(self) -> None:
        """Close, waiting at most two seconds for the other side."""
        await self._connection.close()
