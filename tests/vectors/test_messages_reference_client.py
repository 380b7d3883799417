"""The captured session of the published client, from its Sphinx frames to the messages that its exit read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.messages.acknowledgement import ACK_LENGTH, split_surb_ack
from mix_protocol.messages.cover import cover_content, is_cover
from mix_protocol.messages.encryption import decrypt_from_sender
from mix_protocol.messages.fragment import Fragment, remove_padding, split_message
from mix_protocol.messages.geometry import fragment_length, pushed_length
from mix_protocol.messages.nym_message import AdditionalSurbs, RepliableData, decode_message, encode_message
from mix_protocol.messages.reassembly import Reassembler
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.sphinx.errors import BadMac
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.processing import FinalPacket, ForwardPacket, process_packet

CAPTURE = Path(__file__).parent / "reference-client"
FRAMES = sorted(path.name for path in CAPTURE.glob("sphinx_*.bin"))
MESSAGES = sorted(path.name for path in CAPTURE.glob("nymmessage_*.bin"))
FRAGMENTS = sorted(path.name for path in CAPTURE.glob("ipr_fragment_*.bin"))
PORTS = {17801: "mix1", 17802: "mix2", 17803: "mix3", 17891: "entry", 17892: "exit"}

crypto = NativeCrypto()


@cache
def node_keys() -> dict[str, dict[str, str]]:
    return json.loads((CAPTURE / "node-keys.json").read_text())


def secret(node: str) -> bytes:
    return bytes.fromhex(node_keys()[node]["x"])


def identity(node: str) -> bytes:
    return crypto.ed25519_public(bytes.fromhex(node_keys()[node]["ed"]))


def follow(address: NodeAddress, packet: bytes) -> tuple[list[str], FinalPacket]:
    """Process a packet at each node on its way."""
    path = []
    while True:
        node = PORTS[address.port]
        path.append(node)
        result = process_packet(crypto, secret(node), packet)
        if isinstance(result, FinalPacket):
            return path, result
        assert isinstance(result, ForwardPacket)
        address, packet = result.next_hop, result.packet


@dataclass
class Delivered:
    """What came out of a captured frame at its last gateway."""

    key_rotation: KeyRotation
    path: list[str]
    final: FinalPacket

    @property
    def is_for_exit(self) -> bool:
        return self.final.destination == identity("ipr")


@cache
def delivered(name: str) -> Delivered:
    frame = (CAPTURE / name).read_bytes()
    mix_packet = MixPacket.decode_v2(frame)
    assert mix_packet.encode_v2() == frame
    path, final = follow(mix_packet.first_hop, mix_packet.packet)
    return Delivered(mix_packet.key_rotation, path, final)


@pytest.mark.parametrize("name", FRAMES)
def test_the_surb_ack_of_every_frame_returns_to_the_client(name: str) -> None:
    packet = delivered(name)
    surb_ack, pushed = split_surb_ack(packet.final.message)

    assert surb_ack.encode() + pushed == packet.final.message
    assert len(pushed) == pushed_length(PacketSize.REGULAR)
    path, ack = follow(surb_ack.first_hop, surb_ack.packet)
    assert path == ["mix1", "mix2", "mix3", "entry"]
    assert len(ack.message) == ACK_LENGTH
    assert ack.version == packet.final.version
    assert ack.destination == delivered("sphinx_0001.bin").final.destination


def exit_fragment(name: str) -> Fragment:
    """What the exit's router found in a captured frame."""
    assert delivered(name).is_for_exit
    _, pushed = split_surb_ack(delivered(name).final.message)
    content = decrypt_from_sender(crypto, secret("ipr"), pushed)
    fragment = Fragment.decode(content)
    assert fragment.encode() == content
    return fragment


def read(name: str) -> bytes:
    return (CAPTURE / name).read_bytes()


def test_frames_to_the_exit_give_exactly_the_captured_messages() -> None:
    reassembler = Reassembler()
    messages = {}
    for name in FRAMES:
        if delivered(name).is_for_exit:
            encoded = reassembler.receive(exit_fragment(name), now=0.0)
            if encoded is not None:
                messages[name] = encoded
    assert messages == {"sphinx_0004.bin": read("nymmessage_2.bin"), "sphinx_0005.bin": read("nymmessage_1.bin")}
    # The last seven frames begin a message of fifteen fragments, of which the capture has no more.
    assert reassembler.incomplete_sets == 1


@pytest.mark.parametrize(
    ("frame", "fragment"),
    [
        ("sphinx_0004.bin", "ipr_fragment_1.bin"),
        ("sphinx_0003.bin", "ipr_fragment_2.bin"),
        ("sphinx_0005.bin", "ipr_fragment_3.bin"),
    ],
)
def test_frames_hold_the_captured_fragments(frame: str, fragment: str) -> None:
    assert exit_fragment(frame).encode() == read(fragment)


@pytest.mark.parametrize(
    ("message", "frames"),
    [
        ("nymmessage_1.bin", ["sphinx_0005.bin"]),
        ("nymmessage_2.bin", ["sphinx_0002.bin", "sphinx_0003.bin", "sphinx_0004.bin"]),
        ("nymmessage_3.bin", [f"sphinx_{number:04}.bin" for number in range(14, 21)]),
    ],
)
def test_splitting_a_captured_message_gives_the_captured_fragments(message: str, frames: list[str]) -> None:
    captured = [exit_fragment(name) for name in frames]
    set_id = captured[0].set_id
    fragments = split_message(lambda count: set_id.to_bytes(count, "big"), read(message))
    assert fragments[: len(captured)] == captured
    assert {fragment.total for fragment in captured} == {len(fragments)}


@pytest.mark.parametrize("name", FRAGMENTS)
def test_fragments_encode_to_the_captured_bytes(name: str) -> None:
    captured = (CAPTURE / name).read_bytes()
    assert len(captured) == fragment_length(PacketSize.REGULAR)
    assert Fragment.decode(captured).encode() == captured


def test_the_captured_fragments_reassemble() -> None:
    """The first two make up no whole message; the third is one of its own."""
    fragments = [Fragment.decode((CAPTURE / name).read_bytes()) for name in FRAGMENTS]
    assert [(fragment.total, fragment.position) for fragment in fragments] == [(3, 3), (3, 2), (1, 1)]
    whole = remove_padding(fragments[2].payload)
    assert whole in {(CAPTURE / name).read_bytes() for name in MESSAGES}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_encode_to_the_captured_bytes(name: str) -> None:
    captured = (CAPTURE / name).read_bytes()
    assert encode_message(decode_message(captured)) == captured


@cache
def captured_surbs() -> tuple[ReplySurb, ...]:
    surbs: list[ReplySurb] = []
    for name in MESSAGES:
        message = decode_message((CAPTURE / name).read_bytes())
        assert isinstance(message, RepliableData | AdditionalSurbs)
        surbs.extend(message.surbs)
    return tuple(surbs)


def test_all_messages_come_from_one_tag_with_the_surbs_that_were_observed() -> None:
    messages = [decode_message((CAPTURE / name).read_bytes()) for name in MESSAGES]
    assert len({message.sender_tag for message in messages}) == 1
    assert [len(message.surbs) for message in messages] == [2, 10, 50, 2, 2, 2]
    assert isinstance(messages[2], AdditionalSurbs)
    assert {surb.key_rotation for surb in captured_surbs()} == {KeyRotation.ODD}
    assert len({surb.digest(crypto) for surb in captured_surbs()}) == len(captured_surbs())


def test_captured_surbs_carry_a_reply_back_to_the_client() -> None:
    """One SURB of each message is followed hop by hop; the reply comes out whole at the client's gateway."""
    client = delivered("sphinx_0001.bin").final.destination
    reply = bytes(range(256)) * 8
    for surb in captured_surbs()[:: len(captured_surbs()) // 8]:
        assert len(surb.surb.key_material) == 4
        first_hop, packet = surb.surb.use(crypto, reply, PacketSize.REGULAR)
        path, final = follow(first_hop, packet)
        assert path == ["mix1", "mix2", "mix3", "entry"]
        assert final.destination == client
        assert final.message == reply


def test_a_captured_surb_opens_for_no_other_node() -> None:
    _, packet = captured_surbs()[0].surb.use(crypto, b"reply", PacketSize.REGULAR)
    with pytest.raises(BadMac):
        process_packet(crypto, secret("mix2"), packet)


def test_captured_cover_is_older_packets_to_the_client_itself() -> None:
    """Their content is sealed for a key that was not captured, so it can only be told that it is none of the exit's."""
    cover = [name for name in FRAMES if delivered(name).final.version == 258]
    assert cover
    for name in cover:
        assert delivered(name).path[-1] == "entry"
        assert delivered(name).key_rotation is KeyRotation.ODD
        _, pushed = split_surb_ack(delivered(name).final.message)
        assert len(pushed) == 32 + len(cover_content())
        assert not is_cover(decrypt_from_sender(crypto, secret("ipr"), pushed))
