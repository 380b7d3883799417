import pytest

from mix_network.gateway.delivery import Delivery
from mix_network.gateway.inbox import Inbox, InboxLimits
from mix_network.metrics import NodeMetrics
from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.messages.acknowledgement import SurbAck
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.processing import FinalPacket, SealedPacket

CLIENT, STRANGER, OWN = b"c" * 32, b"s" * 32, b"o" * 32
ACK = SurbAck(NodeAddress.from_text("127.0.0.1", 1789), b"a" * PacketSize.ACK.packet_length)


class Connection:
    """A client's connection with room for so many payloads."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.taken: list[bytes] = []

    def push(self, payload: bytes, *, is_kept: bool = False) -> bool:
        if len(self.taken) >= self.room:
            return False
        self.taken.append(payload)
        return True


class Gateway:
    def __init__(self) -> None:
        self.metrics = NodeMetrics("entry", "entry-gateway")
        self.sent: list[tuple[NodeAddress, bytes, KeyRotation]] = []
        self.delivery = Delivery(
            self.metrics,
            Inbox(InboxLimits(max_client_payloads=3)),
            send=lambda *packet: self.sent.append(packet),
            is_known=lambda identity: identity == CLIENT,
            clock=lambda: 0.0,
            own_identity=OWN,
        )

    def receive(self, message: bytes, destination: bytes = CLIENT, size: PacketSize = PacketSize.REGULAR) -> None:
        packet = FinalPacket(destination, bytes(16), message, 259)
        self.delivery.receive_final(packet, size, KeyRotation.EVEN)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def test_the_payload_goes_to_the_client_and_the_ack_back(gateway: Gateway):
    client = Connection()
    gateway.delivery.connect(CLIENT, client)
    gateway.receive(ACK.encode() + b"payload")
    assert client.taken == [b"payload"]
    assert gateway.sent == [(ACK.first_hop, ACK.packet, KeyRotation.EVEN)]


def test_an_ack_packet_is_pushed_as_it_is(gateway: Gateway):
    client = Connection()
    gateway.delivery.connect(CLIENT, client)
    gateway.receive(b"x" * 21, size=PacketSize.ACK)
    assert client.taken == [b"x" * 21]
    assert gateway.sent == []


def test_payloads_wait_for_a_client_that_is_away_and_acks_do_not(gateway: Gateway):
    for number in range(4):
        gateway.receive(ACK.encode() + bytes((number,)))
    assert len(gateway.sent) == 4
    client = Connection()
    gateway.delivery.connect(CLIENT, client)
    assert client.taken == [b"\1", b"\2", b"\3"]


def test_nothing_is_kept_for_strangers(gateway: Gateway):
    gateway.receive(ACK.encode() + b"payload", destination=STRANGER)
    assert gateway.metrics.dropped["unknown_client"] == 1
    assert gateway.metrics.stored == 0
    assert len(gateway.sent) == 1


@pytest.mark.parametrize("message", [b"", bytes(404), bytes(405), b"\7" + ACK.encode()[1:] + b"payload"])
def test_what_holds_no_ack_is_dropped(gateway: Gateway, message: bytes):
    client = Connection()
    gateway.delivery.connect(CLIENT, client)
    gateway.receive(message)
    assert client.taken == gateway.sent == []
    assert gateway.metrics.malformed == 1


def test_a_slow_client_loses_payloads_but_not_acks(gateway: Gateway):
    gateway.delivery.connect(CLIENT, Connection(room=0))
    gateway.receive(ACK.encode() + b"payload")
    assert gateway.metrics.dropped["client_too_slow"] == 1
    assert len(gateway.sent) == 1


def test_an_older_connection_that_ends_does_not_take_the_newer_one_along(gateway: Gateway):
    older, newer = Connection(), Connection()
    gateway.delivery.connect(CLIENT, older)
    gateway.delivery.connect(CLIENT, newer)
    gateway.delivery.disconnect(CLIENT, older)
    gateway.receive(ACK.encode() + b"payload")
    assert (older.taken, newer.taken) == ([], [b"payload"])
    gateway.delivery.disconnect(CLIENT, newer)
    assert gateway.delivery.connected(CLIENT) is None


@pytest.mark.parametrize("is_away", [False, True])
def test_a_sealed_reply_is_passed_on_whole_with_its_identifier(gateway: Gateway, is_away: bool):
    client, payload = Connection(), b"p" * PacketSize.REGULAR.payload_length
    if not is_away:
        gateway.delivery.connect(CLIENT, client)
    packet = SealedPacket(CLIENT, b"identifier of 16", payload, 260)
    gateway.delivery.receive_final(packet, PacketSize.REGULAR, KeyRotation.EVEN)
    gateway.delivery.connect(CLIENT, client)
    assert client.taken == [b"identifier of 16" + payload]
    assert gateway.sent == []


def test_of_nodes_cover_only_the_ack_goes_on(gateway: Gateway):
    gateway.receive(ACK.encode() + b"payload", destination=OWN)
    assert len(gateway.sent) == 1
    assert not gateway.metrics.dropped
    assert gateway.metrics.stored == gateway.metrics.pushed == 0


def test_what_waited_is_forgotten_only_when_the_client_has_it(gateway: Gateway):
    for number in range(3):
        gateway.receive(ACK.encode() + bytes([number]))
    older, newer = Connection(room=2), Connection()
    assert gateway.delivery.connect(CLIENT, older)
    assert older.taken == [b"\0", b"\1"]
    gateway.delivery.disconnect(CLIENT, older)  # it was cut before anything had left
    assert gateway.delivery.connect(CLIENT, newer)
    assert newer.taken == [b"\0", b"\1", b"\2"]
    assert not gateway.delivery.settle(CLIENT, older)
    assert not gateway.delivery.settle(CLIENT, newer)
    assert not gateway.delivery.connect(CLIENT, Connection())


def test_a_client_that_has_room_for_some_gets_the_rest_when_those_have_left(gateway: Gateway):
    for number in range(3):
        gateway.receive(ACK.encode() + bytes([number]))
    client = Connection(room=2)
    assert gateway.delivery.connect(CLIENT, client)
    client.room = 3
    assert gateway.delivery.settle(CLIENT, client)
    assert client.taken == [b"\0", b"\1", b"\2"]
    assert not gateway.delivery.settle(CLIENT, client)
    assert gateway.metrics.pushed == 3
    assert not gateway.metrics.dropped
