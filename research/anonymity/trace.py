"""What happens to packets in mix nodes: when each came to which one, and when it left."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FROM_NODE: Final = -1
"""In the place of a client: the packet was made by a node, as replies and what exits send are."""


@dataclass(frozen=True)
class Trace:
    """Of the packets of one size. Events are in the order of their times, packets are numbered in that of their making.

    at -- seconds
    node -- the mix node's number
    packet -- which one
    leaves -- whether it leaves; else it comes
    maker -- of each packet, which client sent it; or `FROM_NODE`
    made_at -- of each packet, when it left its maker
    ended_at, ended -- of each packet, when it came to its last gateway and that one's number; NaN and -1 if it did not
    """

    at: NDArray[np.float64]
    node: NDArray[np.int64]
    packet: NDArray[np.int64]
    leaves: NDArray[np.bool_]
    maker: NDArray[np.int64]
    made_at: NDArray[np.float64]
    ended_at: NDArray[np.float64]
    ended: NDArray[np.int64]


class Recorder:
    """Writes down a trace."""

    def __init__(self) -> None:
        self._at, self._node, self._packet, self._leaves = array("d"), array("q"), array("q"), array("b")
        self._maker, self._made_at, self._ended_at, self._ended = array("q"), array("d"), array("d"), array("q")

    def made(self, maker: int, at: float) -> int:
        """A new packet leaves its maker; gives its number."""
        self._maker.append(maker)
        self._made_at.append(at)
        self._ended_at.append(float("nan"))
        self._ended.append(-1)
        return len(self._maker) - 1

    def came(self, packet: int, node: int, at: float) -> None:
        """It comes to a mix node."""
        self._note(packet, node, at, 0)

    def left(self, packet: int, node: int, at: float) -> None:
        """It leaves one."""
        self._note(packet, node, at, 1)

    def came_to_its_end(self, packet: int, gateway: int, at: float) -> None:
        """It has come to its last gateway."""
        self._ended_at[packet] = at
        self._ended[packet] = gateway

    def _note(self, packet: int, node: int, at: float, leaves: int) -> None:
        self._at.append(at)
        self._node.append(node)
        self._packet.append(packet)
        self._leaves.append(leaves)

    def trace(self) -> Trace:
        """What was written down so far."""
        order = np.argsort(np.array(self._at), kind="stable")
        return Trace(
            at=np.array(self._at)[order],
            node=np.array(self._node, dtype=np.int64)[order],
            packet=np.array(self._packet, dtype=np.int64)[order],
            leaves=np.array(self._leaves, dtype=np.bool_)[order],
            maker=np.array(self._maker, dtype=np.int64),
            made_at=np.array(self._made_at),
            ended_at=np.array(self._ended_at),
            ended=np.array(self._ended, dtype=np.int64),
        )
