"""A client that says to the exit's NAT what no stack would say: its own connection may end, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.waiting import PATIENCE_S, until

from mix_network.exit.nat import link as nat_link
from mix_network.exit.nat import nat as nat_module
from mix_network.exit.nat.nat import UserspaceNat
from mix_network.exit.policy import ExitPolicy
from mix_protocol.netstack.wire.ip import TCP, IpPacket, decode_ip
from mix_protocol.netstack.wire.tcp import ACK, FIN, RST, SYN, TcpSegment, decode_tcp

CLIENT, SERVER = ip_address("10.0.0.7").packed, ip_address("127.0.0.1").packed
ISS = 100
BODY = bytes(30_000)


@dataclass(frozen=True)
class Said:
    """A segment of the client; `ack` and `blocks` name edges of what the NAT has sent."""

    flags: int
    ack: int
    blocks: tuple[tuple[int, int], ...]
    sequence: int
    payload: int
    times: int


EDGES = st.integers(0, 5)
SAID = st.builds(
    Said,
    flags=st.sampled_from((ACK,) * 6 + (ACK | FIN, ACK | RST, SYN, SYN | ACK, RST, 0)),
    ack=EDGES,
    blocks=st.lists(st.tuples(EDGES, EDGES), max_size=3).map(tuple),
    sequence=st.sampled_from((0, 0, 0, 1, -1, 1000)),
    payload=st.sampled_from((0, 0, 1, 1000)),
    times=st.sampled_from((1, 4)),
)
POISON = [Said(ACK, 0, ((0, 1),), 0, 0, 1), Said(ACK, 0, (), 0, 0, 4)]


class Conversation:
    """One connection of the client, segment by segment."""

    def __init__(self, nat: UserspaceNat, port: int, own_port: int) -> None:
        self._nat, self._port, self._own_port = nat, port, own_port
        self._loop = asyncio.get_running_loop()
        self.edges: list[int] = []
        self.received = 0
        self._iss: int | None = None

    async def open(self, *, sack: bool) -> None:
        self.say(SYN, ISS, 0, sack=sack, mss=1460)
        await until(lambda: self._listen() and self._iss is not None, PATIENCE_S)
        self.say(ACK, ISS + 1, (self._iss or 0) + 1)

    def say(self, flags: int, sequence: int, ack: int, payload: bytes = b"", **options: object) -> None:
        segment = TcpSegment(
            self._own_port, self._port, sequence % 2**32, ack % 2**32, flags, 60_000, payload,
            mss=options.get("mss"),  # type: ignore[arg-type]
            sack_permitted=bool(options.get("sack")),
            sack_blocks=options.get("blocks", ()),  # type: ignore[arg-type]
        )  # fmt: skip
        packet = IpPacket(CLIENT, SERVER, TCP, segment.encode(CLIENT, SERVER))
        self._nat.receive_packet(packet.encode(), self._loop.time())

    def _listen(self) -> bool:
        for packet in self._nat.packets_to_send(self._loop.time()):
            decoded = decode_ip(packet)
            segment = decode_tcp(decoded.payload, decoded.source, decoded.destination)
            if segment.destination_port != self._own_port:
                continue
            if segment.flags & SYN:
                self._iss = segment.sequence
            if segment.payload:
                self.edges = sorted({*self.edges, segment.sequence, segment.sequence + len(segment.payload)})
                self.received = max(self.received, segment.sequence + len(segment.payload) - (self._iss or 0) - 1)
        return True

    async def talk(self, sayings: list[Said]) -> None:
        await until(lambda: self._listen() and bool(self.edges), PATIENCE_S)
        for said in sayings:
            for _ in range(said.times):
                blocks = tuple((self._edge(left), self._edge(right)) for left, right in said.blocks)
                sequence = ISS + 1 + said.sequence
                self.say(said.flags, sequence, self._edge(said.ack), bytes(said.payload), blocks=blocks)
            self._listen()

    def _edge(self, index: int) -> int:
        return self.edges[index % len(self.edges)] % 2**32

    async def take_all(self) -> None:
        """An honest client: acknowledge whatever comes until it is all here."""

        def step() -> bool:
            self._listen()
            if self._iss is not None and self.received:
                self.say(ACK, ISS + 1, self._iss + 1 + self.received)
            return self.received >= len(BODY)

        await until(step, PATIENCE_S)


@contextmanager
def no_crashes() -> Iterator[None]:
    logs = (nat_module._CRASHES, nat_link._CRASHES)
    before = [log.count for log in logs]
    yield
    assert [log.count for log in logs] == before


async def converse(sayings: list[Said], *, sack: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(BODY)
            await writer.drain()
            await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    policy = ExitPolicy.open(allow_loopback=True)
    nat = UserspaceNat(os.urandom, policy=policy, resolver=None, clock=loop.time, on_output=lambda: None)
    try:
        with no_crashes():
            bad = Conversation(nat, port, 4000)
            await bad.open(sack=sack)
            await bad.talk(sayings)
            honest = Conversation(nat, port, 4001)
            await honest.open(sack=True)
            await honest.take_all()
    finally:
        await nat.close()
        server.close()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@given(sayings=st.lists(SAID, max_size=12), sack=st.booleans())
@example(POISON, False)
@example(POISON, True)
@settings(max_examples=40, deadline=None)
def test_others_go_on(runner: asyncio.Runner, sayings: list[Said], sack: bool) -> None:
    runner.run(converse(sayings, sack=sack))
