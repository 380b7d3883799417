"""What the links of a local network are like, and how a person writes it down. No clock and no randomness."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mix_network.errors import InvalidNetworkOption

MAX_DELAY_S = 10.0
MAX_LOSS = 0.9
"""More than that, and TCP itself gives up a connection; a link that is cut is another experiment."""
MIN_RATE_BIT_S = 8_000.0
MAX_RATE_BIT_S = 10e9


@dataclass(frozen=True)
class LinkProfile:
    """One kind of link, in each direction.

    delay_s -- how long everything takes
    jitter_s -- and up to this much longer, drawn evenly; order is kept, as TCP keeps it
    loss -- the probability that a packet is lost
    rate_bit_s -- how many bits pass in a second; None is as many as there are
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    rate_bit_s: float | None = None


PERFECT = LinkProfile()


@dataclass(frozen=True)
class Links:
    """The links of a whole network.

    text -- how a person writes it: the name of a preset, or `delay=80ms jitter=30ms`
    client -- between clients and their entry gateways
    nodes -- between two nodes; a request crosses four of these links, and its answer another four
    """

    text: str
    client: LinkProfile = PERFECT
    nodes: LinkProfile = PERFECT


_HOME_LINE = LinkProfile(delay_s=0.015, jitter_s=0.010, loss=0.001, rate_bit_s=20e6)
_BACKBONE = LinkProfile(delay_s=0.015, jitter_s=0.005)
PRESETS = {
    links.text: links
    for links in (
        Links("none"),
        Links("home", client=_HOME_LINE, nodes=_BACKBONE),
        Links(
            "mobile",
            client=LinkProfile(delay_s=0.060, jitter_s=0.060, loss=0.01, rate_bit_s=4e6),
            nodes=_BACKBONE,
        ),
        # Nodes of the live network are far apart, and busy: people report 2 to 4 s a call.
        Links("mainnet", client=_HOME_LINE, nodes=LinkProfile(delay_s=0.120, jitter_s=0.160, loss=0.002)),
    )
}
"""By name. `mobile` differs from `home` in the client's own link alone."""


@dataclass(frozen=True)
class _Quantity:
    """How the value of one key is read: a number, and a unit that says what it is multiplied by."""

    units: dict[str, float]
    least: float
    most: float
    allowed: str
    attribute: str = field(default="")


_TIME = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_QUANTITIES = {
    "delay": _Quantity(_TIME, 0.0, MAX_DELAY_S, "from 0ms to 10s, with the unit us, ms or s", "delay_s"),
    "jitter": _Quantity(_TIME, 0.0, MAX_DELAY_S, "from 0ms to 10s, with the unit us, ms or s", "jitter_s"),
    "loss": _Quantity({"%": 0.01}, 0.0, MAX_LOSS, "from 0% to 90%, with the sign %", "loss"),
    "rate": _Quantity(
        {"bit": 1.0, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9},
        MIN_RATE_BIT_S,
        MAX_RATE_BIT_S,
        "from 8kbit to 10gbit (a second), with the unit bit, kbit, mbit or gbit",
        "rate_bit_s",
    ),
}
_VALUE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)([a-z%]+)", re.ASCII)
_MAX_TEXT = 200


def parse_links(text: str) -> Links:
    """The links that `text` describes: a preset's name, or keys and values for all links alike.

    Raises `InvalidNetworkOption` (option `link`) that says what was wrong and what is allowed.
    """
    words = text.lower().split() if isinstance(text, str) and len(text) <= _MAX_TEXT else []
    if not words:
        raise _invalid("a link is {presets}, or such as 'delay=80ms jitter=30ms loss=1% rate=2mbit'")
    if len(words) == 1 and words[0] in PRESETS:
        return PRESETS[words[0]]
    values: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise _invalid(f"{_quoted(word)} is neither key=value nor one of {{presets}} alone")
        quantity = _QUANTITIES.get(key)
        if quantity is None:
            raise _invalid(f"there is no {_quoted(key)} of a link; it has {', '.join(_QUANTITIES)}")
        if quantity.attribute in values:
            raise _invalid(f"{key} is given twice")
        values[quantity.attribute] = _read(key, value, quantity)
    profile = LinkProfile(**values)
    return Links(" ".join(words), client=profile, nodes=profile)


def _read(key: str, value: str, quantity: _Quantity) -> float:
    match = _VALUE.fullmatch(value)
    multiplier: Callable[[str], float | None] = quantity.units.get
    if match is None or (unit := multiplier(match[2])) is None:
        raise _invalid(f"{_quoted(value)} is no {key}: it is {quantity.allowed}")
    number = float(match[1]) * unit
    if not quantity.least <= number <= quantity.most:
        raise _invalid(f"{key} is out of bounds: it is {quantity.allowed}")
    return number


def _quoted(word: str) -> str:
    return repr(word[:24])


def _invalid(message: str) -> InvalidNetworkOption:
    return InvalidNetworkOption(message.replace("{presets}", ", ".join(PRESETS)), option="link")
