"""Node lists in bincode, as `skimmed` endpoints serve them under `output=bincode`.

The same fields as in JSON, little-endian with variable-length integers. Our own client asks for JSON; the directory
serves both, and the published client accepts both.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from mix_protocol.codec.bincode import BincodeReader, BincodeWriter
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.topology.documents import (
    ENTRY_GATEWAY,
    EXIT_GATEWAY,
    INACTIVE,
    MAX_ADDRESSES,
    MAX_NODES,
    STANDBY,
    EntryInterface,
    EpochRole,
    NodePage,
    Pagination,
    SkimmedMetadata,
    SkimmedNode,
    SkimmedNodes,
    SupportedRoles,
    assigned_layer,
    mixnode_role,
    reading_document,
)

_WHAT = "skimmed nodes"
_ROLES = (None, ENTRY_GATEWAY, EXIT_GATEWAY, STANDBY, INACTIVE)  # variant 0 is a mix node with its layer
_MAX_TEXT = 512
_U16 = 0xFFFF
_U32 = 0xFFFF_FFFF


def decode_skimmed_bincode(data: bytes) -> SkimmedNodes:
    """Decode the bincode of a `skimmed` endpoint."""
    with reading_document(data, _WHAT):
        reader = BincodeReader(data, _WHAT, byteorder="little")
        document = _read_document(reader)
        reader.end()
    return document


def encode_skimmed_bincode(document: SkimmedNodes) -> bytes:
    """The bincode of a `skimmed` endpoint. Only documents without `metadata.status` have this form."""
    writer = BincodeWriter(byteorder="little")
    write_head(writer, document.metadata, document.nodes.pagination)
    writer.uint(len(document.nodes.data))
    for node in document.nodes.data:
        write_node(writer, node)
    return writer.finish()


def write_head(writer: BincodeWriter, metadata: SkimmedMetadata, pagination: Pagination) -> None:
    """What stands before the nodes of every list. Raises ValueError for metadata with a status."""
    if metadata.status is not None:
        raise ValueError("a node list with a status has no bincode form")
    writer.u8(0).uint(metadata.absolute_epoch_id).uint(metadata.rotation_id).string(metadata.refreshed_at)
    writer.uint(pagination.total).uint(pagination.page).uint(pagination.size)


def _read_document(reader: BincodeReader) -> SkimmedNodes:
    if reader.boolean():
        raise MalformedMessage(_WHAT, "a status is only defined in JSON")
    metadata = SkimmedMetadata(
        absolute_epoch_id=reader.uint(_U32), rotation_id=reader.uint(_U32), refreshed_at=reader.string(_MAX_TEXT)
    )
    total, page, _ = (reader.uint() for _ in range(3))
    count = reader.length(MAX_NODES)
    nodes = [_read_node(reader) for _ in range(count)]
    pagination = Pagination(total=total, page=page, size=count)
    return SkimmedNodes(metadata=metadata, nodes=NodePage(pagination=pagination, data=nodes))


def _read_node(reader: BincodeReader) -> SkimmedNode:
    return SkimmedNode(
        node_id=reader.uint(_U32),
        ed25519_identity_pubkey=reader.string(_MAX_TEXT),
        ip_addresses=[_read_ip(reader) for _ in range(reader.length(MAX_ADDRESSES))],
        mix_port=reader.uint(_U16),
        x25519_sphinx_pubkey=reader.string(_MAX_TEXT),
        role=_read_role(reader),
        supported_roles=SupportedRoles(
            mixnode=reader.boolean(), entry=reader.boolean(), exit_nr=reader.boolean(), exit_ipr=reader.boolean()
        ),
        entry=reader.option(lambda: _read_entry(reader)),
        performance=reader.string(_MAX_TEXT),
    )


def _read_ip(reader: BincodeReader) -> str:
    return str(IPv6Address(reader.take(16)) if reader.variant(2) else IPv4Address(reader.take(4)))


def _read_role(reader: BincodeReader) -> EpochRole:
    role = _ROLES[reader.variant(len(_ROLES))]
    return role if role is not None else mixnode_role(reader.u8())


def _read_entry(reader: BincodeReader) -> EntryInterface:
    return EntryInterface(
        hostname=reader.option(lambda: reader.string(_MAX_TEXT)),
        ws_port=reader.uint(_U16),
        wss_port=reader.option(lambda: reader.uint(_U16)),
    )


def write_node(writer: BincodeWriter, node: SkimmedNode) -> None:
    """One node of a list."""
    writer.uint(node.node_id).string(node.ed25519_identity_pubkey).uint(len(node.ip_addresses))
    for text in node.ip_addresses:
        ip = ip_address(text)
        writer.u8(0 if ip.version == 4 else 1).raw(ip.packed)
    writer.uint(node.mix_port).string(node.x25519_sphinx_pubkey)
    layer = assigned_layer(node.role)
    if layer is not None:
        writer.u8(0).u8(layer)
    else:
        writer.u8(_ROLES.index(node.role if isinstance(node.role, str) else INACTIVE))
    roles = node.supported_roles
    for role in (roles.mixnode, roles.entry, roles.exit_nr, roles.exit_ipr):
        writer.boolean(role)
    writer.option(node.entry, lambda entry: _write_entry(writer, entry))
    writer.string(node.performance)


def _write_entry(writer: BincodeWriter, entry: EntryInterface) -> None:
    writer.option(entry.hostname, writer.string).uint(entry.ws_port).option(entry.wss_port, writer.uint)
