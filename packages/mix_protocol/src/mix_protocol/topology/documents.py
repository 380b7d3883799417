"""The directory's documents, field for field as the Nym API serves them.

Nym spec: nym-api `v1/nym-nodes/rewarded-set`, `v2/unstable/nym-nodes/skimmed*`, `v1/epoch/key-rotation-info`. The
(larger) `described` document has a module of its own. Keys are base58 text and addresses text here; `topology` turns
them into bytes. Unknown fields are ignored, and optional ones have the value that their absence means.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from mix_protocol.codec.json import check_nesting, decode_json, encode_json
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.codec.steps import Steps, run
from mix_protocol.codec.tolerant_json import JsonObject, decode_readable
from mix_protocol.topology.errors import DocumentTooLarge, MalformedDocument

MAX_NODES = 5_000
"""More nodes than this in one document are refused; mainnet has well under 1,000."""

MAX_DOCUMENT_LENGTH = 12 * 1024 * 1024
"""Longest JSON or bincode text that is decoded, in bytes; mainnet's longest has some 5 MB."""

MAX_COMMAS = 200_000
"""About how many values a JSON text may have, which is what it takes time for; mainnet's longest has some 50,000."""

MAX_ADDRESSES = 64
"""IP addresses of one node."""

_U16 = 0xFFFF
_U32 = 0xFFFF_FFFF
_U64 = 0xFFFF_FFFF_FFFF_FFFF

Document = TypeVar("Document")
Row = TypeVar("Row")


def check_uint(value: int, limit: int, name: str) -> None:
    """Raise ValueError, which a decoder turns into its own error, for a number that does not fit its wire type."""
    if not 0 <= value <= limit:
        raise ValueError(f"{name} is out of range")


def check_port(value: int | None, name: str) -> None:
    """Like `check_uint`, for an optional u16 port."""
    if value is not None:
        check_uint(value, _U16, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pagination:
    """Which part of a list a page holds. Today's servers send everything as page 0.

    total -- rows of the whole list
    size -- rows of this page as it was sent; what decoders give counts those that they left out as unreadable, too
    """

    total: int
    page: int
    size: int

    def __post_init__(self) -> None:
        for name in ("total", "page", "size"):
            check_uint(getattr(self, name), _U64, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkimmedMetadata:
    """The moment a node list was taken: lists belong together when epoch and rotation agree."""

    status: str | dict[str, Any] | None = None
    absolute_epoch_id: int
    rotation_id: int
    refreshed_at: str = ""

    def __post_init__(self) -> None:
        check_uint(self.absolute_epoch_id, _U32, "absolute_epoch_id")
        check_uint(self.rotation_id, _U32, "rotation_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedRoles:
    """Which jobs a node's operator declared."""

    mixnode: bool = False
    entry: bool = False
    exit_nr: bool = False
    exit_ipr: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryInterface:
    """Where a gateway takes clients: plain WebSocket port, and TLS port if it has a host name for it."""

    hostname: str | None = None
    ws_port: int
    wss_port: int | None = None

    def __post_init__(self) -> None:
        check_port(self.ws_port, "ws_port")
        check_port(self.wss_port, "wss_port")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedLayer:
    """The mixing layer (1, 2 or 3) of an active mix node."""

    layer: int

    def __post_init__(self) -> None:
        check_uint(self.layer, 0xFF, "layer")


ENTRY_GATEWAY = "EntryGateway"
EXIT_GATEWAY = "ExitGateway"
STANDBY = "Standby"
INACTIVE = "Inactive"

EpochRole = str | dict[str, AssignedLayer]
"""This epoch's job: one of the names above, or `mixnode_role(layer)`."""


def mixnode_role(layer: int) -> EpochRole:
    """The role of a mix node in `layer`."""
    return {"Mixnode": AssignedLayer(layer=layer)}


def assigned_layer(role: EpochRole) -> int | None:
    """The layer of a mix node's role; None for any other role."""
    if isinstance(role, dict) and "Mixnode" in role:
        return role["Mixnode"].layer
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkimmedNode:
    """What a client must know of a node. `x25519_sphinx_pubkey` is the key of the list's rotation."""

    node_id: int
    ed25519_identity_pubkey: str
    ip_addresses: list[str]
    mix_port: int
    x25519_sphinx_pubkey: str
    role: EpochRole = INACTIVE
    supported_roles: SupportedRoles = field(default_factory=SupportedRoles)
    entry: EntryInterface | None = None
    performance: str = "0"

    def __post_init__(self) -> None:
        check_uint(self.node_id, _U32, "node_id")
        check_port(self.mix_port, "mix_port")
        check_uint(len(self.ip_addresses), MAX_ADDRESSES, "the number of addresses")

    @property
    def performance_percent(self) -> int:
        """Last day's performance, 0 to 100, rounded down; 0 if the text is not a plain decimal number."""
        whole, _, fraction = self.performance.partition(".")
        digits = whole + fraction
        if not (digits.isascii() and digits.isdecimal() and whole and len(digits) <= 64):
            return 0
        return min(100, int(whole) * 100 + int((fraction + "00")[:2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePage:
    """A page of nodes."""

    pagination: Pagination
    data: list[SkimmedNode]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkimmedNodes:
    """Answer of every `v2/unstable/nym-nodes/skimmed*` endpoint."""

    metadata: SkimmedMetadata
    nodes: NodePage

    @classmethod
    def of(cls, metadata: SkimmedMetadata, nodes: list[SkimmedNode]) -> SkimmedNodes:
        """The whole list as one page, as servers send it."""
        page = NodePage(pagination=Pagination(total=len(nodes), page=0, size=len(nodes)), data=nodes)
        return cls(metadata=metadata, nodes=page)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardedSet:
    """Node ids by this epoch's jobs."""

    epoch_id: int
    entry_gateways: list[int]
    exit_gateways: list[int]
    layer1: list[int]
    layer2: list[int]
    layer3: list[int]
    standby: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_uint(self.epoch_id, _U32, "epoch_id")
        jobs = (self.entry_gateways, self.exit_gateways, *self.layers, self.standby)
        if sum(map(len, jobs)) > MAX_NODES:
            raise ValueError("more nodes than any network has")

    @property
    def layers(self) -> tuple[list[int], list[int], list[int]]:
        """Node ids of layers 1, 2 and 3."""
        return self.layer1, self.layer2, self.layer3


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotationState:
    """How many epochs a Sphinx key serves, counted from `initial_epoch_id`."""

    validity_epochs: int
    initial_epoch_id: int

    def __post_init__(self) -> None:
        check_uint(self.validity_epochs, _U32, "validity_epochs")
        check_uint(self.initial_epoch_id, _U32, "initial_epoch_id")
        if self.validity_epochs == 0:
            raise ValueError("validity_epochs is zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDuration:
    """A span of time, split as Rust splits it."""

    secs: int
    nanos: int = 0

    def __post_init__(self) -> None:
        check_uint(self.secs, _U32, "secs")
        check_uint(self.nanos, 999_999_999, "nanos")
        if not (self.secs or self.nanos):
            raise ValueError("an epoch has no duration")

    @property
    def seconds(self) -> float:
        """The whole span in seconds."""
        return self.secs + self.nanos * 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationProgress:
    """Which rotation is in force and between which epochs."""

    current_key_rotation_id: int
    current_rotation_starting_epoch: int
    current_rotation_ending_epoch: int

    def __post_init__(self) -> None:
        for name in ("current_key_rotation_id", "current_rotation_starting_epoch", "current_rotation_ending_epoch"):
            check_uint(getattr(self, name), _U32, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotationInfo:
    """Answer of `v1/epoch/key-rotation-info`."""

    key_rotation_state: KeyRotationState
    current_absolute_epoch_id: int
    current_epoch_start: str
    epoch_duration: EpochDuration
    progress: RotationProgress

    def __post_init__(self) -> None:
        check_uint(self.current_absolute_epoch_id, _U32, "current_absolute_epoch_id")

    @property
    def epoch_started_at(self) -> float | None:
        """Unix time in seconds; None if the text is no time of RFC 3339."""
        try:
            started = datetime.fromisoformat(self.current_epoch_start)
        except ValueError:
            return None
        return (started if started.tzinfo is not None else started.replace(tzinfo=UTC)).timestamp()

    @property
    def key_lifetime_s(self) -> float:
        """Seconds for which nodes accept one key: its epochs and one of overlap."""
        return (self.key_rotation_state.validity_epochs + 1) * self.epoch_duration.seconds


def decode_document(data: bytes, kind: type[Document], what: str) -> Document:
    """Decode a directory's JSON answer of at most `MAX_DOCUMENT_LENGTH` bytes."""
    with reading_document(data, what):
        _check_values(data, what)
        return decode_json(data, kind, what)


def open_document(data: bytes, what: str) -> Steps[JsonObject]:
    """A directory's JSON answer, an object whose members are decoded one by one."""
    _check_values(data, what)
    check_nesting(data, what)
    yield
    document = JsonObject.of_checked(data, what)
    yield
    return document


def decode_page(document: JsonObject, row: type[Row], what: str) -> Steps[tuple[Pagination, list[Row]]]:
    """Decode a page, leaving out rows that can't be read; one without a readable row is malformed."""
    rows = document.rows("data", MAX_NODES)
    yield
    readable = yield from decode_readable(rows, row, what)
    if rows and not readable:
        raise MalformedMessage(what, "none of its rows can be read")
    return replace(document.member("pagination", Pagination), size=len(rows)), readable


@contextmanager
def reading_document(data: bytes, what: str) -> Iterator[None]:
    """Check the length of a document, and name what goes wrong with it by its own error."""
    if len(data) > MAX_DOCUMENT_LENGTH:
        raise DocumentTooLarge(what=what)
    try:
        yield
    except MalformedMessage as error:
        raise MalformedDocument(what=what, why=str(error)) from None


def _check_values(data: bytes, what: str) -> None:
    if data.count(b",") > MAX_COMMAS:
        raise DocumentTooLarge(what=what)


def decode_skimmed(data: bytes) -> SkimmedNodes:
    """Decode the JSON of a `skimmed` endpoint. Nodes that can't be read are left out."""
    return run(decode_skimmed_in_steps(data))


def decode_skimmed_in_steps(data: bytes) -> Steps[SkimmedNodes]:
    """`decode_skimmed`, for an event loop that has other things to do, too."""
    what = "skimmed nodes"
    with reading_document(data, what):
        document = yield from open_document(data, what)
        pagination, nodes = yield from decode_page(document.object("nodes"), SkimmedNode, what)
        metadata = document.member("metadata", SkimmedMetadata)
    return SkimmedNodes(metadata=metadata, nodes=NodePage(pagination=pagination, data=nodes))


def decode_rewarded_set(data: bytes) -> RewardedSet:
    """Decode the JSON of `rewarded-set`."""
    return decode_document(data, RewardedSet, "rewarded set")


def decode_key_rotation_info(data: bytes) -> KeyRotationInfo:
    """Decode the JSON of `key-rotation-info`."""
    return decode_document(data, KeyRotationInfo, "key rotation info")


def encode_skimmed(document: SkimmedNodes) -> bytes:
    """The compact JSON of a `skimmed` endpoint."""
    return encode_json(document)


def encode_rewarded_set(document: RewardedSet) -> bytes:
    """The compact JSON of `rewarded-set`."""
    return encode_json(document)


def encode_key_rotation_info(document: KeyRotationInfo) -> bytes:
    """The compact JSON of `key-rotation-info`."""
    return encode_json(document)
