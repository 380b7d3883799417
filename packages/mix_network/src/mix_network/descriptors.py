"""How many files the process may have open, and who gets how many of them.

Everything that strangers can open here is a descriptor. When they run out nothing can be accepted or opened any more,
by anybody; so each part has its own bound, and all bounds together stay below what the system gives.
"""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass

_MOST_USEFUL = 1 << 16
_RESERVE = 160
"""For what is the process's own: listeners, links to other nodes, files, and lookups of names, a thread each."""


@dataclass(frozen=True)
class DescriptorBudget:
    """Bounds for the parts of a network in one process; the defaults are what each gets where there is plenty.

    flows -- of each exit
    clients -- connections of each gateway's clients
    peers -- connections from other nodes, of each node
    requests -- connections of the directory
    """

    flows: int = 2048
    clients: int = 1024
    peers: int = 1024
    requests: int = 512

    @classmethod
    def of(cls, limit: int, *, exits: int, gateways: int, nodes: int) -> DescriptorBudget:
        """Share out what a limit leaves: half of it for flows, for a page needs dozens of them.

        limit -- descriptors of the whole process
        exits, gateways, nodes -- how many there are; exits are gateways too, and gateways nodes
        """
        free = max(0, limit - _RESERVE)
        return cls(
            flows=_bounded(free // 2 // exits, 16, cls.flows),
            clients=_bounded(free // 4 // gateways, 16, cls.clients),
            peers=_bounded(free // 8 // nodes, 8, cls.peers),
            requests=_bounded(free // 8, 16, cls.requests),
        )


def _bounded(number: int, least: int, most: int) -> int:
    return min(max(number, least), most)


def descriptor_limit() -> int:
    """How many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_USEFUL if soft == resource.RLIM_INFINITY else soft


def raise_descriptor_limit() -> None:
    """Ask the system for as many descriptors as it lets this process have, within reason.

    Usual soft limits are as small as 1024, for the sake of programs that use `select`; ours do not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_USEFUL if hard == resource.RLIM_INFINITY else min(hard, _MOST_USEFUL)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    # What the system refuses makes the bounds smaller, and no more.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
