"""Both sides of the gateway protocol, in every state: what the other side says, open and sealed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from support.every_decoder import VALID

from fuzz.draws import Draws, as_chunk
from fuzz.registry import target
from fuzz.vectors import gateway_lines
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.gateway.authentication import make_request
from mix_protocol.gateway.binary import ClientFrameKind, seal_frame
from mix_protocol.gateway.client import GatewayClient
from mix_protocol.gateway.control import Authenticated, HandshakePayload, SupportedProtocol, encode_message
from mix_protocol.gateway.errors import GatewayConnectionClosed
from mix_protocol.gateway.handshake import ClientHandshake, GatewayHandshake
from mix_protocol.gateway.registry import ClientRegistry
from mix_protocol.gateway.server import GatewaySession

CRYPTO = NativeCrypto()
RANDOM = SeededRandom("fuzz gateway")
CLIENT_SEED, GATEWAY_SEED, KEY = RANDOM(32), RANDOM(32), RANDOM(32)
CLIENT, GATEWAY = CRYPTO.ed25519_public(CLIENT_SEED), CRYPTO.ed25519_public(GATEWAY_SEED)
UNIX = 1_800_000_000
TEXT, SEALED, RAW, PUSH, TIME = range(5)
MOST_FRAMES = 4096
"""A side answers a frame with some few at most."""


def _text(message: str) -> bytes:
    return bytes([TEXT]) + as_chunk(message.encode())


def _to_client() -> Iterable[bytes]:
    lines = gateway_lines("S")
    yield b"\0" + b"".join(map(_text, lines[:6]))
    yield b"\1" + b"".join(map(_text, lines))
    ready = _text(encode_message(SupportedProtocol(6))) + _text(encode_message(Authenticated(6, True, 1 << 40)))
    pushed = b"".join(bytes([SEALED, 1]) + as_chunk(sample) for sample in VALID["pushed"])
    yield b"\1" + ready + pushed + bytes([TIME, 200])
    yield b"\1" + bytes([SEALED, 1]) + as_chunk(b"early") + ready
    yield b"\0" + _text(encode_message(SupportedProtocol(5))) + _text(encode_message(HandshakePayload(6, bytes(80))))
    yield b"\0" + bytes([RAW]) + as_chunk(bytes(40)) + bytes([TIME, 255])


@target(_to_client)
def gateway_client(data: bytes) -> None:
    """What a gateway says to a client that registers, or that has a key."""
    draws = Draws(data)
    key = KEY if draws.number() % 2 else None
    client = GatewayClient(CRYPTO, SeededRandom("client"), CLIENT_SEED, GATEWAY, key, unix_time_offset_s=UNIX)
    now, sent = 0.0, 0
    client.start(now)
    while draws:
        kind = draws.number() % 5
        if kind in (TEXT, PUSH):
            client.receive_text(draws.chunk().decode("utf-8", "surrogateescape"), now)
        elif kind == SEALED:
            frame_kind, content = draws.number(), draws.chunk() or b"\0"
            client.receive_binary(seal_frame(CRYPTO, RANDOM, KEY, frame_kind, content), now)
        elif kind == RAW:
            client.receive_binary(draws.chunk(), now)
        else:
            now += draws.number() / 10
            client.handle_timeout(now)
        sent += len(client.frames_to_send(now))
        while client.next_event() is not None:
            pass
    assert sent <= MOST_FRAMES


def _to_session() -> Iterable[bytes]:
    lines = gateway_lines("C")
    yield b"\0" + b"".join(map(_text, lines))
    for version in (4, 5, 6):
        request = make_request(CRYPTO, RANDOM, CLIENT_SEED, KEY, version, UNIX)
        opening = _text(encode_message(request))
        packets = (bytes([SEALED, ClientFrameKind.FORWARD_V2]) + as_chunk(VALID["forward v2"][0])) * 2
        packets += bytes([SEALED, ClientFrameKind.FORWARD_V1]) + as_chunk(VALID["forward v1"][0])
        yield b"\0" + opening + packets + bytes([PUSH]) + as_chunk(VALID["pushed"][0]) + bytes([TIME, 9])
    handshake = ClientHandshake(CRYPTO, RANDOM, CLIENT_SEED, GATEWAY)
    start = handshake.start()
    yield b"\1" + _text(encode_message(HandshakePayload(6, start)))
    answer = GatewayHandshake(CRYPTO, SeededRandom("session"), GATEWAY_SEED).respond(start)
    finish, _ = handshake.finish(answer)
    yield b"\1" + _text(encode_message(HandshakePayload(6, start))) + _text(encode_message(HandshakePayload(6, finish)))


@target(_to_session)
def gateway_session(data: bytes) -> None:
    """What a client says to a gateway that knows it, or does not."""
    draws = Draws(data)
    registry = ClientRegistry(max_clients=4)
    registry.register(CLIENT, KEY)
    draws.number()
    session = GatewaySession(CRYPTO, SeededRandom("session"), GATEWAY_SEED, registry, 0.0, unix_time_offset_s=UNIX)
    now, sent = 0.0, 0
    while draws:
        kind = draws.number() % 5
        if kind == TEXT:
            session.receive_text(draws.chunk().decode("utf-8", "surrogateescape"), now)
        elif kind == SEALED:
            frame_kind, content = draws.number(), draws.chunk() or b"\0"
            session.receive_binary(seal_frame(CRYPTO, RANDOM, KEY, frame_kind, content), now)
        elif kind == RAW:
            session.receive_binary(draws.chunk(), now)
        elif kind == PUSH:
            with contextlib.suppress(GatewayConnectionClosed):
                session.push_payload(draws.chunk())
        else:
            now += draws.number() / 10
            session.handle_timeout(now)
        sent += len(session.frames_to_send(now))
        while session.next_event() is not None:
            pass
    assert sent <= MOST_FRAMES
    assert len(registry) <= 4
