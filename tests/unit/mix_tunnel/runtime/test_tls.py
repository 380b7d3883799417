"""TLS against real OpenSSL servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from ipaddress import IPv4Address

import pytest
import trustme
from support.kernel import KernelNetwork, KernelStream
from support.tls_server import authority, certificate, finite_field_context, pem_of, serve, server_context

from mix_protocol.errors import MixError, PeerMisbehaved
from mix_tunnel.runtime.tls import TlsSettings, TlsStream, start_tls
from mix_tunnel.runtime.tls_errors import (
    BadCaCertificate,
    CertificateExpired,
    CertificateNotYetValid,
    HandshakeCut,
    HandshakeFailed,
    NoCipherInCommon,
    NotTls,
    TlsBroken,
    TlsTruncated,
    UnknownIssuer,
    WrongHost,
)

LOOPBACK = IPv4Address("127.0.0.1")
TRUSTED = TlsSettings([pem_of(authority())])


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def connect(port: int, host: str = "demo.test", settings: TlsSettings = TRUSTED, alpn=()) -> TlsStream:
    return await start_tls(await KernelNetwork().connect_tcp(LOOPBACK, port), settings, host, alpn)


async def read_all(stream: TlsStream) -> bytes:
    data = bytearray()
    while piece := await stream.receive():
        data += piece
    return bytes(data)


async def test_bytes_come_back_through_a_private_authority():
    async with serve(echo, server_context(certificate("demo.test"))) as port:
        stream = await connect(port)
        assert stream.version == "TLSv1.3"
        assert stream.cipher
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        await stream.aclose()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_megabyte_each_way_while_both_sides_send(version):
    context = server_context(certificate("demo.test"))
    context.maximum_version = version
    body = hashlib.shake_256(b"tls").digest(1_000_003)
    async with serve(echo, context) as port:
        stream = await connect(port)
        sending = asyncio.create_task(stream.send(body))
        got = bytearray()
        while len(got) < len(body):
            piece = await stream.receive()
            assert 0 < len(piece) <= 65_536
            got += piece
        await sending
        assert bytes(got) == body
        await stream.aclose()


async def test_a_read_takes_several_records_at_once():
    async def send_records(reader, writer):
        for _ in range(8):
            writer.write(bytes(4096))
            await writer.drain()
        writer.close()

    async with serve(send_records, server_context(certificate("demo.test"))) as port:
        stream = await connect(port)
        await asyncio.sleep(0.05)  # let the records pile up in the kernel
        sizes = []
        while piece := await stream.receive():
            sizes.append(len(piece))
        assert sum(sizes) == 8 * 4096
        assert len(sizes) < 8


async def test_small_reads_lose_nothing():
    async with serve(echo, server_context(certificate("demo.test"))) as port:
        stream = await connect(port)
        await stream.send(b"abcdefgh")
        assert [await stream.receive(3) for _ in range(3)] == [b"abc", b"def", b"gh"]
        await stream.aclose()


async def test_the_chosen_protocol():
    context = server_context(certificate("demo.test"), alpn=["http/1.1"])
    async with serve(echo, context) as port:
        stream = await connect(port, alpn=("h2", "http/1.1"))
        assert stream.alpn_protocol == "http/1.1"
        stream.abort()


async def test_the_name_is_sent_without_its_final_dot():
    names: list[str | None] = []
    context = server_context(certificate("demo.test"))
    context.sni_callback = lambda tls, name, old: names.append(name)
    async with serve(echo, context) as port:
        (await connect(port, "demo.test.")).abort()
        assert names == ["demo.test"]


async def test_an_ip_address_is_verified_and_not_sent_as_a_name():
    names: list[str | None] = []
    context = server_context(certificate("127.0.0.1"))
    context.sni_callback = lambda tls, name, old: names.append(name)
    async with serve(echo, context) as port:
        (await connect(port, "127.0.0.1")).abort()
        assert names == [None]
        with pytest.raises(WrongHost):
            await connect(port, "127.0.0.9")


@pytest.mark.parametrize(
    ("leaf", "error"),
    [
        (("other.test", "ours", "now"), WrongHost),
        (("demo.test", "ours", "over"), CertificateExpired),
        (("demo.test", "ours", "to come"), CertificateNotYetValid),
        (("demo.test", "a stranger", "now"), UnknownIssuer),
    ],
)
async def test_certificates_that_prove_nothing_are_refused(leaf, error):
    name, ca, validity = leaf
    network = KernelNetwork()
    async with serve(echo, server_context(certificate(name, ca=ca, validity=validity))) as port:
        stream = await network.connect_tcp(LOOPBACK, port)
        with pytest.raises(error) as caught:
            await start_tls(stream, TRUSTED, "demo.test")
        assert "demo.test" not in str(caught.value)
        assert network.streams[0].aborted


async def test_the_public_roots_alone_do_not_trust_a_private_authority():
    async with serve(echo, server_context(certificate("demo.test"))) as port:
        with pytest.raises(UnknownIssuer):
            await connect(port, settings=TlsSettings())


async def test_a_server_that_knows_old_versions_only():
    async def refuse(reader, writer):
        await reader.read(1000)
        writer.write(bytes.fromhex("15 0301 0002 02 46"))  # fatal alert protocol_version (RFC 8446 section 6)
        await writer.drain()

    async with serve(refuse) as port:
        with pytest.raises(HandshakeFailed) as caught:
            await connect(port)
        assert not isinstance(caught.value, NotTls)


def test_old_versions_are_not_offered():
    context = TRUSTED.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


async def test_a_server_that_speaks_plain_http():
    async def http(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with serve(http) as port:
        with pytest.raises(NotTls):
            await connect(port)


async def test_a_server_that_closes_in_the_handshake():
    async def close(reader, writer):
        await reader.read(100)

    async with serve(close) as port:
        with pytest.raises((HandshakeCut, MixError)) as caught:
            await connect(port)
        assert not isinstance(caught.value, PeerMisbehaved)


async def test_a_cancelled_handshake_drops_the_connection():
    reached = asyncio.Event()
    network = KernelNetwork()

    async def silent(reader, writer):
        await reader.read(100)
        reached.set()
        await reader.read()

    async with serve(silent) as port:
        stream = await network.connect_tcp(LOOPBACK, port)
        task = asyncio.create_task(start_tls(stream, TRUSTED, "demo.test"))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stream.aborted


async def test_an_orderly_end_is_the_end():
    async def say(reader, writer):
        writer.write(b"bye")
        writer.close()

    async with serve(say, server_context(certificate("demo.test"))) as port:
        stream = await connect(port)
        assert await read_all(stream) == b"bye"
        assert await stream.receive() == b""


async def test_a_cut_connection_is_no_end():
    async def cut(reader, writer):
        writer.write(b"half a sen")
        await writer.drain()
        # Close the TCP connection beneath TLS, without close_notify.
        writer.transport._ssl_protocol._transport.close()  # type: ignore[attr-defined]

    async with serve(cut, server_context(certificate("demo.test"))) as port:
        stream = await connect(port)
        assert await stream.receive() == b"half a sen"
        for _ in range(2):
            with pytest.raises(TlsTruncated):
                await stream.receive()


class FlippingStream(KernelStream):
    """Flips the last bit of what arrives once `flip` is set."""

    flip = False

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        data = await super().receive(max_bytes)
        return data[:-1] + bytes([data[-1] ^ 1]) if self.flip and data else data


async def test_a_forged_record_breaks_the_stream():
    async with serve(echo, server_context(certificate("demo.test"))) as port:
        below = FlippingStream(*await asyncio.open_connection("127.0.0.1", port))
        stream = await start_tls(below, TRUSTED, "demo.test")
        await stream.send(b"one")
        assert await stream.receive() == b"one"
        below.flip = True
        await stream.send(b"two")
        for _ in range(2):
            with pytest.raises(TlsBroken):
                await stream.receive()
        stream.abort()


async def test_half_close():
    # asyncio's own TLS closes both directions at once, so the other side is ours in reverse: OpenSSL in a thread.
    context = server_context(certificate("demo.test"))

    def serve_once(listener) -> int:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as tls:
            received = 0
            while data := tls.recv(65_536):
                received += len(data)
            tls.sendall(f"{received}".encode())
            return received

    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = asyncio.get_running_loop().run_in_executor(None, serve_once, listener)
        stream = await connect(listener.getsockname()[1])
        await stream.send(bytes(100_000))
        await stream.send_eof()
        assert await stream.receive() == b"100000"
        assert await served == 100_000
        await stream.aclose()


async def test_closing_says_goodbye():
    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def wait_for_end(reader, writer):
        ended.set_result(await reader.read())

    async with serve(wait_for_end, server_context(certificate("demo.test"))) as port:
        stream = await connect(port)
        await stream.send(b"x")
        await stream.aclose()
        await stream.aclose()
        assert await ended == b"x"  # asyncio raises when close_notify is missing


async def test_a_slow_reader_slows_the_sender():
    release = asyncio.Event()

    async def slow(reader, writer):
        await release.wait()
        while await reader.read(65_536):
            pass

    async with serve(slow, server_context(certificate("demo.test"))) as port:
        stream = await connect(port)
        task = asyncio.create_task(stream.send(bytes(64_000_000)))
        done, _ = await asyncio.wait({task}, timeout=0.3)
        assert not done
        assert stream._outgoing.pending <= 2 * 65_536
        task.cancel()
        await asyncio.wait({task})
        stream.abort()
        release.set()


@pytest.mark.parametrize(
    "text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_bad_authorities_are_refused(text):
    with pytest.raises(BadCaCertificate):
        TlsSettings([text]).context()


def test_contexts_are_shared():
    settings = TlsSettings()
    assert settings.context(("http/1.1",)) is settings.context(["http/1.1"])
    assert settings.context() is not settings.context(("h2",))


async def test_the_handshakes_end_leaves_with_the_first_data():
    class Counting(KernelStream):
        sends = 0

        async def send(self, data: bytes) -> None:
            self.sends += 1
            await super().send(data)

    async with serve(echo, server_context(certificate("demo.test"))) as port:
        below = Counting(*await asyncio.open_connection("127.0.0.1", port))
        stream = await start_tls(below, TRUSTED, "demo.test")
        await stream.send(b"hello")
        assert below.sends == 2  # ClientHello; Finished and data
        assert await stream.receive() == b"hello"
        stream.abort()


async def test_a_server_that_speaks_first():
    async def greet(reader, writer):
        writer.write(b"welcome")
        await writer.drain()
        await reader.read()

    async with serve(greet, server_context(certificate("demo.test"))) as port:
        stream = await connect(port)
        assert await stream.receive() == b"welcome"
        await stream.aclose()


# --- old suites and odd chains


def rsa_context(ciphers: str) -> ssl.SSLContext:
    """A server of TLS 1.2 with an RSA certificate and these suites alone."""
    context = server_context(authority().issue_cert("demo.test", key_type=trustme.KeyType.RSA))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    return context


@pytest.mark.parametrize("cipher", ["ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-RSA-AES256-SHA384"])
async def test_old_suites_with_forward_secrecy_are_taken(cipher):
    async with serve(echo, rsa_context(cipher)) as port:
        stream = await connect(port)
        assert stream.cipher == cipher
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        await stream.aclose()


async def test_the_old_suites_are_the_last_resort():
    context = rsa_context("ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256")
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE  # the client's order counts
    async with serve(echo, context) as port:
        stream = await connect(port)
        assert stream.cipher == "ECDHE-RSA-AES128-GCM-SHA256"
        await stream.aclose()


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "AES256-SHA", "DHE in a group of its own"])
async def test_suites_without_forward_secrecy_or_elliptic_curves_are_refused_with_the_reason(cipher, tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))
    finite = cipher.startswith("DHE")
    context = finite_field_context(authority(), "demo.test", tmp_path) if finite else rsa_context(cipher)

    def refuse() -> None:  # asyncio's servers close without the alert that others send
        accepted, _ = listener.accept()
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(accepted, server_side=True)
        accepted.close()

    with listener:
        refusing = asyncio.create_task(asyncio.to_thread(refuse))
        with pytest.raises(NoCipherInCommon, match="forward secrecy"):
            await connect(listener.getsockname()[1])
        await refusing


ROOT = authority()
MIDDLE = ROOT.create_child_ca(key_type=trustme.KeyType.ECDSA)
LEAF = MIDDLE.issue_cert("demo.test")
STRANGERS = [trustme.CA(organization_name=f"Nobody {number}").cert_pem.bytes() for number in range(5)]


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param([LEAF.cert_chain_pems[0].bytes(), MIDDLE.cert_pem.bytes()], id="the leaf twice"),
        pytest.param([ROOT.cert_pem.bytes(), MIDDLE.cert_pem.bytes()], id="the root first"),
        pytest.param([*STRANGERS, MIDDLE.cert_pem.bytes()], id="strangers between"),
    ],
)
async def test_odd_chains_are_taken(behind, tmp_path):
    path = tmp_path / "chain.pem"
    path.write_bytes(LEAF.private_key_pem.bytes() + LEAF.cert_chain_pems[0].bytes() + b"".join(behind))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    async with serve(echo, context) as port:
        await (await connect(port)).aclose()


async def test_a_chain_without_its_middle_is_refused(tmp_path):
    path = tmp_path / "chain.pem"
    path.write_bytes(LEAF.private_key_pem.bytes() + LEAF.cert_chain_pems[0].bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    async with serve(echo, context) as port:
        with pytest.raises(UnknownIssuer):
            await connect(port)
