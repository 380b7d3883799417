"""What nodes of this family can do beside what all nodes can, as they announce it in the directory.

A node's build information has its program's name; ours add words to it: `mix-network router-echo`. That is text which
everybody passes on and nobody else reads, so clients of other kinds see nothing of it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

from mix_protocol.topology.described import BuildInformation

PROGRAM_NAME: Final = "mix-network"
_MAX_LENGTH: Final = 256


class NodeFeature(enum.StrEnum):
    """A word of the announcement."""

    BALANCED_REPLIES = "balanced-replies"
    """The IP packet router lets each reply SURB come home, with an answer or empty, if its client asks for that."""
    ROUTER_ECHO = "router-echo"
    """The IP packet router answers echo requests to its own address, whatever the exit's policy is."""

    SEALED_REPLIES = "sealed-replies"
    """The exit answers on SURBs of version 260, and needs no acknowledgement on them."""


def announce_features(features: Iterable[NodeFeature]) -> str:
    """The name of the program that tells these features."""
    return " ".join((PROGRAM_NAME, *sorted(features)))


def features_of(build: BuildInformation) -> frozenset[NodeFeature]:
    """The features that a node announces; words that are unknown, as of newer nodes, are passed over."""
    name = build.binary_name
    if len(name) > _MAX_LENGTH:
        return frozenset()
    program, *words = name.split(" ")
    if program != PROGRAM_NAME:
        return frozenset()
    return frozenset(feature for feature in NodeFeature if feature in words)
