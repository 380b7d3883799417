"""Messages against the vectors of an independent model of the specification (`sphinx-model.json`)."""

import hashlib
import json
from pathlib import Path

import pytest

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.messages.acknowledgement import SurbAck, decode_ack, draw_surb_ack
from mix_protocol.messages.encryption import decrypt_from_sender, encrypt_to_recipient
from mix_protocol.messages.fragment import Fragment, FragmentIdentifier, remove_padding, split_message
from mix_protocol.messages.nym_message import (
    PlainMessage,
    RepliableData,
    ReplyData,
    decode_message,
    encode_message,
)
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.surb import Surb
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

MODEL = json.loads((Path(__file__).parent / "sphinx-model.json").read_text())
ROUTE = [
    RouteHop(NodeAddress.decode(bytes.fromhex(hop["address"])), bytes.fromhex(hop["pk"])) for hop in MODEL["route"]
]
ACK_MODEL = MODEL["primitives"]["ack_identifier"]
ACK_KEY = bytes.fromhex(ACK_MODEL["ack_key"])

crypto = NativeCrypto()


class ScriptedRandom:
    """Gives prepared pieces in the order in which they are drawn, each of the length that is asked for."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = [bytes.fromhex(piece) for piece in pieces]

    def __call__(self, count: int) -> bytes:
        piece = self._pieces.pop(0)
        assert len(piece) == count
        return piece


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_model_ack(version: int) -> SurbAck:
    (packet,) = (packet for packet in MODEL["packets"] if packet["version"] == version)
    random = ScriptedRandom(packet["initial_secret"], packet["final_random_padding"])
    request = draw_surb_ack(
        crypto,
        random,
        route=ROUTE,
        delays_ns=MODEL["delays_ns"],
        destination=bytes.fromhex(packet["destination"]),
        ack_key=ACK_KEY,
        identifier=FragmentIdentifier.decode(bytes.fromhex(ACK_MODEL["frag_id"])),
        iv=bytes.fromhex(ACK_MODEL["iv"]),
        version=SphinxVersion(version),
    )
    return SurbAck(ROUTE[0].address, *sphinx_core(crypto).build_packets([request]))


def one_fragment(message: bytes, set_id: int) -> Fragment:
    (fragment,) = split_message(ScriptedRandom(set_id.to_bytes(4, "big").hex()), message)
    return fragment


@pytest.mark.parametrize("version", [258, 259])
def test_acks_are_the_models_packets(version: int) -> None:
    (packet,) = (packet for packet in MODEL["packets"] if packet["version"] == version)
    assert make_model_ack(version) == SurbAck(ROUTE[0].address, bytes.fromhex(packet["packet"]))
    assert decode_ack(crypto, ACK_KEY, bytes.fromhex(packet["plaintext"])) == FragmentIdentifier(12345, 1)


def test_a_plain_message_becomes_the_models_packet() -> None:
    model = MODEL["plain_message_packet"]
    keys = MODEL["primitives"]["e2e_key"]
    message = encode_message(PlainMessage(model["message_ascii"].encode()))
    content = one_fragment(message, model["set_id"]).encode()
    assert content[:16].hex() == model["fragment_first16"]
    assert sha256(content) == model["fragment_sha256"]

    recipient_key = bytes.fromhex(keys["recipient_pk"])
    sealed = encrypt_to_recipient(crypto, ScriptedRandom(keys["ephemeral_sk"]), recipient_key, content)
    assert sealed[32:48].hex() == model["ciphertext_first16"]
    plaintext = make_model_ack(259).encode() + sealed
    assert sha256(plaintext) == model["sphinx_plaintext_sha256"]

    packet = build_packet(
        crypto,
        ScriptedRandom(model["initial_secret"], model["final_random_padding"]),
        route=ROUTE,
        delays_ns=MODEL["delays_ns"],
        destination=bytes.fromhex(MODEL["packets"][0]["destination"]),
        message=plaintext,
        size=PacketSize.REGULAR,
    )
    assert packet.hex() == model["packet"]

    fragment = Fragment.decode(decrypt_from_sender(crypto, bytes.fromhex(keys["recipient_sk"]), sealed))
    assert decode_message(remove_padding(fragment.payload)) == PlainMessage(b"hello")


def test_repliable_messages_are_the_models() -> None:
    model = MODEL["repliable_v2"]
    surb = ReplySurb(bytes.fromhex(model["reply_key"]), Surb.decode(bytes.fromhex(MODEL["packets"][1]["surb"])))
    surb = ReplySurb(surb.encryption_key, surb.surb, KeyRotation.EVEN)
    assert surb.digest(crypto).hex() == model["reply_key_digest"]
    assert len(surb.encode()) == model["reply_surb_len"]

    encoded = bytes.fromhex(model["bytes"])
    message = decode_message(encoded)
    assert isinstance(message, RepliableData)
    assert message == RepliableData(bytes.fromhex(model["sender_tag"]), (surb,), message.data)
    assert encode_message(message) == encoded

    without = bytes.fromhex(MODEL["repliable_v2_no_surbs"])
    assert decode_message(without) == RepliableData(message.sender_tag, (), b"ping")
    assert encode_message(RepliableData(message.sender_tag, (), b"ping")) == without


def test_a_reply_is_the_models_packet() -> None:
    model = MODEL["reply_packet"]
    surb = ReplySurb(
        bytes.fromhex(MODEL["repliable_v2"]["reply_key"]), Surb.decode(bytes.fromhex(MODEL["packets"][1]["surb"]))
    )
    message = encode_message(ReplyData(model["message_ascii"].encode()))
    content = one_fragment(message, model["set_id"]).encode()
    sealed = crypto.aes128_ctr(surb.encryption_key, content)
    ack = SurbAck(ROUTE[0].address, bytes.fromhex(MODEL["packets"][1]["packet"]))
    first_hop, packet = surb.surb.use(crypto, ack.encode() + surb.digest(crypto) + sealed, PacketSize.REGULAR)
    assert first_hop == ROUTE[0].address
    assert sha256(packet) == model["packet_sha256"]
