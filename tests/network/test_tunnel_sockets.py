"""Raw sockets through a whole local network, to real servers: asyncio's streams, TLS, UDP; and what is counted."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from ssl import SSLContext

import pytest
from support.servers import pattern
from support.tls_server import authority, certificate, pem_of, server_context
from support.waiting import until

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.codec import base58
from mix_protocol.errors import MixError
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.sockets.arguments import InvalidArgument
from mix_tunnel.runtime.tunnel_errors import TunnelClosed
from mix_tunnel.tunnel import Tunnel

DATA = pattern(200_000)
HOSTS = {"echo.test": (ip_address("127.0.0.1"),)}


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back, then half-close, as the other side did."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    writer.close()


@asynccontextmanager
async def tcp_server(handle=echo, context: SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def network() -> AsyncIterator[LocalNetwork]:
    async with LocalNetwork(NetworkOptions(allow_local=True, hosts=HOSTS, dns="none")) as running:
        yield running


def quick(network: LocalNetwork, **options) -> TunnelOptions:
    settings = {
        "directory_url": network.directory_url,
        "ca_certificates": (pem_of(authority()),),
        "disable_poisson_traffic": True,
        "disable_cover_traffic": True,
        "preferred_gateway": base58.encode(network.entry.identity.public),
        **options,
    }
    return TunnelOptions(**settings)


@pytest.fixture
async def tunnel(network) -> AsyncIterator[Tunnel]:
    async with await Tunnel.connect(quick(network)) as connected:
        yield connected


async def test_an_echo_with_half_close(tunnel, network):
    async with tcp_server() as port:
        reader, writer = await tunnel.open_connection("echo.test", port)
        assert writer.get_extra_info("peername") == ("127.0.0.1", port)
        assert ip_address(writer.get_extra_info("sockname")[0]).is_private
        assert tunnel.stats().open_connections == 1

        async def send() -> None:
            for start in range(0, len(DATA), 10_000):
                writer.write(DATA[start : start + 10_000])
                await writer.drain()
            writer.write_eof()

        sending = asyncio.create_task(send())
        assert await reader.read(-1) == DATA
        await sending
        writer.close()
        await writer.wait_closed()
        assert tunnel.stats().open_connections == 0
        await until(lambda: network.metrics()["exit"]["flows"]["tcp"] == 0)


async def test_tls_to_a_real_server(tunnel):
    async with tcp_server(context=server_context(certificate("echo.test"), alpn=["echo/1"])) as port:
        reader, writer = await tunnel.open_connection("echo.test", port, ssl=True, alpn=["echo/2", "echo/1"])
        assert writer.get_extra_info("alpn_protocol") == "echo/1"
        writer.write(b"secret\n")
        assert await reader.readline() == b"secret\n"
        writer.close()
        await writer.wait_closed()
        with pytest.raises(MixError) as caught:
            await tunnel.open_connection("127.0.0.1", port, ssl=True)
        assert caught.value.code == "tls.wrong_host"


async def test_a_reset_at_either_end(tunnel, network):
    met = asyncio.Queue()

    async def reset(reader, writer):
        try:
            if await reader.readline() == b"you\n":
                linger = b"\1\0\0\0\0\0\0\0"
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                return
            met.put_nowait(await reader.read())
        except ConnectionResetError:
            met.put_nowait("reset")

    async with tcp_server(reset) as port:
        reader, writer = await tunnel.open_connection("echo.test", port)
        writer.write(b"you\n")
        with pytest.raises(MixError) as caught:
            await reader.read()
        assert caught.value.code == "tcp.connection_reset"
        _, writer = await tunnel.open_connection("echo.test", port)
        writer.write(b"me\n")
        await until(lambda: writer.transport.get_write_buffer_size() == 0)
        writer.transport.abort()
        assert await met.get() in ("reset", b"")
        await until(lambda: network.metrics()["exit"]["flow_count"] == 0)


async def test_a_slow_reader_makes_the_server_wait(tunnel):
    written = 0

    async def flood(reader, writer):
        nonlocal written
        while written < 50_000_000:
            writer.write(bytes(65_536))
            await writer.drain()
            written += 65_536

    async with tcp_server(flood) as port:
        reader, writer = await tunnel.open_connection("echo.test", port, limit=10_000)
        await reader.readexactly(100_000)
        await until(lambda: not writer.transport.is_reading())
        assert written < 40_000_000
        writer.transport.abort()


async def test_udp_to_names_and_addresses(tunnel, network):
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            self.transport.sendto(data.upper(), address)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    async with tunnel.open_udp() as endpoint:
        await endpoint.send(b"one", "echo.test", port)
        assert await endpoint.receive() == (b"ONE", "127.0.0.1", port)
        await endpoint.send(b"a" * 1_200, "127.0.0.1", port)
        assert (await endpoint.receive()).data == b"A" * 1_200
        await endpoint.send(b"nobody is there", "127.0.0.1", 1)  # an unreachable port is no error of the socket
        await endpoint.send(b"two", "echo.test", port)
        assert (await endpoint.receive()).data == b"TWO"
    with pytest.raises(TunnelClosed):
        await endpoint.send(b"x", "echo.test", port)
    transport.close()


async def test_what_cannot_be(tunnel):
    for arguments in (("", 80), ("a b", 80), ("echo.test", 0), ("echo.test", 1 << 16)):
        with pytest.raises(InvalidArgument):
            await tunnel.open_connection(*arguments)
    context = ssl.create_default_context()
    for options in ({"ssl": True, "alpn": "h2"}, {"ssl": context}, {"ssl": "no"}, {"limit": 0}, {"limit": 1.5}):
        with pytest.raises(InvalidArgument) as refused:
            await tunnel.open_connection("echo.test", 443, **options)
        assert refused.value.fields["argument"] in options
    with pytest.raises(MixError) as caught:
        await tunnel.open_connection("nobody.test", 80)
    assert caught.value.code == "dns.name_not_found"


async def test_closing_the_tunnel_ends_its_sockets(network):
    tunnel = await Tunnel.connect(quick(network))
    async with tcp_server() as port:
        reader, _ = await tunnel.open_connection("echo.test", port)
        endpoint = tunnel.open_udp()
        receiving = asyncio.create_task(endpoint.receive())
        await asyncio.sleep(0)
        await tunnel.close()
        with pytest.raises(TunnelClosed):
            await reader.read()
        with pytest.raises(TunnelClosed):
            await receiving


async def test_the_statistics_are_what_the_network_counts(tunnel, network):
    """Every figure against the nodes' own, when all has come to rest."""
    async with tcp_server() as port:
        reader, writer = await tunnel.open_connection("echo.test", port)
        writer.write(DATA)
        writer.write_eof()
        assert await reader.read(-1) == DATA
        writer.close()
        await writer.wait_closed()

        def sent() -> int:
            stats = tunnel.stats()
            return stats.real_packets_sent + stats.cover_packets_sent + stats.retransmitted_packets

        def at_rest() -> bool:
            """Whether the entry gateway has taken all that we sent, and pushed every acknowledgement and reply."""
            entry = next(node for node in network.metrics()["nodes"] if node["name"] == "entry")
            replies, stats = network.metrics()["exit"]["replies_sent"], tunnel.stats()
            all_pushed = entry["pushed"] == stats.acks_received + replies
            return entry["from_clients"] == sent() and all_pushed and stats.acks_received >= stats.real_packets_sent

        await until(at_rest)
        stats = tunnel.stats()
        assert stats.cover_packets_sent == stats.cover_packets_received == 0
        assert stats.real_packets_sent >= len(DATA) / 1_600
        assert stats.real_packets_sent <= stats.acks_received <= stats.real_packets_sent + stats.retransmitted_packets
        assert stats.packets_dropped == 0
        assert 0 < stats.replies_received <= network.metrics()["exit"]["replies_sent"]
        assert stats.bytes_sent > len(DATA)
        assert stats.bytes_received > len(DATA)
        assert stats.reply_surbs_given >= stats.replies_received
        assert stats.round_trip_ms is not None
        assert 0 < stats.round_trip_ms < stats.uptime_ms
        assert stats.open_connections == stats.gateway_reconnects == 0
        # What the entry gateway has pushed last may still be on its way to us, and with it a SURB that was used.
        await until(lambda: tunnel.stats().surbs_held == surbs_at(network))


def surbs_at(network: LocalNetwork) -> int:
    """The reply SURBs that the exit really has, for all its clients."""
    return network.exit._service._replies._surbs


async def test_cover_is_counted_as_cover(network):
    options = quick(network, disable_poisson_traffic=False, disable_cover_traffic=False)
    async with await Tunnel.connect(options) as tunnel:
        await until(lambda: tunnel.stats().cover_packets_received > 20)
        stats = tunnel.stats()
        # Replies are balanced: what the exit had no answer for comes home empty, for a real packet's SURBs as well.
        assert stats.cover_packets_sent + stats.reply_surbs_given >= stats.cover_packets_received
        assert stats.acks_received <= stats.real_packets_sent + stats.retransmitted_packets
