"""Certificates of a private authority, and TLS servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import trustme

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_FUTURE = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
_DAY = datetime.timedelta(days=1)


@cache
def _authority(name: str) -> trustme.CA:
    return trustme.CA(organization_name=name)


def authority(name: str = "ours") -> trustme.CA:
    """One authority for each name; the same in the whole test run."""
    return _authority(name)


def pem_of(ca: trustme.CA) -> str:
    """The authority's certificate as PEM text."""
    return ca.cert_pem.bytes().decode()


@cache
def certificate(*names: str, ca: str = "ours", validity: str = "now") -> trustme.LeafCert:
    """A server certificate; validity is "now", "over" or "to come"."""
    if validity == "over":
        return authority(ca).issue_cert(*names, not_before=_PAST, not_after=_PAST + _DAY)
    if validity == "to come":
        return authority(ca).issue_cert(*names, not_before=_FUTURE, not_after=_FUTURE + _DAY)
    return authority(ca).issue_cert(*names)


def server_context(leaf: trustme.LeafCert, *, alpn: list[str] | None = None) -> ssl.SSLContext:
    """A context that presents the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def finite_field_context(ca: trustme.CA, name: str, folder: Path) -> ssl.SSLContext:
    """A server of TLS 1.2 that agrees on keys by DHE alone, in a group of its own of 2048 bits."""
    context = server_context(ca.issue_cert(name, key_type=trustme.KeyType.RSA))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DHE-RSA-AES256-GCM-SHA384")
    modulus = (1 << 2047 | 1).to_bytes(256)  # nobody looks whether it is a prime
    # SEQUENCE of the INTEGERs p and g (PKCS #3).
    parameters = b"\x30\x82\x01\x08" + b"\x02\x82\x01\x01\0" + modulus + b"\x02\x01\x02"
    path = folder / "group.pem"
    text = base64.encodebytes(parameters).decode()
    path.write_text(f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n")
    context.load_dh_params(path)
    return context


@asynccontextmanager
async def serve(
    handler: Handler, context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[int]:
    """Serve connections on a port of loopback, a free one by default, and yield it.

    Connections still open at the end are aborted.
    """
    writers: set[asyncio.StreamWriter] = set()
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.add(writer)
        try:
            await handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(run, host, port, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for writer in writers:
            writer.transport.abort()
