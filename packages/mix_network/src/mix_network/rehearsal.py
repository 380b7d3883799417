"""What may happen to a node of a running network, so that failures can be rehearsed."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from mix_network.errors import FaultUnsupported, UnknownNode
from mix_network.exit.gateway import ExitGateway, Gateway
from mix_network.gateway.node import GatewayServer
from mix_network.links.line import LinkEmulation
from mix_network.mixnode.node import MixNodeServer
from mix_network.node_factory import MixNode

SLOW_LINK = "delay=500ms"

AnyNode = MixNode | Gateway | ExitGateway


class NodeState(StrEnum):
    """What a node is doing."""

    RUNNING = "running"
    SLOW = "slow"
    """It runs, behind links of its own."""
    STOPPED = "stopped"
    """It does nothing, but its connections are open, as with a process that got SIGSTOP."""
    KILLED = "killed"
    """It is gone, with all that it held; its keys and registered clients are there when it is started again."""


class Rehearsal:
    """Lets things happen to nodes and knows what state each is in.

    on_away -- called with a node's name, and whether it has stopped answering or answers again
    """

    def __init__(self, links: LinkEmulation, on_away: Callable[[str, bool], None]) -> None:
        self._links = links
        self._on_away = on_away
        self._nodes: dict[str, AnyNode] = {}
        self._states: dict[str, NodeState] = {}

    def add(self, name: str, node: AnyNode) -> None:
        """One more node, which runs."""
        self._nodes[name] = node
        self._states[name] = NodeState.RUNNING

    @property
    def states(self) -> dict[str, NodeState]:
        """The state of each node."""
        return dict(self._states)

    async def kill(self, name: str) -> None:
        """End a node at once, if it is not gone already."""
        node = self._node(name)
        if self._states[name] is NodeState.KILLED:
            return
        self._become(name, NodeState.KILLED)
        if isinstance(node, ExitGateway):
            await node.close()
            node = node.gateway
        await node.kill()

    async def restart(self, name: str) -> None:
        """End a node, if it is not gone already, and start it again. Raises `PortUnavailable`."""
        node = self._node(name)
        await self.kill(name)
        if isinstance(node, ExitGateway):
            await node.gateway.restart()
            await node.restart()
        else:
            await node.restart()
        self._become(name, NodeState.RUNNING)

    def stop(self, name: str) -> None:
        """Let a node do nothing any more. Raises `FaultUnsupported`."""
        self._expect_running(name)
        self._own_work(name).stop()
        self._become(name, NodeState.STOPPED)

    def slow(self, name: str, link: str) -> None:
        """Give a node links like these. Raises `FaultUnsupported`, `InvalidNetworkOption`."""
        self._expect_running(name)
        node = self._own_work(name)
        self._links.slow(name, link)
        node.resume()
        self._become(name, NodeState.SLOW)

    def resume(self, name: str) -> None:
        """Undo `stop` and `slow`. Raises `FaultUnsupported`."""
        self._expect_running(name)
        self._own_work(name).resume()
        self._become(name, NodeState.RUNNING)

    def _become(self, name: str, state: NodeState) -> None:
        if state is not NodeState.SLOW:
            self._links.slow(name, None)
        self._states[name] = state
        self._on_away(name, state in (NodeState.KILLED, NodeState.STOPPED))

    def _node(self, name: str) -> AnyNode:
        node = self._nodes.get(name)
        if node is None:
            raise UnknownNode(nodes=", ".join(self._nodes))
        return node

    def _own_work(self, name: str) -> MixNodeServer | GatewayServer:
        node = self._node(name)
        node = node.gateway if isinstance(node, ExitGateway) else node
        if not isinstance(node, MixNodeServer | GatewayServer):
            raise FaultUnsupported("nodes whose work is shared by workers can be killed and restarted, not stopped")
        return node

    def _expect_running(self, name: str) -> None:
        self._node(name)
        if self._states[name] is NodeState.KILLED:
            raise FaultUnsupported("that node is gone; restart it first")
