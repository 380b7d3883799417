"""Makes mix packets: of fragments for a recipient or for a reply SURB, and of nothing, as cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mix_protocol.addressing.key_rotation import KeyRotation
from mix_protocol.addressing.node_address import MAX_ENCODED_LENGTH, NodeAddress
from mix_protocol.addressing.recipient import Recipient
from mix_protocol.crypto.compiled_sphinx import HeaderRequest, PacketRequest
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import RandomBytes
from mix_protocol.errors import NetworkFailure, UsageError
from mix_protocol.messages.acknowledgement import draw_surb_ack
from mix_protocol.messages.cover import cover_content
from mix_protocol.messages.encryption import encrypt_with
from mix_protocol.messages.fragment import COVER, Fragment, FragmentIdentifier
from mix_protocol.messages.geometry import (
    AES_IV_LENGTH,
    AES_KEY_LENGTH,
    CURVE_KEY_LENGTH,
    SIZE_OF_FRAGMENT,
    SURB_ACK_LENGTH,
)
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.delays import draw_delays_ns, forward_delay_s
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.header import draw_header
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.packet import carrying
from mix_protocol.sphinx.surb import SurbRequest, build_surbs, draw_surb
from mix_protocol.sphinx.version import SphinxVersion
from mix_protocol.topology.topology import Topology

_ACK_PLACE = bytes(PacketSize.ACK.packet_length)
_UNKNOWN_PATH_HOPS = 3  # how many mix nodes hold a reply back; its real delays are its recipient's secret


class NoTopology(NetworkFailure):
    """There is no picture of the network yet, so no route can be drawn."""

    code = "messages.no_topology"
    message = "the network's directory has not been read yet; wait until it has"


class InvalidFragmentLength(UsageError):
    """A fragment that fills none of the packet sizes."""

    code = "messages.invalid_fragment_length"
    message = "a fragment must fill its packet; split the message for one of the packet sizes"


@dataclass(frozen=True, slots=True)
class PreparedPacket:
    """A packet to hand to the entry gateway.

    fragment -- what its acknowledgement will name; `COVER` if there is nothing to wait for
    ack_iv -- what tells its acknowledgement from those of other packets that carry the same fragment (16 bytes)
    key_prefix -- the first 32 bytes of what its recipient will get; none of a reply
    round_trip_s -- how long the packet and its acknowledgement are held back on their ways by mix nodes
    """

    packet: MixPacket
    fragment: FragmentIdentifier
    ack_iv: bytes = field(repr=False)
    round_trip_s: float
    key_prefix: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketDraft:
    """All that was drawn for a packet and its acknowledgement, and what it will carry."""

    ack: PacketRequest = field(repr=False)
    ack_hop: bytes = field(repr=False)
    ack_iv: bytes = field(repr=False)
    ephemeral: bytes = field(repr=False)
    recipient_key: bytes = field(repr=False)
    header: HeaderRequest = field(repr=False)
    first_hop: NodeAddress
    version: SphinxVersion
    key_rotation: KeyRotation
    content: bytes = field(repr=False)
    size: PacketSize
    fragment: FragmentIdentifier
    round_trip_s: float


class MessagePreparer:
    """Prepares one client's packets; every call draws new routes, delays and keys.

    own -- the client itself, to which acknowledgements and replies go
    ack_key -- the 16-byte key of its acknowledgements
    mean_packet_delay_ms, mean_ack_delay_ms -- mean of the delay at each hop
    topology -- to be set before the first packet, and whenever a newer one has been read
    other_end -- identity of the gateway of whom we talk with; no mix node of a route is close to it or to our own

    version -- the header version of all packets, acknowledgements and SURBs: each hop reads it, so that cover and data
        must have the same one. 260 where SURBs that seal replies are made, too, else 259

    Every method raises `NoTopology` without a topology, `UnknownGateway` when it lacks a gateway that is needed,
    `NoDiverseRoute` when all ways there have nodes that are close to each other.
    """

    __slots__ = (
        "_core",
        "_former",
        "_topology",
        "ack_key",
        "crypto",
        "mean_ack_delay_ms",
        "mean_packet_delay_ms",
        "other_end",
        "own",
        "random",
        "version",
    )

    def __init__(
        self,
        crypto: CryptoProvider,
        random: RandomBytes,
        own: Recipient,
        ack_key: bytes,
        *,
        mean_packet_delay_ms: float = 15.0,
        mean_ack_delay_ms: float = 15.0,
        topology: Topology | None = None,
    ) -> None:
        self.crypto = crypto
        self.random = random
        self.own = own
        self.ack_key = ack_key
        self.version = SphinxVersion.SEEDED
        self.mean_packet_delay_ms = mean_packet_delay_ms
        self.mean_ack_delay_ms = mean_ack_delay_ms
        # The gateway of whom we talk with, from which replies start.
        self.other_end: bytes | None = None
        self._topology = topology
        self._core = sphinx_core(crypto)
        # The network of the key rotation before: nodes still hold its keys for an epoch.
        self._former: Topology | None = None

    @property
    def topology(self) -> Topology | None:
        """The network that routes are drawn through."""
        return self._topology

    @topology.setter
    def topology(self, topology: Topology | None) -> None:
        current = self._topology
        if current is not None and (topology is None or current.key_rotation is not topology.key_rotation):
            self._former = current
        self._topology = topology

    @property
    def _ends(self) -> tuple[bytes, ...]:
        """The gateways at the two ends of what is prepared."""
        return (self.own.gateway,) if self.other_end is None else (self.own.gateway, self.other_end)

    @property
    def is_ready(self) -> bool:
        """Whether there is a topology with our own gateway in it: what everything needs."""
        return self.topology is not None and self.own.gateway in self.topology.gateways

    @property
    def batch(self) -> int:
        """How many packets or SURBs are worth building at a time."""
        return self._core.batch

    def draft(self, fragment: Fragment, recipient: Recipient, *, is_awaited: bool = True) -> PacketDraft:
        """Draw a packet that carries the fragment to the recipient, encrypted for it alone; `build` makes it.

        is_awaited -- not for a fragment that is never sent again; like cover's, its acknowledgement says nothing
        """
        content = fragment.encode()
        return self._draft(content, _size_for(content), fragment.identifier if is_awaited else COVER, recipient)

    def build(self, drafts: Sequence[PacketDraft]) -> list[PreparedPacket]:
        """Make the packets that were drawn; all together they cost less than one by one."""
        agreed = self._core.agree([(draft.ephemeral, draft.recipient_key) for draft in drafts])
        requests: list[PacketRequest] = []
        for draft, keys in zip(drafts, agreed, strict=True):
            message = b"".join((draft.ack_hop, _ACK_PLACE, encrypt_with(self.crypto, keys, draft.content)))
            place = len(requests)
            requests += (
                draft.ack,
                carrying(draft.header, message, draft.size, draft.version, earlier=place, at=len(draft.ack_hop)),
            )
        packets = self._core.build_packets(requests)[1::2]
        return [
            PreparedPacket(
                MixPacket(draft.first_hop, packet, draft.key_rotation),
                draft.fragment,
                draft.ack_iv,
                draft.round_trip_s,
                public,
            )
            for draft, packet, (public, _) in zip(drafts, packets, agreed, strict=True)
        ]

    def prepare(self, fragment: Fragment, recipient: Recipient) -> PreparedPacket:
        """Make one packet that carries the fragment to the recipient."""
        (prepared,) = self.build((self.draft(fragment, recipient),))
        return prepared

    def prepare_cover(self, size: PacketSize = PacketSize.REGULAR) -> PreparedPacket:
        """Make one loop cover packet."""
        (prepared,) = self.prepare_covers(1, size)
        return prepared

    def prepare_covers(self, count: int, size: PacketSize = PacketSize.REGULAR) -> list[PreparedPacket]:
        """Make loop cover packets: to ourselves, with nothing in them."""
        return self.build([self._draft(cover_content(size), size, COVER, self.own) for _ in range(count)])

    def prepare_reply(
        self, fragment: Fragment, surb: ReplySurb, version: SphinxVersion | None = None
    ) -> PreparedPacket:
        """Make a packet that carries the fragment to whoever made the SURB; the SURB is used up by that.

        version -- of the acknowledgement, so that it is like all else that the SURB's maker sends; ours if None

        One that comes sealed is not acknowledged: nobody but its receiver could find the acknowledgement in it, and
        when that sent it on, everybody on its link would see that a reply has come.
        """
        return self._prepare_reply(fragment.encode(), fragment.identifier, surb, version)

    def prepare_empty_reply(self, surb: ReplySurb, version: SphinxVersion | None = None) -> PreparedPacket:
        """Make a packet that brings the SURB home with nothing; on the way it is a reply like any other."""
        return self._prepare_reply(cover_content(), COVER, surb, version)

    def _prepare_reply(
        self, content: bytes, identifier: FragmentIdentifier, surb: ReplySurb, version: SphinxVersion | None
    ) -> PreparedPacket:
        size = _size_for(content)
        if surb.surb.is_sealing:
            return self._prepare_sealed_reply(content, size, surb)
        # The last hop sends the acknowledgement on as what the reply came in: a packet of the SURB's key rotation.
        topology = self._topology_of(surb.key_rotation)
        ack_iv = self.random(AES_IV_LENGTH)
        ack, ack_hop, ack_delay_s = self._draw_surb_ack(topology, identifier, ack_iv, version)
        (ack_packet,) = self._core.build_packets((ack,))
        sealed = self.crypto.aes128_ctr(surb.encryption_key, content)
        plaintext = b"".join((ack_hop, ack_packet, surb.digest(self.crypto), sealed))
        first_hop, packet = surb.surb.use(self.crypto, plaintext, size)
        return PreparedPacket(
            MixPacket(first_hop, packet, surb.key_rotation),
            identifier,
            ack_iv,
            _UNKNOWN_PATH_HOPS * self.mean_packet_delay_ms / 1000.0 + ack_delay_s,
        )

    def make_reply_surb(self, *, seals: bool = False) -> ReplySurb:
        """Make one way back to ourselves; see `make_reply_surbs`."""
        (surb,) = self.make_reply_surbs(1, seals=seals)
        return surb

    def make_reply_surbs(self, count: int, *, seals: bool = False) -> list[ReplySurb]:
        """Make ways back to ourselves, which must be remembered once they have been sent.

        seals -- whether nobody but us shall be able to follow the replies; our gateway must pass sealed replies on
        """
        topology, random = self._require_topology(), self.random
        drawn: list[tuple[SurbRequest, bytes]] = []
        for _ in range(count):
            route = topology.route_to(self.own.gateway, random, apart_from=self._ends)
            delays_ns = draw_delays_ns(random, len(route), self.mean_packet_delay_ms)
            request = draw_surb(
                random,
                route=route,
                delays_ns=delays_ns,
                destination=self.own.identity,
                version=self.version,
                seals=seals,
            )
            drawn.append((request, random(AES_KEY_LENGTH)))
        built = build_surbs(self.crypto, [request for request, _ in drawn])
        return [
            ReplySurb(key, surb, topology.key_rotation, recovery)
            for (surb, recovery), (_, key) in zip(built, drawn, strict=True)
        ]

    def _prepare_sealed_reply(self, content: bytes, size: PacketSize, surb: ReplySurb) -> PreparedPacket:
        sealed = self.crypto.aes128_ctr(surb.encryption_key, content)
        plaintext = b"".join((bytes(SURB_ACK_LENGTH), surb.digest(self.crypto), sealed))
        first_hop, packet = surb.surb.use(self.crypto, plaintext, size)
        return PreparedPacket(MixPacket(first_hop, packet, surb.key_rotation), COVER, b"", 0.0)

    def _draft(
        self, content: bytes, size: PacketSize, identifier: FragmentIdentifier, recipient: Recipient
    ) -> PacketDraft:
        topology, random = self._require_topology(), self.random
        ack_iv = random(AES_IV_LENGTH)
        ack, ack_hop, ack_delay_s = self._draw_surb_ack(topology, identifier, ack_iv)
        ephemeral = random(CURVE_KEY_LENGTH)
        route = topology.route_to(recipient.gateway, random, apart_from=self._ends)
        delays_ns = draw_delays_ns(random, len(route), self.mean_packet_delay_ms)
        header = draw_header(
            random, route=route, delays_ns=delays_ns, destination=recipient.identity, version=self.version
        )
        return PacketDraft(
            ack=ack,
            ack_hop=ack_hop,
            ack_iv=ack_iv,
            ephemeral=ephemeral,
            recipient_key=recipient.encryption_key,
            header=header,
            first_hop=route[0].address,
            version=self.version,
            key_rotation=topology.key_rotation,
            content=content,
            size=size,
            fragment=identifier,
            round_trip_s=forward_delay_s(delays_ns) + ack_delay_s,
        )

    def _draw_surb_ack(
        self, topology: Topology, identifier: FragmentIdentifier, iv: bytes, version: SphinxVersion | None = None
    ) -> tuple[PacketRequest, bytes, float]:
        """Draw an acknowledgement; also give its first hop as it stands before it, and for how long it is held."""
        route = topology.route_to(self.own.gateway, self.random, apart_from=self._ends)
        delays_ns: Sequence[int] = draw_delays_ns(self.random, len(route), self.mean_ack_delay_ms)
        ack = draw_surb_ack(
            self.crypto,
            self.random,
            route=route,
            delays_ns=delays_ns,
            destination=self.own.identity,
            ack_key=self.ack_key,
            identifier=identifier,
            iv=iv,
            version=version or self.version,
        )
        return ack, route[0].padded_address[:MAX_ENCODED_LENGTH], forward_delay_s(delays_ns)

    def _require_topology(self) -> Topology:
        if self.topology is None:
            raise NoTopology()
        return self.topology

    def _topology_of(self, rotation: KeyRotation) -> Topology:
        """The network as it was in that rotation, if that is the one before; else as it is."""
        current, former = self._require_topology(), self._former
        if former is not None and rotation is former.key_rotation and rotation is not current.key_rotation:
            return former
        return current


def _size_for(content: bytes) -> PacketSize:
    size = SIZE_OF_FRAGMENT.get(len(content))
    if size is None:
        raise InvalidFragmentLength(length=len(content))
    return size
