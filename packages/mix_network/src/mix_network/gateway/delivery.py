"""What a gateway does with packets that end at it: payloads to clients, acknowledgements back into the mixnet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from mix_network.gateway.inbox import Inbox
from mix_network.metrics import NodeMetrics
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.acknowledgement import split_surb_ack
from mix_protocol.messages.pushed import wrap_sealed
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.processing import FinalPacket, SealedPacket


class ConnectedClient(Protocol):
    """A client that takes payloads now."""

    def push(self, payload: bytes, *, is_kept: bool = False) -> bool:
        """Take a payload; False if there is no room for it at the moment.

        is_kept -- whether it stays in the inbox until `Delivery.settle`
        """
        ...


class Delivery:
    """Final-hop handling (Nym spec: what the final gateway does).

    send -- sends a packet to its first hop at once
    is_known -- whether a client with this identity ever registered here; nothing is kept for others
    clock -- monotonic seconds
    own_identity -- the gateway's: what is addressed to it is nodes' loop cover, of which the acknowledgement is all
    """

    def __init__(
        self,
        metrics: NodeMetrics,
        inbox: Inbox,
        *,
        send: Callable[[NodeAddress, bytes, KeyRotation], None],
        is_known: Callable[[bytes], bool],
        clock: Callable[[], float],
        own_identity: bytes | None = None,
    ) -> None:
        self._metrics = metrics
        self._inbox = inbox
        self._send = send
        self._is_known = is_known
        self._clock = clock
        self._own_identity = own_identity
        self._connected: dict[bytes, ConnectedClient] = {}

    def receive_final(self, packet: FinalPacket | SealedPacket, size: PacketSize, key_rotation: KeyRotation) -> None:
        """Take a packet that ends here.

        What is sealed goes to the client as it is, with the identifier by which the client opens it. There is no
        acknowledgement in it that could be found here.
        """
        if isinstance(packet, SealedPacket):
            self._deliver(packet.destination, wrap_sealed(packet.surb_identifier, packet.payload))
            return
        if size is PacketSize.ACK:
            self._deliver(packet.destination, packet.message)
            return
        try:
            ack, payload = split_surb_ack(packet.message)
        except PeerMisbehaved as error:
            self._metrics.malformed += 1
            self._metrics.drop(error.code)
            return
        self._deliver(packet.destination, payload)
        # Always, even for a client that is away: it tells that the packet came through the mixnet.
        self._metrics.acks_forwarded += 1
        self._send(ack.first_hop, ack.packet, key_rotation)

    def connect(self, identity: bytes, client: ConnectedClient) -> bool:
        """From now on payloads for this identity go to `client`, first of all those that wait; gives whether any did.

        They are kept until `client` says that they have left, by `settle`.
        """
        self._connected[identity] = client
        return self._hand_out(identity, client)

    def settle(self, identity: bytes, client: ConnectedClient) -> bool:
        """What waited for the client has left, and the next of it goes out; gives whether there is any.

        Nothing happens if another connection of the same identity has taken its place.
        """
        if self._connected.get(identity) is not client:
            return False
        self._inbox.settle(identity)
        return self._hand_out(identity, client)

    def disconnect(self, identity: bytes, client: ConnectedClient) -> None:
        """The client is gone, unless another connection of the same identity has taken its place."""
        if self._connected.get(identity) is client:
            del self._connected[identity]

    def give_back(self, identity: bytes, payloads: Sequence[bytes]) -> None:
        """A connection that has ended could not send these: they go to the client's next one."""
        for payload in payloads:
            self._deliver(identity, payload)

    @property
    def connected_count(self) -> int:
        """How many clients take payloads now, services among them."""
        return len(self._connected)

    def connected(self, identity: bytes) -> ConnectedClient | None:
        """The connection that takes this identity's payloads."""
        return self._connected.get(identity)

    def _deliver(self, identity: bytes, payload: bytes) -> None:
        if identity == self._own_identity:
            return
        client = self._connected.get(identity)
        if client is not None:
            self._push(client, payload)
        else:
            self._deliver_to_absent(identity, payload)

    def _deliver_to_absent(self, identity: bytes, payload: bytes) -> None:
        if not self._is_known(identity):
            self._metrics.drop("unknown_client")
        elif self._inbox.store(identity, payload, self._clock()):
            self._metrics.stored += 1
        else:
            self._metrics.drop("inbox_full")

    def _hand_out(self, identity: bytes, client: ConnectedClient) -> bool:
        push = partial(client.push, is_kept=True)
        self._metrics.pushed += self._inbox.hand_out(identity, self._clock(), push)
        return identity in self._inbox

    def _push(self, client: ConnectedClient, payload: bytes) -> None:
        if client.push(payload):
            self._metrics.pushed += 1
        else:
            self._metrics.drop("client_too_slow")
