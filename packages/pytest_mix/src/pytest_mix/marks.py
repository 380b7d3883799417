"""What a test's markers ask of the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mix_network import LocalNetwork

LINES = (
    "mix_link(link): links for this test, such as 'mobile', 'mainnet' or 'delay=80ms loss=1%'; as before afterwards",
    "mix_fault(verb, node, link=..., after_s=0): before the test begins, or so many seconds later, 'kill', 'stop' or "
    "'slow' a node; afterwards it runs again",
    "mix_tunnel(**options): options of `setup_mix_tunnel` for the fixture mix_tunnel",
)
VERBS = ("kill", "stop", "slow")


@dataclass(frozen=True)
class Fault:
    """One thing that is to happen to a node."""

    verb: str
    node: str
    link: str | None
    after_s: float

    async def begin(self, network: LocalNetwork) -> None:
        """Let it happen. Raises `UnknownNode`, `FaultUnsupported`."""
        if self.verb == "kill":
            await network.kill(self.node)
        elif self.verb == "stop":
            network.stop(self.node)
        elif self.link is None:
            network.slow(self.node)
        else:
            network.slow(self.node, self.link)


def link_of(item: pytest.Item) -> str | None:
    """The links that a test wants. Raises `pytest.UsageError`."""
    marker = item.get_closest_marker("mix_link")
    if marker is None:
        return None
    link = _bind(_mix_link, marker)
    return str(link)


def faults_of(item: pytest.Item) -> list[Fault]:
    """What is to happen during a test, in the order in which it is written. Raises `pytest.UsageError`."""
    return [_bind(_mix_fault, marker) for marker in item.iter_markers("mix_fault")]


def tunnel_options_of(item: pytest.Item) -> dict[str, Any]:
    """Options for the test's tunnel. Raises `pytest.UsageError`."""
    options: dict[str, Any] = {}
    # The nearest marker comes first, and has the last word.
    for marker in reversed(list(item.iter_markers("mix_tunnel"))):
        options |= _bind(_mix_tunnel, marker)
    return options


def _bind(read: Callable[..., Any], marker: pytest.Mark) -> Any:
    try:
        return read(*marker.args, **marker.kwargs)
    except (TypeError, ValueError) as error:
        (line,) = (line for line in LINES if line.startswith(f"{marker.name}("))
        raise pytest.UsageError(f"@pytest.mark.{marker.name}: {error}; it is {line}") from None


def _mix_link(link: str) -> str:
    return link


def _mix_fault(verb: str, node: str, *, link: str | None = None, after_s: float = 0) -> Fault:
    if verb not in VERBS:
        raise ValueError(f"there is no fault {verb!r}")
    if link is not None and verb != "slow":
        raise ValueError("only what is slow has a link")
    if not after_s >= 0:
        raise ValueError("after_s is a number of seconds from 0 on")
    return Fault(verb, node, link, after_s)


def _mix_tunnel(**options: Any) -> dict[str, Any]:
    return options
