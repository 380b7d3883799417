"""Where a worker sends payloads, and which of a client's connections it takes for the newest."""

from __future__ import annotations

import os

import pytest

from mix_network.metrics import NodeMetrics
from mix_network.workers.channel import Kind
from mix_network.workers.clients import RECORD_LENGTH, SharedClientRegistry
from mix_network.workers.delivery import WorkerDelivery
from mix_network.workers.shared_table import SharedTable

ALICE, SERVICE, STRANGER, GATEWAY = (bytes((letter,)) * 32 for letter in b"asxg")
NODE = 7


class Channel:
    """Notes what is sent; takes nothing any more when it is full."""

    def __init__(self) -> None:
        self.sent: list[tuple[Kind, bytes]] = []
        self.is_full = False

    def send(self, kind: Kind, node: int, content: bytes) -> bool:
        assert node == NODE
        if not self.is_full:
            self.sent.append((kind, content))
        return not self.is_full

    def take(self) -> list[tuple[Kind, bytes]]:
        sent, self.sent = self.sent, []
        return sent


class Client:
    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.ended = False

    def push(self, payload: bytes, *, is_kept: bool = False) -> bool:
        self.payloads.append(payload)
        return True

    def replace(self) -> None:
        self.ended = True


class Worker:
    """One of two workers of a gateway."""

    def __init__(self, number: int, table: SharedTable) -> None:
        self.number = number
        self.main = Channel()
        self.peers: dict[int, Channel] = {3 - number: Channel()}
        self.metrics = NodeMetrics("entry", "entry-gateway")
        self.registry = SharedClientRegistry(table)
        self.delivery = WorkerDelivery(
            self.metrics,
            self.registry,
            send=lambda *_: None,
            clock=lambda: 0.0,
            own_identity=GATEWAY,
            worker=number,
            node=NODE,
            main=self.main,
            peers=self.peers,
        )
        self.delivery.service = SERVICE

    @property
    def peer(self) -> Channel:
        return self.peers[3 - self.number]


@pytest.fixture
def workers():
    table = SharedTable.create(os.urandom, 100, RECORD_LENGTH)
    SharedClientRegistry(table).register(ALICE, b"k" * 32)
    yield Worker(1, table), Worker(2, table)
    table.close()


def test_a_client_that_is_here_gets_it_here(workers):
    here, _ = workers
    client = Client()
    here.delivery.connect(ALICE, client)
    assert here.main.take() == [(Kind.SEATED, ALICE)]
    here.delivery._deliver(ALICE, b"payload")
    assert client.payloads == [b"payload"]
    assert here.main.sent == here.peer.sent == []


def test_a_client_that_is_with_another_worker_gets_it_there(workers):
    here, there = workers
    client = Client()
    there.delivery.connect(ALICE, client)
    here.delivery._deliver(ALICE, b"payload")
    [(kind, content)] = here.peer.take()
    assert kind == Kind.PUSH
    there.delivery.receive_pushed(content)
    assert client.payloads == [b"payload"]
    here.peer.is_full = True
    here.delivery._deliver(ALICE, b"payload")
    assert here.metrics.dropped == {"worker_too_slow": 1}


def test_what_is_for_a_client_that_is_away_goes_to_the_main_process(workers):
    here, there = workers
    here.delivery._deliver(ALICE, b"one")
    client = Client()
    there.delivery.connect(ALICE, client)
    here.delivery._deliver(ALICE, b"two")
    [(_, content)] = here.peer.take()
    there.delivery.disconnect(ALICE, client)
    there.main.take()
    there.delivery.receive_pushed(content)  # it has left meanwhile
    assert here.main.take() == [(Kind.AWAY, ALICE + b"one")]
    assert there.main.take() == [(Kind.AWAY, ALICE + b"two")]
    here.main.is_full = True
    here.delivery._deliver(ALICE, b"three")
    assert here.metrics.dropped == {"inbox_full": 1}


def test_a_client_whose_worker_has_died_is_away(workers):
    here, there = workers
    there.delivery.connect(ALICE, Client())
    del here.peers[2]
    here.delivery._deliver(ALICE, b"payload")
    assert here.main.take() == [(Kind.AWAY, ALICE + b"payload")]


def test_the_service_is_in_the_main_process_and_strangers_get_nothing(workers):
    here, _ = workers
    here.delivery._deliver(SERVICE, b"request")
    assert here.main.take() == [(Kind.SERVICE, b"request")]
    here.delivery._deliver(STRANGER, b"payload")
    here.delivery._deliver(GATEWAY, b"a loop")
    assert here.metrics.dropped == {"unknown_client": 1}
    assert here.main.sent == []


def test_the_newest_connection_is_the_clients(workers):
    here, there = workers
    oldest, older, newest = Client(), Client(), Client()
    here.delivery.connect(ALICE, oldest)
    there.delivery.connect(ALICE, older)
    [first] = there.peer.take()
    here.delivery.connect(ALICE, newest)  # before it has heard of the one between
    [second] = here.peer.take()
    assert first[0] == second[0] == Kind.REPLACED
    here.delivery.replaced(first[1])
    assert not newest.ended
    there.delivery.replaced(second[1])
    assert older.ended
    there.delivery.disconnect(ALICE, older)
    assert here.registry.seat_of(ALICE).worker == 1
    there.delivery._deliver(ALICE, b"payload")
    assert [kind for kind, _ in there.peer.take()] == [Kind.PUSH]


def test_an_older_connection_ends_when_its_client_sits_elsewhere(workers):
    here, there = workers
    older = Client()
    here.delivery.connect(ALICE, older)
    there.delivery.connect(ALICE, Client())
    [(_, content)] = there.peer.take()
    here.delivery.replaced(content)
    assert older.ended
    here.delivery.replaced(b"b" * 32 + bytes(4))  # nobody of whom this one knows
