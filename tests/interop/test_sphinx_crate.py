"""Our Sphinx packets and SURBs by the published crate `sphinx-packet` 0.8.0 and its by ours, hop by hop."""

import os
from dataclasses import dataclass

import pytest
from support.judge import FAST, LineJudge

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.compiled_sphinx import load_compiled_sphinx
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, SealedPacket, process_packet
from mix_protocol.sphinx.surb import Surb, SurbRecovery, build_sealing_surb, build_surb
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

pytestmark = pytest.mark.timeout(900)  # a first build takes minutes

VERSIONS = list(SphinxVersion)
SIZES = [PacketSize.REGULAR, PacketSize.ACK, PacketSize.EXTENDED_32]
DESTINATION, IDENTIFIER = b"\xd5" * 32, b"\xab" * 16
SECRETS = [bytes([number]) * 32 for number in range(1, 5)]
DELAYS_NS = [1_000_000, 0, 3_000_000_000, 4]
ADDRESSES = ["192.0.2.1", "2001:db8::2", "192.0.2.3", "2001:db8::4"]


@pytest.fixture(scope="module")
def judge():
    judge = LineJudge(FAST, "sphinx")
    yield judge
    judge.close()


@pytest.fixture(scope="module", params=["python", "compiled"])
def crypto(request):
    crypto = NativeCrypto()
    crypto.sphinx = load_compiled_sphinx() if request.param == "compiled" else None
    if request.param == "compiled" and crypto.sphinx is None:
        pytest.skip("the compiled Sphinx core is not installed")
    return crypto


@pytest.fixture(scope="module")
def route(crypto) -> list[RouteHop]:
    return [
        RouteHop(NodeAddress.from_text(address, 1789), crypto.x25519_public(secret))
        for address, secret in zip(ADDRESSES, SECRETS, strict=True)
    ]


def their_way(route: list[RouteHop], version: int, identifier: bytes = IDENTIFIER) -> dict[str, object]:
    hops = [
        {"address": hop.address.encode_padded(32).hex(), "key": hop.sphinx_key.hex(), "delay_ns": delay_ns}
        for hop, delay_ns in zip(route, DELAYS_NS, strict=True)
    ]
    return {"version": version, "hops": hops, "destination": DESTINATION.hex(), "identifier": identifier.hex()}


@dataclass(frozen=True)
class Hop:
    """A node that takes its layer off a packet, by our code or by theirs; both give the same kind of answer."""

    judge: LineJudge
    crypto: NativeCrypto
    is_theirs: bool

    def forward(self, secret: bytes, packet: bytes) -> tuple[int, bytes, int, bytes]:
        """Version, next hop, delay and the packet for it."""
        if self.is_theirs:
            said = self.judge.ask("process", secret=secret.hex(), packet=packet.hex())
            return said["version"], bytes.fromhex(said["next_hop"]), said["delay_ns"], bytes.fromhex(said["packet"])
        done = process_packet(self.crypto, secret, packet)
        assert isinstance(done, ForwardPacket)
        return done.version, done.next_hop.encode_padded(32), done.delay_ns, done.packet

    def end(self, secret: bytes, packet: bytes) -> tuple[int, bytes, bytes, bytes | None, bytes]:
        """Version, destination, identifier, the message if it can be read here, and the padded payload otherwise."""
        if self.is_theirs:
            said = self.judge.ask("process", secret=secret.hex(), packet=packet.hex())
            message = said["message"]
            names = bytes.fromhex(said["destination"]), bytes.fromhex(said["identifier"])
            return (
                said["version"],
                *names,
                bytes.fromhex(message) if message is not None else None,
                bytes.fromhex(said["payload"]),
            )
        done = process_packet(self.crypto, secret, packet)
        assert isinstance(done, FinalPacket | SealedPacket)
        message = done.message if isinstance(done, FinalPacket) else None
        payload = done.payload if isinstance(done, SealedPacket) else b""
        return done.version, done.destination, done.surb_identifier, message, payload


@pytest.fixture(params=["theirs", "ours", "by turns"])
def nodes(request, judge, crypto) -> list[Hop]:
    theirs = {"theirs": [True] * 4, "ours": [False] * 4, "by turns": [True, False, True, False]}[request.param]
    return [Hop(judge, crypto, is_theirs) for is_theirs in theirs]


def travel(nodes: list[Hop], route: list[RouteHop], packet: bytes, version: int) -> tuple[bytes, bytes | None, bytes]:
    """Through all nodes; the identifier, message and payload that the last one finds."""
    for number, node in enumerate(nodes[:-1]):
        found, next_hop, delay_ns, packet = node.forward(SECRETS[number], packet)
        assert (found, next_hop) == (version, route[number + 1].address.encode_padded(32))
        assert delay_ns == DELAYS_NS[number]
    found, destination, identifier, message, payload = nodes[-1].end(SECRETS[-1], packet)
    assert (found, destination) == (version, DESTINATION)
    return identifier, message, payload


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_our_packets(crypto, nodes, route, version, size):
    """Packets of ours, version {version}, taken apart by theirs"""
    message = os.urandom(size.plaintext_length)
    way = {"route": route, "delays_ns": DELAYS_NS, "destination": DESTINATION}
    packet = build_packet(crypto, os.urandom, **way, message=message, size=size, version=version, identifier=IDENTIFIER)
    assert travel(nodes, route, packet, version)[:2] == (IDENTIFIER, message)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_their_packets(judge, nodes, route, version, size):
    """Packets of theirs, version {version}, taken apart by ours"""
    message = os.urandom(size.plaintext_length)
    said = judge.ask("build", way=their_way(route, version), message=message.hex(), payload_size=size.payload_length)
    packet = bytes.fromhex(said["packet"])
    assert len(packet) == size.packet_length
    assert travel(nodes, route, packet, version)[:2] == (IDENTIFIER, message)


def use_theirs(judge: LineJudge, surb: Surb, message: bytes) -> tuple[bytes, bytes]:
    said = judge.ask(
        "use_surb", surb=surb.encode().hex(), message=message.hex(), payload_size=PacketSize.REGULAR.payload_length
    )
    return bytes.fromhex(said["first_hop"]), bytes.fromhex(said["packet"])


def use_ours(crypto: NativeCrypto, surb: Surb, message: bytes) -> tuple[bytes, bytes]:
    first_hop, packet = surb.use(crypto, message, PacketSize.REGULAR)
    return first_hop.encode_padded(32), packet


@pytest.mark.parametrize("user", ["ours", "theirs"])
@pytest.mark.parametrize("maker", ["ours", "theirs"])
def test_a_reply_by_a_surb_with_all_seeds(judge, crypto, nodes, route, maker, user):
    """SURBs of either, used by either, seeds known"""
    if maker == "ours":
        surb = build_surb(crypto, os.urandom, route=route, delays_ns=DELAYS_NS, destination=DESTINATION)
    else:
        said = judge.ask("make_surb", way=their_way(route, 259, bytes(16)))
        surb = Surb.decode(bytes.fromhex(said["surb"]))
    message = os.urandom(500)
    first_hop, packet = use_ours(crypto, surb, message) if user == "ours" else use_theirs(judge, surb, message)
    assert first_hop == route[0].address.encode_padded(32)
    assert travel(nodes, route, packet, 259)[:2] == (bytes(16), message)


@pytest.mark.parametrize("user", ["ours", "theirs"])
@pytest.mark.parametrize("maker", ["ours", "theirs"])
def test_a_reply_that_only_the_maker_opens(judge, crypto, nodes, route, maker, user):
    """SURBs of either, used by either, opened by their maker"""
    if maker == "ours":
        surb, recovery = build_sealing_surb(
            crypto, os.urandom, route=route, delays_ns=DELAYS_NS, destination=DESTINATION
        )
    else:
        said = judge.ask("make_surb", way=their_way(route, 260))
        surb = Surb.decode(bytes.fromhex(said["surb"]))
        recovery = SurbRecovery.decode(bytes.fromhex(said["recovery"]))
        assert recovery.identifier == IDENTIFIER
    assert surb.is_sealing
    message = os.urandom(500)
    first_hop, packet = use_ours(crypto, surb, message) if user == "ours" else use_theirs(judge, surb, message)
    assert first_hop == route[0].address.encode_padded(32)
    identifier, read, payload = travel(nodes, route, packet, 260)
    assert (identifier, read) == (recovery.identifier, None)
    assert recovery.open(crypto, payload) == message
    said = judge.ask("unseal", recovery=recovery.encode().hex(), payload=payload.hex())
    assert bytes.fromhex(said["message"]) == message


@pytest.mark.parametrize("at", [0, 31, 32, 47, 48, 347])
def test_both_refuse_a_header_that_was_changed(judge, crypto, route, at):
    """Refused: a header that was changed"""
    way = {"route": route, "delays_ns": DELAYS_NS, "destination": DESTINATION}
    packet = bytearray(build_packet(crypto, os.urandom, **way, message=b"m", size=PacketSize.REGULAR))
    packet[at] ^= 0x10
    with pytest.raises(PeerMisbehaved):
        process_packet(crypto, SECRETS[0], bytes(packet))
    assert "error" in judge.ask("process", secret=SECRETS[0].hex(), packet=packet.hex())
