"""Connections that one process accepts and another one serves."""

from __future__ import annotations

import asyncio
import socket

from mix_network.workers import handing


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


def accepted() -> tuple[socket.socket, socket.socket]:
    """A client, and what a listener has accepted."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        return client, listening.accept()[0]


async def test_what_is_handed_over_is_served_as_if_it_had_been_accepted():
    ours, theirs = handing.pair()
    server = await asyncio.start_server(echo, sock=theirs)
    clients = []
    for _ in range(3):
        client, connection = accepted()
        assert handing.hand_over(ours, connection)
        connection.close()
        clients.append(await asyncio.open_connection(sock=client))
    for number, (reader, writer) in enumerate(clients):
        writer.write(b"%d" % number)
        assert await reader.readexactly(1) == b"%d" % number
        writer.close()
    server.close()
    ours.close()


def test_where_it_came_from_is_known():
    ours, theirs = handing.pair()
    client, connection = accepted()
    assert handing.hand_over(ours, connection)
    taken, address = theirs.accept()
    assert address == client.getsockname()
    for end in (ours, theirs, client, connection, taken):
        end.close()


def test_nobody_takes_what_is_handed_to_one_who_is_gone():
    ours, theirs = handing.pair()
    client, connection = accepted()
    theirs.close()
    assert not handing.hand_over(ours, connection)
    for end in (ours, client, connection):
        end.close()


def test_one_who_takes_nothing_is_given_a_bounded_number():
    ours, theirs = handing.pair()
    client, connection = accepted()
    given = 0
    while handing.hand_over(ours, connection):
        given += 1
        assert given < 10_000
    assert given > 0
    for end in (ours, theirs, client, connection):
        end.close()
