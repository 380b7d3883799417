"""Which nodes are too close to each other to stand on one route: one of them would see as much as both.

A directory says nothing of operators that it could not make up, so what cannot be had for nothing counts: keys,
addresses and their networks, and the domain that a node's host name is in.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Final

from mix_protocol.topology.documents import SkimmedNode

Kinship = frozenset[str]
"""Marks of a node. Two nodes that share one are close; a node without any is close to nobody."""

NOBODYS_KIN: Final[Kinship] = frozenset()

_NETWORK_BITS_V4, _NETWORK_BITS_V6 = 24, 48


def keys_of(node: SkimmedNode) -> Kinship:
    """What makes two entries one node: its keys."""
    return frozenset((f"identity {node.ed25519_identity_pubkey}", f"key {node.x25519_sphinx_pubkey}"))


def kinship_of(node: SkimmedNode) -> Kinship:
    """The marks of a node: its keys, its addresses' networks (/24, or /48 of IPv6), and its host name's domain."""
    marks = set(keys_of(node))
    marks.update(filter(None, map(_network, node.ip_addresses)))
    hostname = node.entry.hostname if node.entry is not None else None
    if hostname and not hostname.rpartition(".")[2].isdigit():  # an address is no name
        marks.add(f"domain {_domain(hostname)}")
    return frozenset(marks)


def are_close(nodes: Iterable[Kinship]) -> bool:
    """Whether any two of them share a mark."""
    seen: set[str] = set()
    for marks in nodes:
        if not seen.isdisjoint(marks):
            return True
        seen |= marks
    return False


def _network(text: str) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"network {int(address) >> 128 - _NETWORK_BITS_V6:x}::"
        address = address.ipv4_mapped
    return f"network {int(address) >> 32 - _NETWORK_BITS_V4:x}"


def _domain(hostname: str) -> str:
    """The name without its first label, if at least two others are left: where an operator's hosts have their names."""
    labels = hostname.rstrip(".").lower().split(".")
    return ".".join(labels[1:] if len(labels) > 2 else labels)
