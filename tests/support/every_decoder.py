"""Every decoder of `mix_protocol`, with valid inputs: for tests and fuzzing.

The table names every public function and method whose name says that it decodes;
`tests/property/mix_protocol/test_every_decoder.py` keeps it complete.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

import mix_protocol
from mix_protocol.addressing import KeyRotation, NodeAddress, Recipient
from mix_protocol.codec import base58, tolerant_json
from mix_protocol.codec.json import decode_checked, decode_json, encode_json
from mix_protocol.codec.steps import run
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.gateway import control
from mix_protocol.gateway.authentication import make_request
from mix_protocol.gateway.binary import ClientFrameKind, decode_forward, open_frame, seal_frame
from mix_protocol.ipr.bundle import encode_bundle, split_bundle
from mix_protocol.ipr.ip_packet import echo_request, read_endpoints
from mix_protocol.ipr.lp import LpFrame, LpFrameType
from mix_protocol.ipr.requests import ConnectRequest, DataRequest, decode_request, encode_request
from mix_protocol.ipr.responses import (
    ConnectSuccess,
    HealthReport,
    Info,
    InfoKind,
    InfoLevel,
    decode_response,
    encode_response,
)
from mix_protocol.ipr.timestamp import Timestamp
from mix_protocol.messages import nym_message
from mix_protocol.messages.acknowledgement import SurbAck, decode_ack, draw_surb_ack, split_surb_ack
from mix_protocol.messages.encryption import decrypt_from_sender, encrypt_to_recipient
from mix_protocol.messages.fragment import Fragment, FragmentIdentifier, remove_padding, split_message
from mix_protocol.messages.reply_surb import ReplySurb
from mix_protocol.mixwire.frames import FrameDecoder, encode_frame
from mix_protocol.netstack.wire.icmp import decode_icmp
from mix_protocol.netstack.wire.ip import IpPacket, decode_ip, decode_quoted_ip
from mix_protocol.netstack.wire.tcp import TcpSegment, decode_tcp
from mix_protocol.netstack.wire.udp import UdpDatagram, decode_udp
from mix_protocol.node_api.announcement import Announcement
from mix_protocol.node_api.answers import decode_answer
from mix_protocol.node_api.directory_requests import RefreshRequest
from mix_protocol.node_api.exit_policy import UsedExitPolicy
from mix_protocol.node_api.host_information import decode_host_information, encode_host_information
from mix_protocol.noise import frames as noise_frames
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.opening import open_header
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.payload import pad_message, unpad_message
from mix_protocol.sphinx.processing import process_packet, process_packets
from mix_protocol.sphinx.routing import decode_meta, encode_final_meta, encode_forward_meta
from mix_protocol.sphinx.surb import Surb, SurbRecovery, build_sealing_surb, build_surb
from mix_protocol.topology.described import (
    BuildInformation,
    DescribedNode,
    DescribedNodes,
    HostInformation,
    HostKeys,
    NodeDescription,
    NoiseKey,
    ServiceAddress,
    SphinxKey,
    decode_described,
    decode_described_in_steps,
    encode_described,
)
from mix_protocol.topology.documents import (
    EntryInterface,
    EpochDuration,
    KeyRotationInfo,
    KeyRotationState,
    RewardedSet,
    RotationProgress,
    SkimmedMetadata,
    SkimmedNode,
    SkimmedNodes,
    decode_document,
    decode_key_rotation_info,
    decode_page,
    decode_rewarded_set,
    decode_skimmed,
    decode_skimmed_in_steps,
    encode_key_rotation_info,
    encode_rewarded_set,
    encode_skimmed,
    mixnode_role,
)
from mix_protocol.topology.route import RouteHop
from mix_protocol.topology.semi_skimmed import (
    SemiSkimmedNode,
    SemiSkimmedNodes,
    SemiSkimmedPage,
    decode_semi_skimmed,
    decode_semi_skimmed_in_steps,
    encode_semi_skimmed,
)
from mix_protocol.topology.signed_snapshot import SignedSnapshot, Snapshot, SnapshotDocuments
from mix_protocol.topology.skimmed_bincode import decode_skimmed_bincode, encode_skimmed_bincode


def make_crypto() -> CryptoProvider:
    if sys.platform == "emscripten":
        from mix_protocol.crypto.worker import WorkerCrypto

        return WorkerCrypto()
    from mix_protocol.crypto.native import NativeCrypto

    return NativeCrypto()


CRYPTO, RANDOM = make_crypto(), SeededRandom("every decoder")
KEY, KEY_16, SEED = RANDOM(32), RANDOM(16), RANDOM(32)
V4, V6 = b"\x0a\0\0\1", b"\xfd" + bytes(15)


@dataclass(frozen=True)
class Decoder:
    """A decoder as a function of bytes, and valid inputs to start from."""

    decode: Callable[[bytes], object]
    samples: tuple[bytes, ...] = field(default=(), repr=False)


def text(decode: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: decode(data.decode("utf-8", "surrogateescape"))


def feed_in_two(data: bytes) -> object:
    decoder = FrameDecoder()
    half = len(data) // 2
    return decoder.feed(data[:half]) + decoder.feed(data[half:])


def feed_noise(data: bytes) -> object:
    decoder = noise_frames.FrameDecoder()
    decoder.feed(data)
    return decoder.next_frame()


def samples() -> dict[str, tuple[bytes, ...]]:
    """A valid encoding of everything."""
    address = NodeAddress.from_text("192.0.2.1", 1789)
    recipient = Recipient(CRYPTO.ed25519_public(SEED), CRYPTO.x25519_public(KEY), bytes(32))
    route = [RouteHop(NodeAddress.from_text(f"2001:db8::{i}", 1), CRYPTO.x25519_public(KEY)) for i in range(1, 5)]
    way = {"route": route, "delays_ns": [1] * 4, "destination": recipient.identity}
    packet = build_packet(CRYPTO, RANDOM, **way, message=b"m", size=PacketSize.ACK)
    last = build_packet(
        CRYPTO, RANDOM, route=route[:1], delays_ns=[1], destination=SEED, message=b"m", size=PacketSize.ACK
    )
    surb = build_surb(CRYPTO, RANDOM, **way)
    reply_surb = ReplySurb(KEY_16, surb, KeyRotation.ODD)
    drawn = draw_surb_ack(CRYPTO, RANDOM, **way, ack_key=KEY_16, identifier=FragmentIdentifier(5, 1), iv=KEY_16)
    ack = SurbAck(route[0].address, *sphinx_core(CRYPTO).build_packets([drawn]))
    mix_packet = MixPacket(address, packet, KeyRotation.EVEN)
    fragment = split_message(RANDOM, b"hello")[0].encode()
    linked = Fragment(9, 3, 1, 8, None, b"data").encode()
    surbs = (reply_surb, reply_surb)
    messages = (
        nym_message.PlainMessage(b"data"),
        nym_message.RepliableData(KEY_16, surbs, b"data"),
        nym_message.AdditionalSurbs(KEY_16, surbs),
        nym_message.ReplyData(b"data"),
        nym_message.SurbRequest(recipient, 10),
    )
    ping = echo_request(IPv4Address("10.0.0.2"), IPv4Address("10.0.0.1"), 1, 1)
    now = Timestamp.from_unix(1.8e9)
    node = SkimmedNode(
        node_id=1,
        ed25519_identity_pubkey=base58.encode(SEED),
        ip_addresses=["192.0.2.1", "2001:db8::1"],
        mix_port=1789,
        x25519_sphinx_pubkey=base58.encode(KEY),
        role=mixnode_role(2),
        entry=EntryInterface(hostname="a.example", ws_port=9000, wss_port=9001),
        performance="0.99",
    )
    skimmed = SkimmedNodes.of(SkimmedMetadata(absolute_epoch_id=1, rotation_id=300), [node, node])
    noise_key = NoiseKey(supported_version=1, x25519_pubkey=base58.encode(KEY))
    semi_skimmed = SemiSkimmedNodes(
        metadata=skimmed.metadata,
        nodes=SemiSkimmedPage.of([SemiSkimmedNode(basic=node, x25519_noise_versioned_key=noise_key)]),
    )
    build = BuildInformation(build_version="1.37.0")
    description = NodeDescription(
        host_information=HostInformation(ip_address=["192.0.2.1"], keys=HostKeys(ed25519=base58.encode(SEED))),
        build_information=build,
        ip_packet_router=ServiceAddress(address=recipient.to_text()),
    )
    sphinx_key = SphinxKey(rotation_id=41, public_key=base58.encode(KEY))
    identity = base58.encode(CRYPTO.ed25519_public(SEED))
    host = HostInformation(
        ip_address=["192.0.2.1"], keys=HostKeys(ed25519=identity, current_x25519_sphinx_key=sphinx_key)
    )
    described = encode_described(DescribedNodes.of([DescribedNode(node_id=1, description=description)]))
    rewarded = RewardedSet(epoch_id=1, entry_gateways=[1], exit_gateways=[2], layer1=[3], layer2=[4], layer3=[5])
    rotation = KeyRotationInfo(
        key_rotation_state=KeyRotationState(validity_epochs=24, initial_epoch_id=0),
        current_absolute_epoch_id=50,
        current_epoch_start="2026-11-21T08:00:00Z",
        epoch_duration=EpochDuration(secs=3600),
        progress=RotationProgress(
            current_key_rotation_id=2, current_rotation_starting_epoch=48, current_rotation_ending_epoch=71
        ),
    )
    requests = (ConnectRequest(9, 1, now, 20), DataRequest(9, encode_bundle([ping])))
    responses = (
        ConnectSuccess(10, 1, IPv4Address("10.0.0.2"), IPv6Address("fc00::2"), 1500),
        HealthReport(9, 1, build, True),
        Info(9, 0, InfoKind.GENERIC, InfoLevel.WARN, "careful"),
    )
    authenticate = make_request(CRYPTO, RANDOM, SEED, KEY, 6, 1_800_000_000)
    client_messages = (authenticate, control.HandshakePayload(6, bytes(80)), control.ClaimFreeBandwidth())
    gateway_messages = (control.Authenticated(6, True, 1 << 40), control.BandwidthExceeded(1, 2))
    snapshot = Snapshot(7, 1_800_000_000, 1_800_003_600, SnapshotDocuments(*[b"{}"] * 5).encode())
    return {
        "address": (address.encode_padded(32), route[0].address.encode()),
        "recipient": (recipient.encode(),),
        "recipient text": (recipient.to_text().encode(),),
        "base58": (base58.encode(KEY).encode(),),
        "frame": (seal_frame(CRYPTO, RANDOM, KEY, ClientFrameKind.FORWARD_V2, mix_packet.encode_v2()),),
        "forward v1": (mix_packet.encode_v1(),),
        "forward v2": (mix_packet.encode_v2(),),
        "client": tuple(control.encode_message(message).encode() for message in client_messages),
        "gateway": tuple(control.encode_message(message).encode() for message in gateway_messages),
        "bundle": (encode_bundle([ping, ping]),),
        "ip": (ping, b"\x60" + bytes(5) + b"\x3b" + bytes(33)),
        "ip packet": (ping, IpPacket(V6, V6, 17, b"data").encode()),
        "icmp": (ping[20:],),
        "tcp": (TcpSegment(1, 2, 3, 4, 0x12, 65535, b"data", mss=1380, window_scale=7).encode(V6, V6),),
        "udp": (UdpDatagram(1, 53, b"data").encode(V4, V4),),
        "lp": (LpFrame(1, LpFrameType.DATA, 1, b"data").encode(),),
        "request": tuple(map(encode_request, requests)),
        "response": tuple(map(encode_response, responses)),
        "surb ack": (ack.encode(),),
        "ack": (KEY_16 + CRYPTO.aes128_ctr_iv(KEY_16, KEY_16, FragmentIdentifier(5, 1).encode()),),
        "pushed": (encrypt_to_recipient(CRYPTO, RANDOM, recipient.encryption_key, fragment),),
        "fragment": (fragment, linked),
        "message": tuple(map(nym_message.encode_message, messages)),
        "surb": (surb.encode(),),
        "recovery": (build_sealing_surb(CRYPTO, RANDOM, **way)[1].encode(),),
        "reply surb": (reply_surb.encode(),),
        "node frames": (encode_frame(packet, KeyRotation.ODD) * 2, encode_frame(packet, KeyRotation.UNKNOWN, 7)),
        "noise frames": (noise_frames.encode_frame(noise_frames.FrameType.HANDSHAKE, bytes(48)),),
        "exit policy": (b'{"enabled":true,"policy":{"rules":[]}}',),
        "announcement": (
            Announcement.sign(CRYPTO, SEED, host="a.example", http_port=80, timestamp=1_800_000_000).encode(),
        ),
        "signed snapshot": (SignedSnapshot(snapshot, (snapshot.sign(CRYPTO, SEED),)).encode(),),
        "refresh request": (RefreshRequest.sign(CRYPTO, SEED, 1_800_000_000).encode(),),
        "host information": (encode_host_information(CRYPTO, SEED, host),),
        "packet": (packet, last),
        "routing": (
            encode_forward_meta(259, address.encode_padded(32), 1),
            encode_final_meta(259, recipient.identity, KEY_16),
        ),
        "described": (described,),
        "skimmed": (encode_skimmed(skimmed),),
        "semi-skimmed": (encode_semi_skimmed(semi_skimmed),),
        "row": (encode_json(node),),
        "bincode": (encode_skimmed_bincode(skimmed),),
        "rewarded": (encode_rewarded_set(rewarded),),
        "rotation": (encode_key_rotation_info(rotation),),
    }


VALID = samples()

DECODERS = {
    "addressing.key_rotation.KeyRotation.from_byte": Decoder(
        lambda data: [KeyRotation.from_byte(byte) for byte in data], (b"\0\1\2",)
    ),
    "addressing.node_address.NodeAddress.decode": Decoder(NodeAddress.decode, VALID["address"]),
    "addressing.node_address.NodeAddress.decode_prefix": Decoder(NodeAddress.decode_prefix, VALID["address"]),
    "addressing.recipient.Recipient.decode": Decoder(Recipient.decode, VALID["recipient"]),
    "addressing.recipient.Recipient.from_text": Decoder(text(Recipient.from_text), VALID["recipient text"]),
    "codec.base58.decode": Decoder(text(lambda value: base58.decode(value, 32)), VALID["base58"]),
    "codec.json.decode_checked": Decoder(lambda data: decode_checked(data, RewardedSet, "x"), VALID["rewarded"]),
    "codec.json.decode_json": Decoder(lambda data: decode_json(data, SkimmedNodes, "x"), VALID["skimmed"]),
    "codec.tolerant_json.decode_readable": Decoder(
        lambda data: run(tolerant_json.decode_readable([data], SkimmedNode, "x")), VALID["row"]
    ),
    "codec.tolerant_json.decode_tolerantly": Decoder(
        lambda data: tolerant_json.decode_tolerantly(data, KeyRotationInfo, "x"), VALID["rotation"]
    ),
    "gateway.binary.decode_forward": Decoder(
        lambda data: decode_forward(ClientFrameKind.FORWARD_V2, data), VALID["forward v2"]
    ),
    "gateway.binary.open_frame": Decoder(lambda data: open_frame(CRYPTO, KEY, data), VALID["frame"]),
    "gateway.control.decode_client_message": Decoder(text(control.decode_client_message), VALID["client"]),
    "gateway.control.decode_gateway_message": Decoder(text(control.decode_gateway_message), VALID["gateway"]),
    "ipr.bundle.split_bundle": Decoder(split_bundle, VALID["bundle"]),
    "ipr.ip_packet.read_endpoints": Decoder(read_endpoints, VALID["ip"]),
    "ipr.lp.LpFrame.decode": Decoder(LpFrame.decode, VALID["lp"]),
    "ipr.requests.decode_request": Decoder(decode_request, VALID["request"]),
    "ipr.responses.decode_response": Decoder(decode_response, VALID["response"]),
    "messages.acknowledgement.SurbAck.decode": Decoder(SurbAck.decode, VALID["surb ack"]),
    "messages.acknowledgement.decode_ack": Decoder(lambda data: decode_ack(CRYPTO, KEY_16, data), VALID["ack"]),
    "messages.acknowledgement.split_surb_ack": Decoder(split_surb_ack, VALID["surb ack"]),
    "messages.encryption.decrypt_from_sender": Decoder(
        lambda data: decrypt_from_sender(CRYPTO, KEY, data), VALID["pushed"]
    ),
    "messages.fragment.Fragment.decode": Decoder(Fragment.decode, VALID["fragment"]),
    "messages.fragment.FragmentIdentifier.decode": Decoder(FragmentIdentifier.decode, (b"\0\0\0\1\1",)),
    "messages.fragment.remove_padding": Decoder(remove_padding, (b"data\1\0\0",)),
    "messages.nym_message.decode_message": Decoder(nym_message.decode_message, VALID["message"]),
    "messages.reply_surb.ReplySurb.decode": Decoder(ReplySurb.decode, VALID["reply surb"]),
    "mixwire.frames.FrameDecoder.feed": Decoder(feed_in_two, VALID["node frames"]),
    "node_api.answers.decode_answer": Decoder(
        lambda data: decode_answer(data, UsedExitPolicy, "x"), VALID["exit policy"]
    ),
    "node_api.announcement.Announcement.decode": Decoder(Announcement.decode, VALID["announcement"]),
    "node_api.directory_requests.RefreshRequest.decode": Decoder(RefreshRequest.decode, VALID["refresh request"]),
    "node_api.host_information.decode_host_information": Decoder(
        lambda data: decode_host_information(CRYPTO, data), VALID["host information"]
    ),
    "noise.frames.FrameDecoder.feed": Decoder(feed_noise, VALID["noise frames"]),
    "netstack.wire.icmp.decode_icmp": Decoder(lambda data: decode_icmp(data, V4, V4), VALID["icmp"]),
    "netstack.wire.ip.decode_ip": Decoder(decode_ip, VALID["ip packet"]),
    "netstack.wire.ip.decode_quoted_ip": Decoder(decode_quoted_ip, VALID["ip packet"]),
    "netstack.wire.tcp.decode_tcp": Decoder(lambda data: decode_tcp(data, V6, V6), VALID["tcp"]),
    "netstack.wire.udp.decode_udp": Decoder(lambda data: decode_udp(data, V4, V4), VALID["udp"]),
    "sphinx.mix_packet.MixPacket.decode_v1": Decoder(MixPacket.decode_v1, VALID["forward v1"]),
    "sphinx.mix_packet.MixPacket.decode_v2": Decoder(MixPacket.decode_v2, VALID["forward v2"]),
    "sphinx.payload.unpad_message": Decoder(unpad_message, (pad_message(b"data", PacketSize.ACK),)),
    "sphinx.opening.open_header": Decoder(lambda data: open_header(CRYPTO, KEY, data), VALID["packet"]),
    "sphinx.processing.process_packet": Decoder(lambda data: process_packet(CRYPTO, KEY, data), VALID["packet"]),
    "sphinx.processing.process_packets": Decoder(lambda data: process_packets(CRYPTO, KEY, [data]), VALID["packet"]),
    "sphinx.routing.decode_meta": Decoder(decode_meta, VALID["routing"]),
    "sphinx.surb.Surb.decode": Decoder(Surb.decode, VALID["surb"]),
    "sphinx.surb.SurbRecovery.decode": Decoder(SurbRecovery.decode, VALID["recovery"]),
    "topology.described.decode_described": Decoder(decode_described, VALID["described"]),
    "topology.described.decode_described_in_steps": Decoder(
        lambda data: run(decode_described_in_steps(data)), VALID["described"]
    ),
    "topology.documents.decode_document": Decoder(
        lambda data: decode_document(data, DescribedNodes, "x"), VALID["described"]
    ),
    "topology.documents.decode_key_rotation_info": Decoder(decode_key_rotation_info, VALID["rotation"]),
    "topology.documents.decode_page": Decoder(
        lambda data: run(decode_page(tolerant_json.JsonObject(data, "x"), DescribedNode, "x")), VALID["described"]
    ),
    "topology.documents.decode_rewarded_set": Decoder(decode_rewarded_set, VALID["rewarded"]),
    "topology.documents.decode_skimmed": Decoder(decode_skimmed, VALID["skimmed"]),
    "topology.documents.decode_skimmed_in_steps": Decoder(
        lambda data: run(decode_skimmed_in_steps(data)), VALID["skimmed"]
    ),
    "topology.semi_skimmed.decode_semi_skimmed": Decoder(decode_semi_skimmed, VALID["semi-skimmed"]),
    "topology.semi_skimmed.decode_semi_skimmed_in_steps": Decoder(
        lambda data: run(decode_semi_skimmed_in_steps(data)), VALID["semi-skimmed"]
    ),
    "topology.signed_snapshot.SignedSnapshot.decode": Decoder(SignedSnapshot.decode, VALID["signed snapshot"]),
    "topology.signed_snapshot.SnapshotDocuments.decode": Decoder(SnapshotDocuments.decode, (b"{}\n{}\n{}\n{}\n{}",)),
    "topology.skimmed_bincode.decode_skimmed_bincode": Decoder(decode_skimmed_bincode, VALID["bincode"]),
}

STARTS = ("decode", "decrypt_from", "process_packet", "remove_padding", "split_", "unpad", "from_byte", "feed")
EXACT = ("from_text", "open_frame", "open_header", "read_endpoints")
NO_DECODERS = {
    "addressing.node_address.NodeAddress.from_text": "text that a program chose: UsageError",
    "messages.fragment.split_message": "splits what we send",
}


def decoders_in_packages() -> set[str]:
    """Names, without the package's, of everything public that a peer's bytes go into."""
    found = set()
    for module in pkgutil.walk_packages(mix_protocol.__path__, "mix_protocol."):
        content = vars(importlib.import_module(module.name))
        own = {name: value for name, value in content.items() if getattr(value, "__module__", "") == module.name}
        functions = {name: value for name, value in own.items() if inspect.isfunction(value)}
        for class_name, value in own.items():
            if inspect.isclass(value):
                functions |= {f"{class_name}.{name}": method for name, method in vars(value).items()}
        for name, function in functions.items():
            called = name.rpartition(".")[2]
            if (called.startswith(STARTS) or called in EXACT) and (
                inspect.isfunction(function) or isinstance(function, classmethod | staticmethod)
            ):
                found.add(f"{module.name}.{name}".removeprefix("mix_protocol."))
    return found
