"""What is seen from each place while a simulated tunnel, the only client of its network, does something."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.randomness import SeededRandom
from support.memory_mixnet import Passage
from support.simulated_tunnel import ENTRY, SimulatedTunnel, simulated_tunnel
from support.vantage.activities import ACTIVITIES, SiteHost
from support.virtual_time import VirtualTimeLoop

EXIT = 1
SETTLING_S = 15.0
"""Time after the set-up that is not recorded, so that every activity has become what it is."""

LINK_UP, LINK_DOWN = "client's link, up", "client's link, down"
ENTRY_GATEWAY, EXIT_GATEWAY = "entry gateway", "exit gateway"
MIXES = ("mix of layer 1", "mix of layer 2", "mix of layer 3")
VANTAGES = (LINK_UP, LINK_DOWN, ENTRY_GATEWAY, *MIXES, EXIT_GATEWAY)


class Seen(NamedTuple):
    """One packet or frame, as seen from one place.

    flow -- between which neighbours it goes, as this place can tell
    version -- of the Sphinx header, where this place reads one
    """

    at: float
    flow: str
    length: int
    version: int | None


class Record:
    """What each vantage saw, in order of time, while something was done: in each span from its beginning to its end."""

    def __init__(self, spans: Sequence[tuple[float, float]], seen: Mapping[str, Iterable[Seen]]) -> None:
        self.spans = tuple(spans)
        self.seen = {vantage: sorted(seen.get(vantage, ()), key=itemgetter(0)) for vantage in VANTAGES}

    def gaps(self, vantage: str) -> list[float]:
        """The times from one packet to the next, within the spans."""
        times = [seen.at for seen in self.seen[vantage]]
        cuts = [(bisect_left(times, began), bisect_left(times, ended)) for began, ended in self.spans]
        return [after - before for start, end in cuts for before, after in pairwise(times[start:end])]


class _Watch:
    def __init__(self, tunnel: SimulatedTunnel) -> None:
        self.seen: dict[str, list[Seen]] = defaultdict(list)
        network = tunnel.world.network
        topology = network.topology
        entry, way_out = (topology.gateways[network.gateways[number]].address for number in (ENTRY, EXIT))
        self._names = {entry: "entry", way_out: "exit"}
        # Of each layer one node, for none of them tells the others what it sees.
        self._vantages = {entry: ENTRY_GATEWAY, way_out: EXIT_GATEWAY}
        for vantage, layer in zip(MIXES, topology.layers, strict=True):
            self._vantages[layer[0].address] = vantage
        network.observe = self._passed
        tunnel.world.gateway(ENTRY).observe = self._carried

    def _passed(self, passage: Passage) -> None:
        vantage = self._vantages.get(passage.node)
        if vantage is not None:
            flow = f"{self._name(passage.sender)} > {self._name(passage.receiver)}"
            self.seen[vantage].append(Seen(passage.at, flow, passage.length, passage.version))

    def _carried(self, at: float, direction: str, length: int) -> None:
        self.seen[LINK_UP if direction == "up" else LINK_DOWN].append(Seen(at, direction, length, None))

    def _name(self, node: NodeAddress | None) -> str:
        return "own" if node is None else self._names.get(node, "mix")


def record(activity: str, seconds: float, seed: int, *, is_ours: bool = True) -> Record:
    """Let a tunnel do something (one of `ACTIVITIES`) for so many virtual seconds.

    is_ours -- whether gateways and exit are this project's: replies are balanced and sealed then, as a client
        negotiates of itself
    """

    async def main() -> Record:
        world: dict[str, Any] = {"sealed_replies": True} if is_ours else {"features": frozenset()}
        settings = {"disable_poisson_traffic": False, "disable_cover_traffic": False, "pins_gateway": True, **world}
        async with simulated_tunnel(exits=(EXIT,), seed=seed, host=SiteHost(), **settings) as tunnel:
            task = asyncio.create_task(ACTIVITIES[activity](tunnel, SeededRandom(f"{activity} {seed}")))
            await asyncio.sleep(SETTLING_S)
            watch, began = _Watch(tunnel), tunnel.world.now()
            await asyncio.sleep(seconds)
            ended = tunnel.world.now()
            assert not task.done(), f"{activity} came to an end: {task!r}"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return Record([(began, ended)], watch.seen)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())
