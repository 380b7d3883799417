"""What the directory of a local network knows: the nodes in this process, in their own words, and what each does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mix_network.directory.assignment import EpochAssignment
from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.registered_node import RegisteredNode
from mix_network.exit.gateway import ExitGateway, Gateway
from mix_network.naming import FIRST_MIX_ID
from mix_network.node.self_description import NodeFacts, SelfDescription
from mix_network.node_factory import MixNode
from mix_network.rotation import RotationSchedule
from mix_protocol.messages.rotation_period import RotationPeriod
from mix_protocol.topology.features import NodeFeature
from mix_protocol.topology.topology import Topology

_EXIT_FEATURES = frozenset(NodeFeature)


class LocalDirectory:
    """Registers nodes and makes documents of what they say: it sees no node's secrets, here as anywhere.

    build_version -- what all nodes announce
    schedule -- when epochs and keys change; `rotate_keys` moves it
    wall_clock -- seconds since 1970
    seed -- of the epochs' draw, or None for layers that stay
    """

    def __init__(
        self,
        build_version: str,
        schedule: RotationSchedule,
        wall_clock: Callable[[], float],
        seed: bytes | None,
    ) -> None:
        self._build_version = build_version
        self._schedule = schedule
        self._wall_clock = wall_clock
        self._assignment = EpochAssignment(seed)
        self._described: dict[int, SelfDescription] = {}
        self._numbers: dict[str, int] = {}
        self._counts = {"entry": 0, "exit": 0, "mix": 0}
        self.documents = DirectoryDocuments(self._registered, self._assignment.of, schedule)

    def register_entry(self, gateway: Gateway) -> None:
        """An entry gateway, which listens already; so for the others. Entry gateways have odd numbers."""
        number = 2 * self._count("entry") + 1
        self._register(gateway, number, None, ws_port=gateway.ws_port)

    def register_exit(self, node: ExitGateway) -> None:
        """An exit gateway. They have even numbers."""
        gateway, number = node.gateway, 2 * self._count("exit") + 2
        self._register(
            gateway, number, None, ws_port=gateway.ws_port, ip_packet_router=node.recipient, features=_EXIT_FEATURES
        )

    def register_mix(self, node: MixNode) -> None:
        """A mix node, in its layer unless that is drawn. They have numbers from 11 on."""
        self._register(node, FIRST_MIX_ID + self._count("mix"), node.layer, mixes=True)

    def set_away(self, name: str, is_away: bool) -> None:
        """Whether a node is known not to answer; counts from the next epoch on."""
        self._assignment.set_away(self._numbers[name], is_away)

    def rotate_keys(self) -> int:
        """Let the next rotation of keys, and an epoch with it, begin now; gives the rotation's number."""
        schedule, wall_s = self._schedule, self._wall_clock()
        rotation = schedule.rotation_of(schedule.epoch_at(wall_s)) + 1
        schedule.begin(schedule.epochs_of(rotation)[0], wall_s)
        return rotation

    def picture(self, now: float) -> tuple[Topology, RotationPeriod]:
        """The network as it is now, and since when its keys are in force. `now` is monotonic seconds."""
        schedule, wall_s = self._schedule, self._wall_clock()
        topology = Topology.from_documents(
            self.documents.rewarded_set(wall_s),
            self.documents.skimmed(wall_s, "active-mix-node"),
            self.documents.skimmed(wall_s, "entry-gateway", "exit-gateway"),
        )
        started_s = schedule.epoch_start(schedule.epochs_of(topology.rotation_id)[0])
        return topology, RotationPeriod(
            topology.rotation_id, now + started_s - wall_s, schedule.epoch_duration_s, schedule.validity_epochs
        )

    def epoch(self) -> dict[str, Any]:
        """Which epoch it is, as JSON-able values: its number and rotation, its length and what is left of it, whether
        its layers are drawn, and the seed of the draw in hex, where it is known."""
        schedule, wall_s, seed = self._schedule, self._wall_clock(), self._assignment.seed
        epoch = schedule.epoch_at(wall_s)
        return {
            "id": epoch,
            "rotation": schedule.rotation_of(epoch),
            "length_s": schedule.epoch_duration_s,
            "ends_in_s": round(schedule.epoch_start(epoch + 1) - wall_s, 3),
            "drawn": seed is not None,
            "seed": seed.hex() if seed is not None else None,
        }

    def _count(self, kind: str) -> int:
        self._counts[kind] += 1
        return self._counts[kind] - 1

    def _registered(self, wall_s: float) -> list[RegisteredNode]:
        return [RegisteredNode(number, description.describe(wall_s)) for number, description in self._described.items()]

    def _register(self, node: Gateway | MixNode, number: int, layer: int | None, **roles: Any) -> None:
        address = node.address
        assert address is not None, "it must have been started"
        facts = NodeFacts(
            ip_addresses=(str(address.ip),), mix_port=address.port, build_version=self._build_version, **roles
        )
        noise = node.noise.public if node.noise is not None else None
        description = SelfDescription(node.identity.public, node.keyring, lambda: facts, noise)
        self._described[number] = description
        self._numbers[node.metrics.name] = number
        self._assignment.add(RegisteredNode(number, description.describe(self._wall_clock())).candidate, layer)
