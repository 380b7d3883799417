"""What a node does for each packet, in a loop without sockets: what `bench.nodes` sets its figures beside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from mix_protocol.addressing import KeyRotation, NodeAddress
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.gateway.client import GatewayClient
from mix_protocol.gateway.registry import ClientRegistry
from mix_protocol.gateway.server import GatewaySession
from mix_protocol.messages.acknowledgement import SurbAck, split_surb_ack
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_protocol.sphinx.packet import build_packet
from mix_protocol.sphinx.processing import FinalPacket, process_packets
from mix_protocol.topology.route import RouteHop

CRYPTO = NativeCrypto()
NEXT = NodeAddress.from_text("127.0.0.1", 1789)
TOGETHER = 27
"""Regular packets in one read of a node."""
_ROUNDS = 8
_ROUND = 20


def rate(kind: str) -> float:
    """Packets a CPU second, of the best of several rounds."""
    step = {"mix": _mixing, "entry": _entering, "push": _pushing}[kind]()
    best = 0.0
    for _ in range(_ROUNDS):
        began_s = time.process_time()
        for _ in range(_ROUND):
            step()
        best = max(best, TOGETHER * _ROUND / (time.process_time() - began_s))
    return best


def _mixing() -> Callable[[], object]:
    """A layer is taken off."""
    secret, packet = _packet(hops=2, content=bytes(PacketSize.REGULAR.plaintext_length))
    packets = _copies(packet)
    return lambda: process_packets(CRYPTO, secret, packets)


def _entering() -> Callable[[], object]:
    """A client's frame is opened, its allowance looked at, and an answer made."""
    client, session = _connected()
    packet = os.urandom(PacketSize.REGULAR.packet_length)
    client.send_mix_packet(MixPacket(NEXT, packet, KeyRotation.ODD), 0.0)
    [frame] = client.frames_to_send(0.0)
    assert isinstance(frame, bytes)

    def step() -> None:
        for _ in range(TOGETHER):
            session.receive_binary(frame, 0.0)
            session.next_event()
            session.frames_to_send(0.0)

    return step


def _pushing() -> Callable[[], object]:
    """The last layer is taken off, the acknowledgement parted from the payload, and that sealed for the client."""
    _, session = _connected()
    ack = SurbAck(NEXT, bytes(PacketSize.ACK.packet_length)).encode()
    secret, packet = _packet(hops=1, content=ack.ljust(PacketSize.REGULAR.plaintext_length, b"\0"))

    packets = _copies(packet)

    def step() -> None:
        for _, outcome in process_packets(CRYPTO, secret, packets):
            assert isinstance(outcome, FinalPacket)
            _, payload = split_surb_ack(outcome.message)
            session.push_payload(payload)
            session.frames_to_send(0.0)

    return step


def _copies(packet: bytes) -> list[bytes]:
    """As many as come together, each in memory of its own, as they do."""
    return [bytes(bytearray(packet)) for _ in range(TOGETHER)]


def _packet(*, hops: int, content: bytes) -> tuple[bytes, bytes]:
    """A node's secret, and a packet that it is the first of so many hops for."""
    secret = os.urandom(32)
    packet = build_packet(
        CRYPTO,
        os.urandom,
        route=[RouteHop(NEXT, CRYPTO.x25519_public(secret))] * hops,
        delays_ns=[0] * hops,
        destination=bytes(32),
        message=content,
        size=PacketSize.REGULAR,
    )
    return secret, packet


def _connected() -> tuple[GatewayClient, GatewaySession]:
    """A client and its gateway, registered with each other in memory."""
    seed, gateway_seed, unix_time = os.urandom(32), os.urandom(32), time.time()
    gateway_identity = CRYPTO.ed25519_public(gateway_seed)
    client = GatewayClient(CRYPTO, os.urandom, seed, gateway_identity, None, unix_time_offset_s=unix_time)
    session = GatewaySession(CRYPTO, os.urandom, gateway_seed, ClientRegistry(), 0.0, unix_time_offset_s=unix_time)
    client.start(0.0)
    while frames := client.frames_to_send(0.0):
        for frame in frames:
            assert isinstance(frame, str)
            session.receive_text(frame, 0.0)
        for answer in session.frames_to_send(0.0):
            assert isinstance(answer, str)
            client.receive_text(answer, 0.0)
    assert session.client_identity is not None
    while session.next_event() is not None:
        pass
    return client, session
