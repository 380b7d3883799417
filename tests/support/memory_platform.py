"""A whole network behind the tunnel's `Platform`: directory, gateways, mix nodes and exits in one process.

Meant for a `VirtualTimeLoop`: the real protocols run, and nothing waits for real time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, auto

from mix_protocol.codec import base58
from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.gateway.events import ClientAuthenticated, PacketForwarded, SessionFailed
from mix_protocol.gateway.registry import FREE_ALLOWANCE_BYTES, ClientRegistry
from mix_protocol.gateway.server import GatewaySession, GatewaySessionConfig
from mix_protocol.topology.described import (
    BuildInformation,
    DescribedNode,
    DescribedNodes,
    HostInformation,
    HostKeys,
    NodeDescription,
    ServiceAddress,
    SphinxKey,
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
    SupportedRoles,
    encode_key_rotation_info,
    encode_rewarded_set,
    encode_skimmed,
)
from mix_protocol.topology.features import NodeFeature, announce_features
from mix_protocol.topology.nodes import GatewayNode, MixNode
from mix_protocol.topology.signed_snapshot import SignedSnapshot, Snapshot, SnapshotDocuments
from mix_tunnel.platform import (
    GetAnswer,
    GetFailed,
    StorageInUse,
    StorageUnavailable,
    WebSocketClosed,
    WebSocketFailed,
)
from support.memory_exit import Internet, MemoryExit
from support.memory_mixnet import MemoryMixnet

WALL_CLOCK_OFFSET_S = 1.7e9


class Fault(Enum):
    """How a gateway may fail its clients. One that is mute is so in both directions, as a half-open connection is; one
    that leads nowhere answers, but no packet gets into the mixnet or comes from there."""

    REFUSES = auto()
    HANGS = auto()
    MUTE = auto()
    GARBAGE = auto()
    BINARY_GARBAGE = auto()
    IMPOSTOR = auto()
    CLOSES = auto()
    TOO_OLD = auto()
    LEADS_NOWHERE = auto()
    WANTS_PAYMENT = auto()


class MemoryWebSocket:
    """A client's end of a connection; the gateway's end is a callback."""

    def __init__(self, receive: Callable[[MemoryWebSocket, str | bytes], None]) -> None:
        self._receive = receive
        self._frames: deque[str | bytes] = deque()
        self._changed = asyncio.Event()
        self.is_closed = False
        self.is_cut = False

    async def send(self, frame: str | bytes) -> None:
        await asyncio.sleep(0)
        if self.is_closed:
            raise WebSocketClosed()
        self._receive(self, frame)

    def try_send(self, frame: str | bytes) -> bool:
        return False

    @property
    def waiting(self) -> int:
        return len(self._frames)

    async def receive(self) -> str | bytes:
        while not self._frames:
            if self.is_closed:
                raise WebSocketClosed()
            self._changed.clear()
            await self._changed.wait()
        return self._frames.popleft()

    def deliver_to(self, take: Callable[[str | bytes], None]) -> None:
        pass

    async def close(self) -> None:
        self.drop()

    def push(self, frame: str | bytes) -> None:
        """Send to the client."""
        if self.is_cut:
            return
        self._frames.append(frame)
        self._changed.set()

    def cut(self) -> None:
        """Make it half-open: it looks alive, and nothing passes in either direction."""
        self._receive = lambda socket, frame: None
        self.is_cut = True

    def drop(self) -> None:
        """Break the connection."""
        self.is_closed = True
        self._changed.set()


class MemoryGateway:
    """One gateway's WebSocket side."""

    def __init__(self, world: MemoryWorld, node: GatewayNode, seed: bytes) -> None:
        self._world = world
        self._seed = seed
        self.node = node
        self.fault: Fault | None = None
        self.registry = ClientRegistry()
        self.sockets: dict[MemoryWebSocket, GatewaySession] = {}
        self.connections = 0
        self.registrations = 0
        self.observe: Callable[[float, str, int], None] | None = None
        """Told of each frame: when, "up" or "down", and its length."""

    async def open(self, timeout_s: float) -> MemoryWebSocket:
        self.connections += 1
        if self.fault is Fault.HANGS:
            await asyncio.sleep(timeout_s)
        if self.fault in (Fault.REFUSES, Fault.HANGS):
            raise WebSocketFailed()
        await asyncio.sleep(0.001)
        world = self._world
        session = GatewaySession(
            world.network.crypto,
            world.network.random,
            world.network.random(32) if self.fault is Fault.IMPOSTOR else self._seed,
            self.registry,
            world.now(),
            unix_time_offset_s=WALL_CLOCK_OFFSET_S + world.asleep_s,
            config=GatewaySessionConfig(
                announced_version=3 if self.fault is Fault.TOO_OLD else 6,
                free_allowance_bytes=0 if self.fault is Fault.WANTS_PAYMENT else FREE_ALLOWANCE_BYTES,
                sealed_replies=world.sealed_replies,
            ),
        )
        socket = MemoryWebSocket(self._receive)
        self.sockets[socket] = session
        return socket

    def drop_all(self) -> None:
        """Break every connection, as a restart does."""
        for socket in self.sockets:
            socket.drop()
        self.sockets.clear()

    def _receive(self, socket: MemoryWebSocket, frame: str | bytes) -> None:
        match self.fault:
            case Fault.MUTE:
                return
            case Fault.GARBAGE:
                socket.push("{garbage")
                return
            case Fault.BINARY_GARBAGE:
                socket.push(b"\x01\x01" + bytes(50))
                return
            case Fault.CLOSES:
                socket.drop()
                return
        session = self.sockets.get(socket)
        if session is None:
            return
        now = self._world.now()
        self._note("up", frame)
        if isinstance(frame, str):
            session.receive_text(frame, now)
        else:
            session.receive_binary(frame, now)
        while (event := session.next_event()) is not None:
            match event:
                case ClientAuthenticated(identity):
                    self._world.network.attach(identity, self._pusher(socket, session))
                case PacketForwarded(packet):
                    if self.fault is not Fault.LEADS_NOWHERE:
                        self._world.network.send([packet], now, self.node.identity)
                case SessionFailed():
                    self._flush(socket, session)
                    socket.drop()
                case _:
                    self.registrations += 1
        self._flush(socket, session)
        self._world.arm()

    def _pusher(self, socket: MemoryWebSocket, session: GatewaySession) -> Callable[[bytes, float], None]:
        def push(payload: bytes, now: float) -> None:
            if not socket.is_closed and self.fault not in (Fault.MUTE, Fault.LEADS_NOWHERE):
                session.push_payload(payload)
                self._flush(socket, session)

        return push

    def _flush(self, socket: MemoryWebSocket, session: GatewaySession) -> None:
        for frame in session.frames_to_send(self._world.now()):
            self._note("down", frame)
            socket.push(frame)

    def _note(self, direction: str, frame: str | bytes) -> None:
        if self.observe is not None:
            self.observe(self._world.now(), direction, len(frame))


class MemoryWorld:
    """A network and its directory; `platform()` is how a tunnel sees it.

    documents -- bytes to answer with instead of the right document, or an HTTP status, by a part of the path
    delays -- seconds until a document comes, by a part of the path
    signers -- seeds of the directories' keys; without any the directory signs nothing
    sealed_replies -- whether gateways pass sealed replies on, as ours do
    """

    def __init__(
        self,
        internet: Internet,
        *,
        seed: int = 1,
        gateways: int = 3,
        loss: float = 0.0,
        sealed_replies: bool = False,
    ) -> None:
        self.network = MemoryMixnet(seed, gateways=gateways, loss=loss)
        self.internet = internet
        self.sealed_replies = sealed_replies
        self.exits: list[MemoryExit] = []
        self.documents: dict[str, bytes | int] = {}
        self.delays: dict[str, float] = {}
        self.signers: list[bytes] = []
        self.is_reachable = True
        self.requests: list[str] = []
        self.gateways = {
            identity: MemoryGateway(self, node, self.network.gateway_seeds[identity])
            for identity, node in self.network.topology.gateways.items()
        }
        self._timer: asyncio.TimerHandle | None = None
        self.asleep_s = 0.0
        """For how long the machine has slept so far, if its monotonic clock stands still in that time."""

        self.records: dict[str, bytes] = {}
        self.locked: set[str] = set()
        self.has_disk = True
        self.is_disk_full = False

    def open_record(self, name: str) -> MemoryRecord:
        if not self.has_disk:
            raise StorageUnavailable
        if name in self.locked:
            raise StorageInUse
        self.locked.add(name)
        return MemoryRecord(self, name)

    def add_exit(
        self, gateway: int, *, ipr_version: int = 10, features: frozenset[NodeFeature] = frozenset(NodeFeature)
    ) -> MemoryExit:
        """Open an exit at a gateway."""
        self.exits.append(
            MemoryExit(self.network, self.internet, gateway=gateway, ipr_version=ipr_version, features=features)
        )
        return self.exits[-1]

    def gateway(self, number: int) -> MemoryGateway:
        return self.gateways[self.network.gateways[number]]

    def platform(self) -> MemoryPlatform:
        return MemoryPlatform(self)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def arm(self) -> None:
        """Let the network go on by itself; to be called after anything was sent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        moments = [at for part in (self.network, *self.exits) if (at := part.next_timeout()) is not None]
        if moments:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(min(moments), self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._timer = None
        now = self.now()
        for part in (self.network, *self.exits):
            deadline = part.next_timeout()
            if deadline is not None and deadline <= now:
                part.handle_timeout(now)
        self.arm()

    # -- the directory

    def answer(self, path: str) -> GetAnswer:
        self.requests.append(path)
        for part, replacement in self.documents.items():
            if part in path:
                if isinstance(replacement, int):
                    return GetAnswer(replacement, {}, b"")
                return GetAnswer(200, {"content-type": "application/json"}, replacement)
        if "mix-network/snapshot" in path:
            return GetAnswer(200, {}, self.signed_snapshot()) if self.signers else GetAnswer(404, {}, b"")
        return GetAnswer(200, {"content-type": "application/json"}, self._document(path))

    def signed_snapshot(self) -> bytes:
        """The documents of now, signed by all of `signers`."""
        parts = ("key-rotation-info", "rewarded-set", "skimmed", "described")
        documents = SnapshotDocuments(*map(self._document, parts), b"null")
        taken_at = int(self.now() + WALL_CLOCK_OFFSET_S + self.asleep_s)
        snapshot = Snapshot(self.network.topology.epoch_id, taken_at, taken_at + 3600, documents.encode())
        signatures = tuple(snapshot.sign(self.network.crypto, seed) for seed in self.signers)
        return SignedSnapshot(snapshot, signatures).encode()

    def epoch_start(self) -> str:
        """By the clock of this world, as a directory writes it."""
        return datetime.fromtimestamp(self.now() + WALL_CLOCK_OFFSET_S, UTC).isoformat()

    def _document(self, path: str) -> bytes:
        topology = self.network.topology
        mixnodes = [node for layer in topology.layers for node in layer]
        gateways = list(topology.gateways.values())
        if "key-rotation-info" in path:
            return encode_key_rotation_info(
                KeyRotationInfo(
                    key_rotation_state=KeyRotationState(validity_epochs=24, initial_epoch_id=0),
                    current_absolute_epoch_id=topology.epoch_id,
                    current_epoch_start=self.epoch_start(),
                    epoch_duration=EpochDuration(secs=3600),
                    progress=RotationProgress(
                        current_key_rotation_id=topology.rotation_id,
                        current_rotation_starting_epoch=0,
                        current_rotation_ending_epoch=23,
                    ),
                )
            )
        if "rewarded-set" in path:
            layers = [[node.node_id for node in layer] for layer in topology.layers]
            return encode_rewarded_set(
                RewardedSet(
                    epoch_id=topology.epoch_id,
                    entry_gateways=[node.node_id for node in gateways],
                    exit_gateways=[],
                    layer1=layers[0],
                    layer2=layers[1],
                    layer3=layers[2],
                )
            )
        if "described" in path:
            return encode_described(DescribedNodes.of([self._describe(node) for node in gateways]))
        if "mixnodes" in path:
            return self._skimmed(mixnodes)
        return self._skimmed(gateways if "entry-gateways" in path else [*mixnodes, *gateways])

    def _skimmed(self, nodes: list[MixNode | GatewayNode] | list[MixNode] | list[GatewayNode]) -> bytes:
        topology = self.network.topology
        metadata = SkimmedMetadata(absolute_epoch_id=topology.epoch_id, rotation_id=topology.rotation_id)
        return encode_skimmed(SkimmedNodes.of(metadata, [self._skim(node) for node in nodes]))

    def _skim(self, node: MixNode | GatewayNode) -> SkimmedNode:
        is_gateway = isinstance(node, GatewayNode)
        return SkimmedNode(
            node_id=node.node_id,
            ed25519_identity_pubkey=base58.encode(node.identity),
            ip_addresses=[str(node.address.ip)],
            mix_port=node.address.port,
            x25519_sphinx_pubkey=base58.encode(node.sphinx_key),
            supported_roles=SupportedRoles(
                mixnode=not is_gateway, entry=is_gateway, exit_ipr=self._exit_at(node.identity) is not None
            ),
            entry=EntryInterface(ws_port=node.ws_port or 0) if isinstance(node, GatewayNode) else None,
            performance="1",
        )

    def _describe(self, node: GatewayNode) -> DescribedNode:
        exit_node = self._exit_at(node.identity)
        version = "1.37.0" if exit_node is not None and exit_node.node.ipr_version == 10 else "1.30.0"
        program = announce_features(exit_node.node.features if exit_node is not None else ())
        return DescribedNode(
            node_id=node.node_id,
            contract_node_type="nym_node",
            description=NodeDescription(
                host_information=HostInformation(
                    ip_address=[str(node.address.ip)],
                    keys=HostKeys(
                        ed25519=base58.encode(node.identity),
                        x25519=base58.encode(node.sphinx_key),
                        current_x25519_sphinx_key=SphinxKey(
                            rotation_id=self.network.topology.rotation_id, public_key=base58.encode(node.sphinx_key)
                        ),
                    ),
                ),
                build_information=BuildInformation(binary_name=program, build_version=version),
                ip_packet_router=ServiceAddress(address=exit_node.recipient.to_text()) if exit_node else None,
            ),
        )

    def _exit_at(self, identity: bytes) -> MemoryExit | None:
        return next((node for node in self.exits if node.recipient.gateway == identity), None)


class MemoryRecord:
    """A record of a machine that every platform of a world is on."""

    def __init__(self, world: MemoryWorld, name: str) -> None:
        self._world = world
        self._name = name
        self._is_open = True

    async def read(self) -> bytes | None:
        return self._world.records.get(self._name)

    async def write(self, data: bytes) -> None:
        assert self._is_open
        if self._world.is_disk_full:
            raise StorageUnavailable
        self._world.records[self._name] = data

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._world.locked.remove(self._name)


class MemoryPlatform:
    """The tunnel's `Platform`, inside of a `MemoryWorld`."""

    def __init__(self, world: MemoryWorld) -> None:
        self._world = world

    def crypto(self) -> CryptoProvider:
        return self._world.network.crypto

    def random_bytes(self, count: int) -> bytes:
        return self._world.network.random(count)

    def now(self) -> float:
        return self._world.now()

    def wall_clock(self) -> float:
        return self._world.now() + WALL_CLOCK_OFFSET_S + self._world.asleep_s

    async def open_record(self, name: str) -> MemoryRecord:
        return self._world.open_record(name)

    async def open_websocket(self, url: str, *, timeout_s: float) -> MemoryWebSocket:
        for gateway in self._world.gateways.values():
            if gateway.node.websocket_url == url:
                return await gateway.open(timeout_s)
        raise WebSocketFailed()

    async def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> GetAnswer:
        delays = (delay_s for part, delay_s in self._world.delays.items() if part in url)
        await asyncio.sleep(next(delays, 0.002))
        if not self._world.is_reachable:
            raise GetFailed()
        return self._world.answer(url)
