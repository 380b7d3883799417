"""The few things that differ between a browser's worker and native Python, as one protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.errors import Closed, NetworkFailure

MAX_FRAME_BYTES = 65_536
"""Largest WebSocket frame accepted from a gateway; the largest it sends is an extended packet of 32 kB."""
MAX_DOCUMENT_BYTES = 12 * 1024 * 1024
"""Largest document accepted from a directory; mainnet's list of nodes has some 5 MB."""

MAX_RECORD_BYTES = 65_536
"""Largest stored record; an identity has less than 10 kB."""


class WebSocketClosed(Closed):
    """The WebSocket was closed, by either side."""

    code = "platform.websocket_closed"
    message = "the connection to the entry gateway was closed"


class WebSocketFailed(NetworkFailure):
    """The WebSocket could not be opened."""

    code = "platform.websocket_failed"
    message = "the entry gateway could not be reached; check the network, or choose another gateway"


class GetFailed(NetworkFailure):
    """A URL could not be fetched."""

    code = "platform.get_failed"
    message = "the directory could not be reached; check its URL and the network"


class StorageInUse(NetworkFailure):
    """A stored record is locked by another tunnel, of this process or of another one."""

    code = "platform.storage_in_use"
    message = "what is stored under this name is in use by another tunnel"


class StorageUnavailable(NetworkFailure):
    """Nothing can be stored here, or what is stored can't be reached."""

    code = "platform.storage_unavailable"
    message = "nothing can be stored here"


@dataclass(frozen=True, slots=True)
class GetAnswer:
    """The answer to a GET: status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class WebSocket(Protocol):
    """An open WebSocket. `send` and `receive` raise `WebSocketClosed` once it is closed."""

    async def send(self, frame: str | bytes) -> None:
        """Send one text or binary frame, waiting while the connection is congested."""
        ...

    def try_send(self, frame: str | bytes) -> bool:
        """Send one frame at once; False, and nothing is sent, if that would take waiting. Not while `send` runs."""
        ...

    @property
    def waiting(self) -> int:
        """Frames that have come and were not received yet."""
        ...

    async def receive(self) -> str | bytes:
        """Wait for the next frame."""
        ...

    def deliver_to(self, take: Callable[[str | bytes], None]) -> None:
        """Frames may from now on be given to `take` as they come, where that costs less than to wake who waits for them
        in `receive`; which is still to be waited in, for the other frames and for the end. `take` must not raise."""
        ...

    async def close(self) -> None:
        """Close the connection. Idempotent; never raises."""
        ...


class StoredRecord(Protocol):
    """Bytes that outlive the process; locked until `close`. `read` and `write` raise `StorageUnavailable`."""

    async def read(self) -> bytes | None:
        """The bytes; None if there are none yet."""
        ...

    async def write(self, data: bytes) -> None:
        """Replace the bytes, as a whole or not at all."""
        ...

    async def close(self) -> None:
        """Unlock the record. Idempotent."""
        ...


class Platform(Protocol):
    """What the runtime needs of the place it runs in."""

    def crypto(self) -> CryptoProvider:
        """The cryptography provider; it is loaded when first asked for."""
        ...

    def random_bytes(self, count: int) -> bytes:
        """Draw `count` bytes from the operating system."""
        ...

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall_clock(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    async def open_record(self, name: str) -> StoredRecord:
        """Lock a record that outlives the process. Raises `StorageInUse`, or `StorageUnavailable`."""
        ...

    async def open_websocket(self, url: str, *, timeout_s: float) -> WebSocket:
        """Open a WebSocket, or raise `WebSocketFailed`."""
        ...

    async def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> GetAnswer:
        """GET a URL, or raise `GetFailed`; any status is an answer."""
        ...


def current_platform(ca_certificates: tuple[str, ...] = ()) -> Platform:
    """The platform this interpreter runs on; `ca_certificates` are PEM texts trusted beside the public roots."""
    import sys

    if sys.platform == "emscripten":
        import ossl

        from mix_tunnel.platform.browser import BrowserPlatform

        ossl.install_on_demand()  # our worker has done so already; a page with its own Pyodide has not

        return BrowserPlatform()
    from mix_tunnel.platform.native import NativePlatform

    return NativePlatform(ca_certificates)
