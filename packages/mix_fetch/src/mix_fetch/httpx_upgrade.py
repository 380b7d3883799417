"""What httpx calls a response's `network_stream`: the connection's bytes after 101, as httpcore has them."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpcore

from mix_protocol.errors import MixError
from mix_tunnel.api import ByteStream


class UpgradedStream(httpcore.AsyncNetworkStream):
    """Reads and writes through the mixnet; limits are in seconds.

    What fails raises httpcore's exceptions, which are what users of a `network_stream` expect, with the `MixError` as
    their `__cause__`.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for at most `max_bytes`; b"" at the end. A wait that is cut short by the limit loses nothing."""
        try:
            async with asyncio.timeout(timeout):
                return await self._stream.receive(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except MixError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Hand all of `buffer` over."""
        try:
            async with asyncio.timeout(timeout):
                await self._stream.send(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except MixError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close in order."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Not to be had: the tunnel's own TLS is chosen by https in the URL."""
        raise httpcore.UnsupportedProtocol("TLS can't be started on an upgraded connection; use an https URL")

    def get_extra_info(self, info: str) -> Any:
        """None: there is no socket of this machine behind it."""
        return None
