"""TLS over any byte stream: the standard library's `ssl` with memory buffers, so that it ends where this code runs.

Certificates are verified against certifi's roots and the caller's own authorities, names against RFC 6125 as OpenSSL
does it, and versions below 1.2 are refused (RFC 8996). `ssl` is imported when first used: in a Pyodide worker the
real module takes the place of a stub at start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from mix_protocol.errors import MixError

from ..streams import ByteStream
from .tls_errors import BadCaCertificate, HandshakeCut, TlsBroken, TlsTruncated, handshake_error
from .tls_sessions import Key, TlsSessions

if TYPE_CHECKING:
    import ssl

CIPHERS = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!aDSS:!AESCCM"
"""Of TLS 1.2: CPython's own choice but for DHE, and ECDHE with AES-CBC and HMAC-SHA-1 as the last resort, as curl and
browsers have it. Every suite has forward secrecy; RSA key exchange has none. OpenSSL checks CBC padding in constant
time. DHE is left out, as browsers leave it out: the server chooses the group, and one of 10,000 bits, which need be no
prime, keeps the event loop for more than a second."""
CHUNK_BYTES = 65_536
"""How much ciphertext or plaintext moves at once: four records of the largest size."""


class TlsSettings:
    """Whom to trust. Contexts are made when first needed (reading the roots takes some 20 ms) and then shared."""

    def __init__(self, ca_certificates: Sequence[str] = ()) -> None:
        self._ca_certificates = tuple(ca_certificates)
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
        self.sessions = TlsSessions()
        """For the connections that these settings make."""

    def context(self, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        """The verifying client context that offers these ALPN protocols; raises `BadCaCertificate`."""
        key = tuple(alpn)
        if key not in self._contexts:
            self._contexts[key] = self._make_context(key)
        return self._contexts[key]

    def _make_context(self, alpn: tuple[str, ...]) -> ssl.SSLContext:
        import ssl

        import certifi

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.hostname_checks_common_name = False
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        # An intermediate authority that the caller trusts is an anchor of its own.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=certifi.contents())
        for pem in self._ca_certificates:
            try:
                context.load_verify_locations(cadata=pem)
            except (ssl.SSLError, ValueError, TypeError) as error:
                raise BadCaCertificate from error
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


async def start_tls(
    stream: ByteStream,
    settings: TlsSettings,
    server_hostname: str,
    alpn: Sequence[str] = (),
    *,
    port: int | None = None,
) -> TlsStream:
    """Shake hands over `stream` and return the encrypted stream; on any failure `stream` is dropped.

    server_hostname -- ASCII host name (a trailing dot is left out of SNI), or an IP address without brackets.
    port -- when given, the session is remembered for this host and port, and an earlier one is taken up again.
    Raises a `CertificateRefused`, `HandshakeFailed` or `HandshakeCut`, or what `stream` raises.
    """
    import ssl

    try:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        host = server_hostname.removesuffix(".")
        key = (host, port, *alpn)
        session = settings.sessions.take(key) if port is not None else None
        tls = settings.context(alpn).wrap_bio(
            incoming, outgoing, server_side=False, server_hostname=host, session=session
        )
        await _handshake(stream, tls, incoming, outgoing)
    except BaseException:
        stream.abort()
        raise
    return TlsStream(stream, tls, incoming, outgoing, None if port is None else (settings.sessions, key))


async def _handshake(stream: ByteStream, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
    import ssl

    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            await _flush(stream, outgoing)
            data = await stream.receive(CHUNK_BYTES)
            if not data:
                raise HandshakeCut from None
            incoming.write(data)
        except (ssl.SSLError, ssl.CertificateError) as error:
            with suppress(MixError):  # the alert tells the server why, if it still listens
                await _flush(stream, outgoing)
                await stream.send_eof()
            raise handshake_error(error) from error
        else:
            # TLS 1.3: our Finished still lies in `outgoing`. It leaves with the first data, or before we wait for the
            # server's: one packet less through the mixnet.
            return


async def _flush(stream: ByteStream, outgoing: ssl.MemoryBIO) -> None:
    if outgoing.pending:
        await stream.send(outgoing.read())


class TlsStream:
    """A `ByteStream` of plaintext over a `ByteStream` of TLS records.

    `receive` answers b"" after the peer's close_notify alone; when the connection ends without it, it raises
    `TlsTruncated`, and the layer above knows whether anything is missing.
    """

    def __init__(
        self,
        stream: ByteStream,
        tls: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        remember_in: tuple[TlsSessions, Key] | None = None,
    ) -> None:
        self._stream = stream
        self._tls = tls
        self._incoming = incoming
        self._outgoing = outgoing
        self._remember_in = remember_in
        self._buffer = bytearray(CHUNK_BYTES)
        self._sending = asyncio.Lock()
        self._ended = False
        self._failure: MixError | None = None
        self._eof_sent = False
        self._closed = False

    @property
    def alpn_protocol(self) -> str | None:
        """The protocol that the server chose, or None."""
        return self._tls.selected_alpn_protocol()

    @property
    def version(self) -> str:
        """The version agreed on, such as "TLSv1.3"."""
        return self._tls.version() or ""

    @property
    def resumed(self) -> bool:
        """Whether the handshake took up an earlier session."""
        return bool(self._tls.session_reused)

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher suite."""
        cipher = self._tls.cipher()
        return cipher[0] if cipher else ""

    async def receive(self, max_bytes: int = CHUNK_BYTES) -> bytes:
        """Wait for plaintext; every record that has arrived is decrypted into one buffer and copied once."""
        import ssl

        while not self._ended and self._failure is None:
            limit = min(max_bytes, CHUNK_BYTES)
            filled = 0
            try:
                while filled < limit:
                    # Reading stays within this call, so the buffer is never shared between two readers.
                    into = memoryview(self._buffer)[filled:limit]
                    count = cast("int", self._tls.read(limit - filled, into))
                    if not count:
                        self._ended = True
                        break
                    filled += count
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                self._ended = True
            except ssl.SSLError as error:
                self._failure = _read_error(error)
            if filled:
                self._remember_session()
                return bytes(memoryview(self._buffer)[:filled])
            if not self._ended and self._failure is None:
                await self._feed()
        if self._failure is not None:  # told again at each call, and only after everything before it was handed out
            raise type(self._failure)(**self._failure.fields)
        return b""

    def _remember_session(self) -> None:
        # A ticket of TLS 1.3 comes after the handshake, before the server's first data or with it.
        if self._remember_in is not None:
            sessions, key = self._remember_in
            if sessions.keep(key, self._tls):
                self._remember_in = None

    async def _feed(self) -> None:
        """Answer what TLS wants answered (key updates), then wait for more ciphertext."""
        if self._outgoing.pending:
            await self._transmit()
        data = await self._stream.receive(CHUNK_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def send(self, data: bytes) -> None:
        """Encrypt and send; waits for the stream below every 64 kB."""
        import ssl

        view = memoryview(data)
        while view:
            try:
                while view and self._outgoing.pending < CHUNK_BYTES:
                    view = view[self._tls.write(view) :]
            except ssl.SSLError as error:
                raise TlsBroken(reason=str(error.reason or "")) from error
            await self._transmit()

    async def _transmit(self) -> None:
        async with self._sending:  # records must leave in the order in which they were made
            await _flush(self._stream, self._outgoing)

    async def send_eof(self) -> None:
        """Send close_notify; receiving goes on."""
        if self._eof_sent:
            return
        self._eof_sent = True
        self._say_goodbye()
        await self._transmit()

    def _say_goodbye(self) -> None:
        import ssl

        # The first call writes our close_notify and then wants the peer's; a broken session writes nothing.
        with suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()

    async def aclose(self) -> None:
        """Send close_notify if the stream below still takes it, and close that. Idempotent; never raises."""
        if self._closed:
            return
        self._closed = True
        try:
            with suppress(MixError):
                await self.send_eof()
        except BaseException:
            self._stream.abort()
            raise
        await self._stream.aclose()

    def abort(self) -> None:
        """Drop the stream below at once."""
        self._closed = True
        self._stream.abort()


def _read_error(error: ssl.SSLError) -> MixError:
    import ssl

    if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":
        return TlsTruncated()
    return TlsBroken(reason=str(error.reason or ""))
