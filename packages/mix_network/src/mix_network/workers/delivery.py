"""What a worker does with payloads for clients: they may be with it, with another worker, in the gateway, or away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol, runtime_checkable

from mix_network.gateway.delivery import ConnectedClient, Delivery
from mix_network.gateway.inbox import Inbox
from mix_network.metrics import NodeMetrics
from mix_network.workers.channel import Channel, Kind
from mix_network.workers.clients import NOWHERE, Seat, SharedClientRegistry
from mix_protocol.addressing import KeyRotation, NodeAddress

IDENTITY_LENGTH: Final = 32
_NUMBER_LENGTH: Final = 4


@runtime_checkable
class Replaceable(Protocol):
    """A client's connection."""

    def replace(self) -> None:
        """End it: its client has a newer one."""
        ...


class WorkerDelivery(Delivery):
    """The delivery of a gateway of which this worker does a part.

    worker -- this one's number
    node -- the gateway's number
    main -- the channel to the main process, which keeps payloads for those who are away and has the service
    peers -- channels to the other workers by their numbers
    """

    def __init__(
        self,
        metrics: NodeMetrics,
        registry: SharedClientRegistry,
        *,
        send: Callable[[NodeAddress, bytes, KeyRotation], None],
        clock: Callable[[], float],
        own_identity: bytes,
        worker: int,
        node: int,
        main: Channel,
        peers: Mapping[int, Channel],
    ) -> None:
        super().__init__(
            metrics, Inbox(), send=send, is_known=registry.__contains__, clock=clock, own_identity=own_identity
        )
        self._registry = registry
        self._worker = worker
        self._node = node
        self._main = main
        self._peers = peers
        self._seats: dict[bytes, Seat] = {}
        self.service: bytes | None = None

    def connect(self, identity: bytes, client: ConnectedClient) -> bool:
        before, seat = self._registry.take_seat(identity, self._worker)
        self._seats[identity] = seat
        peer = self._peers.get(before.worker)
        if peer is not None:
            peer.send(Kind.REPLACED, self._node, identity + seat.number.to_bytes(_NUMBER_LENGTH, "little"))
        waits = super().connect(identity, client)
        self._main.send(Kind.SEATED, self._node, identity)
        return waits

    def disconnect(self, identity: bytes, client: ConnectedClient) -> None:
        super().disconnect(identity, client)
        if self.connected(identity) is None and (seat := self._seats.pop(identity, None)) is not None:
            self._registry.leave_seat(identity, seat)

    def receive_pushed(self, content: bytes) -> None:
        """Another process has a payload for a client that it takes to be here."""
        identity, payload = content[:IDENTITY_LENGTH], content[IDENTITY_LENGTH:]
        client = self.connected(identity)
        if client is not None:
            self._push(client, payload)
        else:
            self._keep(identity, payload)

    def replaced(self, content: bytes) -> None:
        """A client of this worker has a newer connection elsewhere: the one that it has here ends."""
        identity, number = content[:IDENTITY_LENGTH], int.from_bytes(content[IDENTITY_LENGTH:], "little")
        seat = self._seats.get(identity)
        # It may have come back meanwhile; seat numbers start again after four thousand million.
        if seat is None or (number - seat.number) % (1 << 32) >= 1 << 31:
            return
        client: object = self.connected(identity)
        if isinstance(client, Replaceable):
            client.replace()

    def _deliver_to_absent(self, identity: bytes, payload: bytes) -> None:
        if identity == self.service:
            if not self._main.send(Kind.SERVICE, self._node, payload):
                self._metrics.drop("service_too_slow")
            return
        seat = self._registry.seat_of(identity)
        if seat is None:
            self._metrics.drop("unknown_client")
        elif seat.worker == NOWHERE or (peer := self._peers.get(seat.worker)) is None:
            self._keep(identity, payload)
        elif not peer.send(Kind.PUSH, self._node, identity + payload):
            self._metrics.drop("worker_too_slow")

    def _keep(self, identity: bytes, payload: bytes) -> None:
        if not self._main.send(Kind.AWAY, self._node, identity + payload):
            self._metrics.drop("inbox_full")
