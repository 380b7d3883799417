"""What a tap wrote down, as each vantage sees it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.sphinx.core import sphinx_core
from mix_protocol.sphinx.geometry import PacketSize
from mix_protocol.sphinx.routing import decode_meta
from support.vantage.real.tap import Passed
from support.vantage.record import ENTRY_GATEWAY, EXIT_GATEWAY, LINK_DOWN, LINK_UP, MIXES, Seen

_NEXT = {"entry": ("mix1",), "mix1": ("mix2",), "mix2": ("mix3",), "mix3": ("entry", "exit"), "exit": ("mix1",)}
"""Whom each node of a local network sends to."""
_VANTAGES = {"entry": ENTRY_GATEWAY, "mix1": MIXES[0], "mix2": MIXES[1], "mix3": MIXES[2], "exit": EXIT_GATEWAY}


def as_seen(rows: Iterable[Passed], nodes: Mapping[str, Any], gateway_port: int) -> dict[str, list[Seen]]:
    """Sort frames by who sees them: both ends of each connection between nodes, and whoever listens on the client's
    link.

    nodes -- of each name the `port` at which it takes packets, and its `secret` in hex
    """
    names = {node["port"]: name for name, node in nodes.items()}
    senders: dict[tuple[int, int], str] = {}
    came: dict[str, list[tuple[str, Passed]]] = {name: [] for name in nodes}
    seen: dict[str, list[Seen]] = defaultdict(list)
    for row in rows:
        if gateway_port in (row.source, row.destination):
            up = row.destination == gateway_port
            seen[LINK_UP if up else LINK_DOWN].append(Seen(row.at, "up" if up else "down", row.length, None))
            continue
        receiver = names[row.destination]
        if (row.source, row.destination) not in senders:
            already = {name for (_, port), name in senders.items() if port == row.destination}
            senders[row.source, row.destination] = _sender(receiver, already)
        sender = senders[row.source, row.destination]
        seen[_VANTAGES[sender]].append(Seen(row.at, f"own > {_seen_as(receiver)}", row.length, None))
        came[receiver].append((sender, row))
    for receiver, packets in came.items():
        versions = _versions(bytes.fromhex(nodes[receiver]["secret"]), [row.header for _, row in packets])
        for (sender, row), version in zip(packets, versions, strict=True):
            seen[_VANTAGES[receiver]].append(Seen(row.at, f"{_seen_as(sender)} > own", row.length, version))
    return seen


def _versions(secret: bytes, headers: Sequence[bytes]) -> list[int]:
    """The versions that a node reads in packets, with its key. Raises what is wrong with a header."""
    # The header is authentic whatever is behind it, and what is behind it is not looked at.
    packets = [header.ljust(PacketSize.ACK.packet_length, b"\0") for header in headers]
    versions = []
    for layer in sphinx_core(NativeCrypto()).process(secret, packets):
        if isinstance(layer, PeerMisbehaved):
            raise layer
        versions.append(decode_meta(layer[1]).version)
    return versions


def _sender(receiver: str, already: set[str]) -> str:
    """Who has opened a new connection to a node: the entry gateway before the exit, for all that happens begins with
    the client. Raises `ValueError` where there is nobody left who would."""
    for name, receivers in _NEXT.items():
        if receiver in receivers and name not in already:
            return name
    raise ValueError(f"one connection too many to {receiver}")


def _seen_as(name: str) -> str:
    return name if name in ("entry", "exit") else "mix"
