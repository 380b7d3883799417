"""Microseconds of each step that a packet, a reply and a request take in a client: where its time goes.

Runs unchanged natively (`python bench/steps_speed.py`) and inside Pyodide, and prints one line of JSON. The steps of
Sphinx are measured with the core in Python and with the compiled one, if that is there.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address
from typing import Any

from mix_protocol.addressing import NodeAddress, Recipient
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.gateway.binary import open_frame, seal_frame
from mix_protocol.messages.acknowledgement import split_surb_ack
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.nym_message import RepliableData, ReplyData, encode_message
from mix_protocol.messages.preparation import MessagePreparer, PreparedPacket
from mix_protocol.messages.pushed import wrap_sealed
from mix_protocol.messages.reception import MessageReceiver
from mix_protocol.netstack.stack import NetworkStack
from mix_protocol.sphinx.processing import FinalPacket, SealedPacket, process_packet
from mix_protocol.topology.nodes import GatewayNode, MixNode
from mix_protocol.topology.topology import Topology
from mix_tunnel.platform import current_platform
from mix_tunnel.rpc.endpoint import memory_pair
from mix_tunnel.rpc.messages import Call, encode_head
from mix_tunnel.rpc.server import IncomingCall, RpcServer
from mix_tunnel.runtime.http.http1.reader import ResponseReader

ROUNDS = 40
PER_ROUND_S = 0.003
"""Short, so that on a busy machine some rounds are undisturbed."""
SEGMENT_BYTES = 1300
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1300\r\nServer: bench\r\nX-Id: 7\r\n\r\n"

Figures = dict[str, float]


def micros(step: Callable[[], object], each: int = 1) -> float:
    """Microseconds of one call, the best of several rounds: others' work on the machine only ever adds to them."""
    step()
    started = time.perf_counter()
    step()
    calls = max(1, int(PER_ROUND_S / max(time.perf_counter() - started, 1e-7)))
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(calls):
            step()
        best = min(best, (time.perf_counter() - started) / calls)
    return round(best * 1e6 / each, 1)


async def micros_of(step: Callable[[], Awaitable[object]], calls: int = 20) -> float:
    """The same of something that takes turns of the event loop."""
    await step()
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(calls):
            await step()
        best = min(best, (time.perf_counter() - started) / calls)
    return round(best * 1e6, 1)


class Network:
    """Three layers of nodes and two gateways, whose secrets are known; a client at one, its exit at the other."""

    def __init__(self, crypto: CryptoProvider, random: Callable[[int], bytes]) -> None:
        self.crypto, self.random = crypto, random
        self.secrets: dict[NodeAddress, bytes] = {}
        layers = tuple(
            tuple(MixNode(10 * layer + n, random(32), *self._node(10 * layer + n)) for n in range(3))
            for layer in (1, 2, 3)
        )
        gateways = [GatewayNode(100 + n, random(32), *self._node(100 + n), ws_port=9000) for n in range(2)]
        self.topology = Topology(
            layers=layers, gateways={node.identity: node for node in gateways}, rotation_id=1, epoch_id=1
        )
        self.own_secret, exit_secret = random(32), random(32)
        self.own = Recipient(random(32), crypto.x25519_public(self.own_secret), gateways[0].identity)
        self.exit = Recipient(random(32), crypto.x25519_public(exit_secret), gateways[1].identity)

    def client(self) -> MessagePreparer:
        preparer = MessagePreparer(self.crypto, self.random, self.own, bytes(16), topology=self.topology)
        preparer.other_end = self.exit.gateway
        return preparer

    def walk(self, prepared: PreparedPacket) -> FinalPacket | SealedPacket:
        """What the last node of a packet's route finds."""
        address, packet = prepared.packet.first_hop, prepared.packet.packet
        while True:
            done = process_packet(self.crypto, self.secrets[address], packet)
            if isinstance(done, FinalPacket | SealedPacket):
                return done
            address, packet = done.next_hop, done.packet

    def _node(self, number: int) -> tuple[bytes, NodeAddress]:
        address, secret = NodeAddress(IPv4Address(f"11.0.{number}.1"), 1789), self.random(32)
        self.secrets[address] = secret
        return self.crypto.x25519_public(secret), address


def measure_sphinx(network: Network) -> Figures:
    """What leaves and what comes in, as far as Sphinx and what is in its packets go."""
    client = network.client()
    exit_side = MessagePreparer(network.crypto, network.random, network.exit, bytes(16), topology=network.topology)
    receiver = MessageReceiver(network.crypto, network.own_secret, bytes(16))
    random = network.random
    (fragment,) = split_message(random, encode_message(RepliableData(bytes(16), (), bytes(1200))))
    batch = client.batch

    def receive(payload: bytes) -> None:
        receiver.receive_pushed(payload, 0.0)
        while receiver.next_event() is not None:
            pass

    def receive_reply(payload: bytes, key: bytes, kept: bytes) -> None:
        receiver._replies._completed.clear()  # so that it is no duplicate
        receiver._surb_keys.remember(key, kept, 0.0)
        receive(payload)

    data, cover = network.walk(client.prepare(fragment, network.exit)), network.walk(client.prepare_cover())
    assert isinstance(data, FinalPacket)
    assert isinstance(cover, FinalPacket)
    ack, _ = split_surb_ack(data.message)
    acknowledged = bytes(16) + network.crypto.aes128_ctr_iv(bytes(16), bytes(16), fragment.identifier.encode())
    (answer,) = split_message(random, encode_message(ReplyData(bytes(1200))))
    seals, plain = client.make_reply_surb(seals=True), client.make_reply_surb()
    assert seals.recovery is not None
    sealed = network.walk(exit_side.prepare_reply(answer, seals))
    open_reply = network.walk(exit_side.prepare_reply(answer, plain))
    assert isinstance(sealed, SealedPacket)
    assert isinstance(open_reply, FinalPacket)
    sealed_payload = wrap_sealed(sealed.surb_identifier, sealed.payload)
    sealed_kept = seals.encryption_key + b"".join(seals.recovery.seeds)
    plain_payload = split_surb_ack(open_reply.message)[1]
    node, packet = network.secrets[ack.first_hop], ack.packet
    return {
        "packet_with_ack": micros(lambda: client.prepare(fragment, network.exit)),
        "packet_with_ack_in_batches": micros(
            lambda: client.build([client.draft(fragment, network.exit) for _ in range(batch)]), batch
        ),
        "of_that_drawing_it": micros(lambda: client.draft(fragment, network.exit)),
        "reply_surb": micros(lambda: client.make_reply_surb(seals=True)),
        "reply_surb_in_batches": micros(lambda: client.make_reply_surbs(batch, seals=True), batch),
        "acknowledgement_received": micros(lambda: receive(acknowledged)),
        "cover_received": micros(lambda: receive(split_surb_ack(cover.message)[1])),
        "reply_received": micros(
            lambda: receive_reply(plain_payload, plain.digest(network.crypto), plain.encryption_key)
        ),
        "sealed_reply_received": micros(lambda: receive_reply(sealed_payload, sealed.surb_identifier, sealed_kept)),
        "reply_sent_on_a_sealing_surb": micros(lambda: exit_side.prepare_reply(answer, seals)),
        "ack_processed_by_a_node": micros(lambda: process_packet(network.crypto, node, packet)),
    }


def measure_gateway(network: Network) -> Figures:
    """The frames between client and gateway."""
    key, random, crypto = network.random(32), network.random, network.crypto
    forward = bytes(2440)
    pushed = seal_frame(crypto, random, key, 1, bytes(2081))
    return {
        "frame_sealed": micros(lambda: seal_frame(crypto, random, key, 2, forward)),
        "frame_opened": micros(lambda: open_frame(crypto, key, pushed)),
    }


def measure_tcp(random: Callable[[int], bytes]) -> Figures:
    """A connection between two stacks without loss; both ends' work for one segment and what acknowledges it."""
    one, other = (NetworkStack(random, addresses=[f"10.0.0.{n}"]) for n in (1, 2))
    listener = other.listen_tcp(port=80)
    client = one.connect_tcp(("10.0.0.2", 80), 0.0)
    now = 0.0

    def exchange() -> None:
        while True:
            there, back = one.packets_to_send(now), other.packets_to_send(now)
            if not there and not back:
                return
            for packet in there:
                other.receive_packet(packet, now)
            for packet in back:
                one.receive_packet(packet, now)

    exchange()
    server = listener.accept()
    assert server is not None

    def segment() -> None:
        nonlocal now
        now += 0.001
        client.send(bytes(SEGMENT_BYTES))
        exchange()
        assert len(server.receive()) == SEGMENT_BYTES

    return {"tcp_segment_both_ends": micros(segment)}


def measure_tls(certificate: str, key: str) -> Figures:
    """Two ends in memory; a record of one packet's worth."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    client_context = ssl.create_default_context(cafile=certificate)
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is the anchor

    def ends() -> tuple[ssl.SSLObject, ssl.SSLObject]:
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context.wrap_bio(down, up, server_hostname="localhost")
        server = server_context.wrap_bio(up, down, server_side=True)
        for end in (client, server, client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
        return client, server

    client, server = ends()

    def record() -> None:
        server.write(bytes(SEGMENT_BYTES))
        assert len(client.read(65536)) == SEGMENT_BYTES

    return {"tls_record_both_ends": micros(record), "tls_handshake_both_ends": micros(ends)}


def measure_http() -> Figures:
    """A small answer, read as HTTP/1.1."""

    def answer() -> None:
        reader = ResponseReader("GET")
        reader.feed(HEAD + bytes(1300))

    return {"http1_answer_read": micros(answer)}


async def measure_loop() -> Figures:
    """Turns, timers, tasks and calls over RPC (in memory, both ends)."""
    loop = asyncio.get_running_loop()

    async def turn() -> None:
        await asyncio.sleep(0)

    async def task() -> None:
        await loop.create_task(turn())

    page, worker = memory_pair()
    answered: asyncio.Queue[str] = asyncio.Queue()
    page.listen(lambda head, body: answered.put_nowait(head))

    async def nothing(call: IncomingCall) -> None:
        return None

    server = RpcServer(worker)
    server.offer({"bench.nothing": nothing})
    server.start()
    number = 0

    async def call() -> None:
        nonlocal number
        number += 1
        page.send(encode_head(Call(number, "bench.nothing", {})))
        await answered.get()

    figures = {
        "turn_of_the_loop": await micros_of(turn),
        "timer_set_and_cancelled": micros(lambda: loop.call_later(10, turn).cancel()),
        "task": await micros_of(task),
        "rpc_call": await micros_of(call),
    }
    await server.aclose()
    return figures


async def measure(certificate: str | None, key: str | None) -> dict[str, Any]:
    platform = current_platform()
    crypto = platform.crypto()
    network = Network(crypto, platform.random_bytes)
    results: dict[str, Any] = {"platform": sys.platform}
    compiled = crypto.sphinx
    if compiled is not None:
        results["compiled_core"] = measure_sphinx(network)
        crypto.sphinx = None
    results["python_core"] = measure_sphinx(network)
    crypto.sphinx = compiled
    rest = {**measure_gateway(network), **measure_tcp(platform.random_bytes), **measure_http(), **await measure_loop()}
    if certificate is not None and key is not None:
        rest |= measure_tls(certificate, key)
    return {**results, "rest": rest}


async def main(certificate: str | None = None, key: str | None = None) -> str:
    """Measure, and give one line of JSON. `certificate` and `key` are PEM files for localhost; without them no TLS."""
    return json.dumps(await measure(certificate, key))


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:3])))
