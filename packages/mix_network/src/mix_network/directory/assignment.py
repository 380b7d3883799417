"""Which node of a local network has which job, epoch by epoch. No clock of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mix_network.directory.draw import Candidate, draw_rewarded_set
from mix_protocol.topology.documents import RewardedSet
from mix_protocol.topology.topology import LAYER_COUNT


class EpochAssignment:
    """Assigns the nodes of a network to layers.

    seed -- 32 public bytes, from which each epoch's layers are drawn; None leaves every node in the layer it has

    A node that does not answer keeps its job until the epoch is over, as in a network that measures. After that it has
    none, unless there would be nobody to do it.
    """

    def __init__(self, seed: bytes | None = None) -> None:
        self.seed = seed
        self._candidates: dict[int, Candidate] = {}
        self._layers: dict[int, int] = {}
        self._away: set[int] = set()
        self._assigned: RewardedSet | None = None

    def add(self, candidate: Candidate, layer: int | None = None) -> None:
        """One more node, in this layer unless that is drawn. Where it is the node serves from the next epoch on.

        layer -- 1 to 3 for a mix node, None for a gateway
        """
        self._candidates[candidate.node_id] = candidate
        if self.seed is None:
            self._assigned = None
            if layer is not None:
                self._layers[candidate.node_id] = layer

    def set_away(self, node_id: int, is_away: bool) -> None:
        """Whether a node is known not to answer; counts from the next epoch on."""
        (self._away.add if is_away else self._away.discard)(node_id)

    def of(self, epoch: int) -> RewardedSet:
        """The jobs of an epoch. Asked again for the same one, it says the same."""
        if self._assigned is None or self._assigned.epoch_id != epoch:
            self._assigned = self._assign(epoch)
        return self._assigned

    def _assign(self, epoch: int) -> RewardedSet:
        everybody = self._assign_all(epoch, self._candidates.values())
        if not self._away:
            return everybody
        here = [candidate for node_id, candidate in self._candidates.items() if node_id not in self._away]
        assigned = self._assign_all(epoch, here)
        if not all(assigned.layers):
            # A network with an empty layer would be of no use to anybody.
            assigned = replace(assigned, layer1=everybody.layer1, layer2=everybody.layer2, layer3=everybody.layer3)
        return replace(
            assigned,
            entry_gateways=assigned.entry_gateways or everybody.entry_gateways,
            exit_gateways=assigned.exit_gateways or everybody.exit_gateways,
        )

    def _assign_all(self, epoch: int, candidates: Iterable[Candidate]) -> RewardedSet:
        if self.seed is not None:
            return draw_rewarded_set(self.seed, epoch, candidates)
        layers: list[list[int]] = [[] for _ in range(LAYER_COUNT)]
        entries, exits = [], []
        for candidate in candidates:
            if candidate.exits:
                exits.append(candidate.node_id)
            elif candidate.enters:
                entries.append(candidate.node_id)
            else:
                layers[self._layers[candidate.node_id] - 1].append(candidate.node_id)
        return RewardedSet(
            epoch_id=epoch,
            entry_gateways=entries,
            exit_gateways=exits,
            layer1=layers[0],
            layer2=layers[1],
            layer3=layers[2],
        )
