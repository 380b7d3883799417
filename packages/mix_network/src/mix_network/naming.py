"""What the nodes of a local network are called, and their numbers in the directory."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

from mix_protocol.topology.topology import LAYER_COUNT

LAYERS = tuple(range(1, LAYER_COUNT + 1))
FIRST_MIX_ID = 11


def gateway_names(kind: str, count: int) -> list[str]:
    """`entry`, `entry-2`, `entry-3` …"""
    return [kind if number == 1 else f"{kind}-{number}" for number in range(1, count + 1)]


def mix_name(layer: int, number: int, per_layer: int) -> str:
    """`mix-2` where the layer has one node, or else `mix-2-1`, `mix-2-2` …"""
    return f"mix-{layer}" if per_layer == 1 and number == 1 else f"mix-{layer}-{number}"


def drawn_mix_name(number: int) -> str:
    """`mix-7`: where layers are drawn, a name can't tell one."""
    return f"mix-{number}"


def next_mix_name(taken: Collection[str], layer: int, *, is_drawn: bool) -> str:
    """What one more node of a layer is called."""
    name = drawn_mix_name if is_drawn else lambda number: f"mix-{layer}-{number}"
    # The only node of a layer is called after it, and counts as its first.
    first = 1 if f"mix-{layer}" not in taken or is_drawn else 2
    return next(each for number in count(first) if (each := name(number)) not in taken)


def mix_names(per_layer: int, *, is_drawn: bool) -> list[tuple[str, int]]:
    """The names of mix nodes and the layers that they start in."""
    places = [(layer, number) for layer in LAYERS for number in range(1, per_layer + 1)]
    if is_drawn:
        return [(drawn_mix_name(count), layer) for count, (layer, _) in enumerate(places, 1)]
    return [(mix_name(layer, number, per_layer), layer) for layer, number in places]
