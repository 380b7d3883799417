"""UDP endpoints over the kernel's sockets."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from support.kernel import KernelNetwork

from mix_protocol.netstack.errors import Unreachable
from mix_tunnel.runtime.sockets.arguments import InvalidArgument
from mix_tunnel.runtime.sockets.udp import MAX_DATAGRAM_BYTES, Datagram, UdpEndpoint
from mix_tunnel.runtime.tunnel_errors import ExitChanged, TunnelClosed

HERE = ip_address("127.0.0.1")


class Names:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def lookup(self, name):
        self.asked.append(name)
        return [HERE]


class Played:
    """A socket that raises or gives what the test says."""

    def __init__(self, *outcomes) -> None:
        self._outcomes = list(outcomes)
        self.sent = []
        self.closed = False

    async def send(self, data, ip, port):
        self.sent.append((data, ip, port))

    async def receive(self):
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self):
        self.closed = True


async def test_datagrams_go_to_names_and_come_from_addresses():
    network, names = KernelNetwork(), Names()
    async with UdpEndpoint(network.open_udp(), names) as one, UdpEndpoint(network.open_udp(), names) as other:
        port = network.datagram_sockets[1]._socket.getsockname()[1]
        await one.send(bytearray(b"ping"), "Other.Test", port)
        data, host, source = await other.receive()
        assert (data, host, names.asked) == (b"ping", "127.0.0.1", ["other.test"])
        await other.send(memoryview(b"pong"), host, source)
        assert await one.receive() == Datagram(b"pong", "127.0.0.1", port)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ((b"x", "", 7), "host"),
        ((b"x", "a.test", 0), "port"),
        (("text", "a.test", 7), "data"),
        ((bytes(MAX_DATAGRAM_BYTES + 1), "a.test", 7), "data"),
    ],
)
async def test_what_cannot_be_sent(arguments, argument):
    socket, names = Played(), Names()
    with pytest.raises(InvalidArgument) as caught:
        await UdpEndpoint(socket, names).send(*arguments)
    assert caught.value.fields["argument"] == argument
    assert (socket.sent, names.asked) == ([], [])


async def test_reports_are_passed_over():
    socket = Played(Unreachable("port"), (b"x", HERE, 7))
    assert await UdpEndpoint(socket, Names()).receive() == Datagram(b"x", "127.0.0.1", 7)


async def test_iterating_ends_when_it_is_closed():
    closed = TunnelClosed("this socket has been closed")
    socket = Played((b"a", HERE, 7), (b"b", HERE, 7), closed)
    endpoint = UdpEndpoint(socket, Names())
    got = []
    async for data, _, _ in endpoint:
        got.append(data)
        if len(got) == 2:
            endpoint.close()
    assert got == [b"a", b"b"]
    assert socket.closed


@pytest.mark.parametrize("error", [TunnelClosed(), ExitChanged()])
async def test_iterating_does_not_hide_why_the_tunnel_ended(error):
    with pytest.raises(type(error)):
        async for _ in UdpEndpoint(Played(error), Names()):
            pass
