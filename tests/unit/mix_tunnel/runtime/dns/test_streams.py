"""DNS over TCP: one connection for many questions, and servers that do not play by the rules."""

from __future__ import annotations

import asyncio

import dns.message
import pytest
from support.kernel import KernelNetwork
from support.name_server import respond
from support.tls_server import serve
from support.waiting import until

from mix_protocol.errors import MixError
from mix_tunnel.runtime.dns.errors import MalformedAnswer, ServerFailed
from mix_tunnel.runtime.dns.transports.streams import MAX_STRANGERS
from mix_tunnel.runtime.tunnel_errors import TunnelClosed


def framed(wire: bytes) -> bytes:
    return len(wire).to_bytes(2, "big") + wire


async def read_query(reader: asyncio.StreamReader) -> dns.message.Message:
    length = int.from_bytes(await reader.readexactly(2), "big")
    return dns.message.from_wire(await reader.readexactly(length))


def answer(query: dns.message.Message) -> bytes:
    return framed(respond(query, f"{query.question[0].name} 60 IN A 192.0.2.1").to_wire())


class Connections:
    """Counts connections and keeps the queries of each."""

    def __init__(self) -> None:
        self.queries: list[list[dns.message.Message]] = []

    async def read(self, reader: asyncio.StreamReader, index: int) -> dns.message.Message:
        query = await read_query(reader)
        self.queries[index].append(query)
        return query

    def open(self) -> int:
        self.queries.append([])
        return len(self.queries) - 1


async def test_answers_may_come_in_any_order_and_in_pieces(resolve_by):
    seen = Connections()

    async def handle(reader, writer):
        index = seen.open()
        queries = [await seen.read(reader, index) for _ in range(5)]
        for byte in b"".join(answer(query) for query in reversed(queries)):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await reader.read()

    async with serve(handle) as port:
        resolver = resolve_by(f"tcp://127.0.0.1:{port}")
        names = [f"n{number}.test" for number in range(5)]
        answers = await asyncio.gather(*(resolver.resolve(name) for name in names))
        assert [found.canonical_name for found in answers] == names
        assert len(seen.queries) == 1
        assert len({query.id for query in seen.queries[0]}) == 5


async def test_a_server_that_closes_between_questions_is_connected_to_again(resolve_by):
    seen = Connections()

    async def handle(reader, writer):
        writer.write(answer(await seen.read(reader, seen.open())))
        await writer.drain()

    async with serve(handle) as port:
        resolver = resolve_by(f"tcp://127.0.0.1:{port}", attempts=1)
        for number in range(3):
            assert (await resolver.resolve(f"n{number}.test")).records
        assert len(seen.queries) == 3


async def test_a_kept_connection_that_is_dead_costs_one_more_connection(resolve_by):
    """The server ends the connection upon the second question instead of before it."""
    seen = Connections()

    async def handle(reader, writer):
        index = seen.open()
        writer.write(answer(await seen.read(reader, index)))
        if index == 0:
            await seen.read(reader, index)
            writer.transport.abort()
        else:
            await reader.read()

    async with serve(handle) as port:
        resolver = resolve_by(f"tcp://127.0.0.1:{port}", attempts=1)
        assert (await resolver.resolve("first.test")).records
        assert (await resolver.resolve("second.test")).records
        assert [len(queries) for queries in seen.queries] == [2, 1]


async def test_a_server_that_always_closes_does_not_keep_us_busy(resolve_by):
    seen = Connections()

    async def handle(reader, writer):
        await seen.read(reader, seen.open())

    async with serve(handle) as port:
        with pytest.raises(MixError):
            await resolve_by(f"tcp://127.0.0.1:{port}", attempts=2).resolve("a.test")
        assert len(seen.queries) == 2


@pytest.mark.parametrize("head", [b"", b"\x00", b"\x00\x20", b"\xff\xffhalf of it"])
async def test_an_answer_that_is_cut_off(resolve_by, head):
    async def handle(reader, writer):
        await read_query(reader)
        writer.write(head)
        await writer.drain()

    async with serve(handle) as port:
        with pytest.raises((ServerFailed, MixError)) as caught:
            await resolve_by(f"tcp://127.0.0.1:{port}", attempts=1).resolve("a.test")
        assert caught.value.code in ("dns.server_failed", "tcp.kernel", "tcp.connection_reset")


async def test_empty_messages_and_answers_to_nothing_are_bounded(resolve_by):
    async def handle(reader, writer):
        query = await read_query(reader)
        query.id ^= 1
        writer.write(framed(b"") * 5 + answer(query) * (MAX_STRANGERS - 5))
        await writer.drain()
        await reader.read()

    network = KernelNetwork()
    async with serve(handle) as port:
        with pytest.raises(MalformedAnswer, match="never asked"):
            await resolve_by(f"tcp://127.0.0.1:{port}", attempts=1, network=network).resolve("a.test")
        assert network.streams[0].aborted


async def test_an_answer_to_another_question_is_not_taken(resolve_by):
    async def handle(reader, writer):
        query = await read_query(reader)
        other = dns.message.make_query("b.test", "A", id=query.id)
        writer.write(framed(respond(other, "b.test. 60 IN A 192.0.2.66").to_wire()) + answer(query))
        await reader.read()

    async with serve(handle) as port:
        found = await resolve_by(f"tcp://127.0.0.1:{port}").resolve("a.test")
        assert found.records[0].text == "192.0.2.1"


async def test_giving_up_the_only_question_drops_the_connection(resolve_by):
    seen = Connections()

    async def handle(reader, writer):
        index = seen.open()
        await seen.read(reader, index)
        if index:
            writer.write(answer(seen.queries[index][0]))
        await reader.read()

    network = KernelNetwork()
    async with serve(handle) as port:
        resolver = resolve_by(f"tcp://127.0.0.1:{port}", network=network)
        waiting = asyncio.create_task(resolver.resolve("a.test"))
        await until(lambda: seen.queries and seen.queries[0])
        waiting.cancel()
        await asyncio.wait({waiting})
        await until(lambda: network.streams[0].aborted)
        assert (await resolver.resolve("a.test")).records


async def test_giving_one_of_two_up_leaves_the_other(resolve_by):
    seen = Connections()

    async def handle(reader, writer):
        index = seen.open()
        queries = [await seen.read(reader, index) for _ in range(2)]
        queries.append(await seen.read(reader, index))
        for query in queries:  # the first is late, and nobody's any more
            writer.write(answer(query))
        await reader.read()

    async with serve(handle) as port:
        resolver = resolve_by(f"tcp://127.0.0.1:{port}")
        given_up, kept = (asyncio.create_task(resolver.resolve(name)) for name in ("a.test", "b.test"))
        await until(lambda: seen.queries and len(seen.queries[0]) == 2)
        given_up.cancel()
        await asyncio.wait({given_up})
        late = await resolver.resolve("c.test")
        assert (await kept).records
        assert late.records
        assert len(seen.queries) == 1


async def test_an_idle_connection_is_dropped(resolve_by, monkeypatch):
    from mix_tunnel.runtime.dns.transports import streams

    monkeypatch.setattr(streams.StreamTransport.__init__, "__kwdefaults__", {"padded": False, "idle_s": 0.01})

    async def handle(reader, writer):
        writer.write(answer(await read_query(reader)))
        await reader.read()

    network = KernelNetwork()
    async with serve(handle) as port:
        resolver = resolve_by(f"tcp://127.0.0.1:{port}", network=network)
        await resolver.resolve("a.test")
        await until(lambda: network.streams[0].aborted)
        await resolver.resolve("b.test")
        assert len(network.streams) == 2


async def test_closing_the_resolver_ends_what_is_under_way(resolve_by):
    asked = asyncio.Event()

    async def handle(reader, writer):
        await read_query(reader)
        asked.set()
        await reader.read()

    network = KernelNetwork()
    async with serve(handle) as port:
        resolver = resolve_by(f"tcp://127.0.0.1:{port}", network=network)
        waiting = asyncio.create_task(resolver.resolve("a.test"))
        await asked.wait()
        await resolver.aclose()
        with pytest.raises(TunnelClosed):
            await waiting
        assert network.streams[0].aborted
