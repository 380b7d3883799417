"""A mixnet client put together from the protocols alone, without the project's own client package.

It has no pacing, no cover and no retransmission of its own: what it does on the wire is all there to read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx
from websockets.asyncio.client import ClientConnection, connect

from mix_protocol.addressing import Recipient
from mix_protocol.codec import base58
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.gateway.client import GatewayClient
from mix_protocol.gateway.events import Authenticated, GatewayRejected, PayloadPushed, Registered
from mix_protocol.ipr.client import IprClient
from mix_protocol.ipr.events import ExitConnected, IprEvent, PacketReceived
from mix_protocol.messages.fragment import split_message
from mix_protocol.messages.nym_message import AdditionalSurbs, RepliableData, ReplyData, SurbRequest, encode_message
from mix_protocol.messages.preparation import MessagePreparer
from mix_protocol.messages.reception import AckReceived, CoverReceived, MessageReceived, MessageReceiver
from mix_protocol.netstack.device import Device
from mix_protocol.topology.documents import decode_rewarded_set, decode_skimmed
from mix_protocol.topology.errors import InconsistentDocuments
from mix_protocol.topology.topology import Topology
from support.waiting import PATIENCE_S

CRYPTO = NativeCrypto()


async def read_topology(directory_url: str) -> Topology:
    """The network's topology, as the directory tells it; asked once more where an epoch ends in between."""
    try:
        return await _read_topology(directory_url)
    except InconsistentDocuments:
        return await _read_topology(directory_url)


async def _read_topology(directory_url: str) -> Topology:
    nodes = "v2/unstable/nym-nodes/skimmed"
    async with httpx.AsyncClient(base_url=f"{directory_url}/", timeout=PATIENCE_S) as http:
        rewarded = await http.get("v1/nym-nodes/rewarded-set")
        mixnodes = await http.get(f"{nodes}/mixnodes/active?page=0")
        gateways = await http.get(f"{nodes}/entry-gateways?page=0")
    return Topology.from_documents(
        decode_rewarded_set(rewarded.content), decode_skimmed(mixnodes.content), decode_skimmed(gateways.content)
    )


@dataclass
class ClientIdentity:
    """Keys that outlive a connection."""

    seed: bytes = field(default_factory=lambda: os.urandom(32))
    encryption_secret: bytes = field(default_factory=lambda: os.urandom(32))
    ack_key: bytes = field(default_factory=lambda: os.urandom(16))
    sender_tag: bytes = field(default_factory=lambda: os.urandom(16))
    shared_key: bytes | None = None

    @property
    def public(self) -> bytes:
        return CRYPTO.ed25519_public(self.seed)


class RawClient:
    """One connection to an entry gateway and what goes through it."""

    def __init__(self, network: dict, topology: Topology, identity: ClientIdentity) -> None:
        self.identity = identity
        self.entry = base58.decode(network["entry_gateways"][0]["identity"])
        self.router = Recipient.from_text(network["exit_gateways"][0]["ip_packet_router"])
        self.url = network["entry_gateways"][0]["ws"]
        own = Recipient(identity.public, CRYPTO.x25519_public(identity.encryption_secret), self.entry)
        self.preparer = MessagePreparer(CRYPTO, os.urandom, own, identity.ack_key, topology=topology)
        self.receiver = MessageReceiver(CRYPTO, identity.encryption_secret, identity.ack_key)
        self.acks = 0
        self.covers = 0
        self.payloads: list[bytes] = []
        self.messages: list[object] = []
        self.ipr_events: list[IprEvent] = []
        self.ipr: IprClient | None = None
        self.device: Device | None = None
        self.on_packets: Callable[[], None] = lambda: None
        self.websocket: ClientConnection | None = None
        self.gateway: GatewayClient | None = None
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    async def connect(self) -> None:
        """Register, or authenticate with the key of an earlier registration."""
        offset_s = time.time() - self.now()
        self.gateway = GatewayClient(
            CRYPTO,
            os.urandom,
            self.identity.seed,
            self.entry,
            self.identity.shared_key,
            unix_time_offset_s=offset_s,
        )
        self.gateway.start(self.now())
        self.websocket = await connect(self.url, compression=None, open_timeout=PATIENCE_S, ping_timeout=PATIENCE_S)
        ready = False
        while not ready:
            await self._flush()
            ready = self._receive(await asyncio.wait_for(self.websocket.recv(), PATIENCE_S))
        await self._flush()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._run())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for error in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(error, Exception):
                raise error
        if self.websocket is not None:
            await self.websocket.close()

    def send_message(self, recipient: Recipient, data: bytes, reply_surbs: int) -> None:
        """Send data with SURBs to answer on."""
        message = RepliableData(self.identity.sender_tag, self._make_surbs(reply_surbs), data)
        self._send_encoded(recipient, encode_message(message))

    def open_tunnel(self, device_of: Callable[[ExitConnected], Device], ipr_version: int) -> None:
        """Ask the exit for addresses; packets then flow between it and the device that is made with them."""
        self._device_of = device_of
        self.ipr = IprClient(os.urandom, ipr_version=ipr_version, unix_time_offset_s=time.time() - self.now())
        self.ipr.connect(self.now())
        self.wake()

    def wake(self) -> None:
        """Something has changed that may want to be sent."""
        self._changed.set()

    def _make_surbs(self, count: int) -> tuple:
        surbs = tuple(self.preparer.make_reply_surb() for _ in range(count))
        for surb in surbs:
            self.receiver.remember_surb_key(surb.digest(CRYPTO), surb.encryption_key, self.now())
        return surbs

    def _send_encoded(self, recipient: Recipient, encoded: bytes) -> None:
        for fragment in split_message(os.urandom, encoded):
            self.gateway.send_mix_packet(self.preparer.prepare(fragment, recipient).packet, self.now())
        self.wake()

    async def _flush(self) -> None:
        for frame in self.gateway.frames_to_send(self.now()):
            await self.websocket.send(frame)

    async def _read(self) -> None:
        async for frame in self.websocket:
            self._receive(frame)
            self.wake()

    def _receive(self, frame: str | bytes) -> bool:
        now = self.now()
        (self.gateway.receive_text if isinstance(frame, str) else self.gateway.receive_binary)(frame, now)
        ready = False
        while (event := self.gateway.next_event()) is not None:
            if isinstance(event, PayloadPushed):
                self.payloads.append(event.payload)
                self.receiver.receive_pushed(event.payload, now)
            elif isinstance(event, Registered):
                self.identity.shared_key = event.shared_key
            elif isinstance(event, Authenticated):
                ready = True
            elif isinstance(event, GatewayRejected):
                raise event.error
        return ready

    async def _run(self) -> None:
        """Move everything on, whenever something has changed or a timer is due."""
        while True:
            now = self.now()
            self._take_messages(now)
            if self.ipr is not None:
                self._run_tunnel(now)
            await self._flush()
            timeouts = [machine.next_timeout() for machine in (self.ipr, self.device) if machine is not None]
            due = min((timeout for timeout in timeouts if timeout is not None), default=now + 1.0)
            # Not `wait_for`: before Python 3.12 it could swallow the cancellation that ends this task.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._changed.wait()
            self._changed.clear()

    def _run_tunnel(self, now: float) -> None:
        for machine in (self.ipr, self.device):
            if machine is not None and (due := machine.next_timeout()) is not None and due <= now:
                machine.handle_timeout(now)
        while (event := self.ipr.next_event()) is not None:
            self.ipr_events.append(event)
            if isinstance(event, ExitConnected):
                self.device = self._device_of(event)
            elif isinstance(event, PacketReceived):
                self.device.receive_packet(event.packet, now)
        if self.device is not None:
            for packet in self.device.packets_to_send(now):
                self.ipr.send_packet(packet, now)
        for message in self.ipr.messages_to_send(now):
            self.send_message(self.router, message.payload, message.reply_surbs)
        self.on_packets()

    def _take_messages(self, now: float) -> None:
        while (event := self.receiver.next_event()) is not None:
            if isinstance(event, AckReceived):
                self.acks += 1
            elif isinstance(event, CoverReceived):
                self.covers += 1
            elif isinstance(event, MessageReceived):
                self._take_message(event.message, now)

    def _take_message(self, message: object, now: float) -> None:
        self.messages.append(message)
        if isinstance(message, ReplyData) and self.ipr is not None:
            self.ipr.receive_message(message.data, now)
        elif isinstance(message, SurbRequest):
            surbs = self._make_surbs(message.amount)
            self._send_encoded(message.recipient, encode_message(AdditionalSurbs(self.identity.sender_tag, surbs)))


@contextlib.asynccontextmanager
async def raw_client(network: dict, identity: ClientIdentity | None = None) -> AsyncIterator[RawClient]:
    """A client that is connected to the network's entry gateway."""
    topology = await read_topology(network["directory"]["http"])
    client = RawClient(network, topology, identity or ClientIdentity())
    await client.connect()
    try:
        yield client
    finally:
        await client.close()
