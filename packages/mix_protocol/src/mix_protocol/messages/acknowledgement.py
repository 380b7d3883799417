"""Acknowledgements: a small ready-made packet inside each packet, which the last gateway sends back to the sender.

Its content names the fragment, encrypted with a key that only the sender knows, so neither gateway learns which
packet is acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mix_protocol.addressing.node_address import MAX_ENCODED_LENGTH, NodeAddress
from mix_protocol.crypto.compiled_sphinx import PacketRequest
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.messages.fragment import IDENTIFIER_LENGTH, FragmentIdentifier
from mix_protocol.messages.geometry import AES_IV_LENGTH, SURB_ACK_LENGTH
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.packet import draw_packet
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.route import RouteHop

ACK_LENGTH = AES_IV_LENGTH + IDENTIFIER_LENGTH


class MalformedAck(PeerMisbehaved):
    """An acknowledgement, or the packet that shall become one, that cannot be read."""

    code = "messages.malformed_ack"
    message = "an acknowledgement is malformed"


@dataclass(frozen=True, slots=True)
class SurbAck:
    """A ready packet of the ack size, and the node that it starts at."""

    first_hop: NodeAddress
    packet: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Give the first hop, padded with zeros to 19 bytes, and the packet: 405 bytes."""
        return self.first_hop.encode_padded(MAX_ENCODED_LENGTH) + self.packet

    @classmethod
    def decode(cls, data: bytes) -> SurbAck:
        """Read exactly 405 bytes; raises `MalformedAck` or `MalformedNodeAddress`."""
        if len(data) != SURB_ACK_LENGTH:
            raise MalformedAck("a SURB-ack must be a padded address and an ack packet")
        return cls(NodeAddress.decode(data[:MAX_ENCODED_LENGTH]), bytes(data[MAX_ENCODED_LENGTH:]))


def draw_surb_ack(
    crypto: CryptoProvider,
    random: RandomBytes,
    *,
    route: Sequence[RouteHop],
    delays_ns: Sequence[int],
    destination: bytes,
    ack_key: bytes,
    identifier: FragmentIdentifier,
    iv: bytes,
    version: SphinxVersion = SphinxVersion.SEEDED,
) -> PacketRequest:
    """Draw and encode the packet that will tell its maker that the fragment arrived; `SurbAck` has its built form.

    route -- from a first mix node to the maker's own gateway
    destination -- the maker's own identity
    ack_key -- 16 bytes that only the maker knows
    iv -- 16 random bytes; `ack_iv` finds them again in what comes back
    """
    return draw_packet(
        random,
        route=route,
        delays_ns=delays_ns,
        destination=destination,
        message=iv + crypto.aes128_ctr_iv(ack_key, iv, identifier.encode()),
        size=PacketSize.ACK,
        version=version,
    )


def decode_ack(crypto: CryptoProvider, ack_key: bytes, data: bytes) -> FragmentIdentifier:
    """Read the 21 bytes that a gateway pushed for one of our SURB-acks; raises an error of kind `PeerMisbehaved`."""
    if len(data) != ACK_LENGTH:
        raise MalformedAck("an acknowledgement must be 21 bytes long")
    iv, sealed = bytes(data[:AES_IV_LENGTH]), bytes(data[AES_IV_LENGTH:])
    return FragmentIdentifier.decode(crypto.aes128_ctr_iv(ack_key, iv, sealed))


def ack_iv(data: bytes) -> bytes:
    """Give the IV of a pushed acknowledgement: it tells the transmissions of one fragment apart."""
    return bytes(data[:AES_IV_LENGTH])


def split_surb_ack(plaintext: bytes) -> tuple[SurbAck, bytes]:
    """Part a packet's final plaintext in the ack to forward and the payload to push, as its last gateway does.

    Raises `MalformedAck` when it is too short, `MalformedNodeAddress` when the ack has no first hop.
    """
    if len(plaintext) < SURB_ACK_LENGTH:
        raise MalformedAck("a packet's content is too short to hold a SURB-ack")
    return SurbAck.decode(plaintext[:SURB_ACK_LENGTH]), bytes(plaintext[SURB_ACK_LENGTH:])
