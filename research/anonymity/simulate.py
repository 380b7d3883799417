"""One run: a network of some size, its clients, and what was recorded of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mix_protocol.crypto.provider import CryptoProvider
from mix_protocol.crypto.randomness import SeededRandom
from mix_tunnel.mixnet.traffic import TrafficConfig
from research.anonymity.clear_sphinx import ClearCrypto
from research.anonymity.network import Clock, Network
from research.anonymity.people import Client, Exit, Habits, choose_gateway
from research.anonymity.population import Population
from research.anonymity.trace import Recorder, Trace

SETTLING_S = 0.3
"""Until as many packets leave the mixes as come to them."""


@dataclass(frozen=True)
class Scene:
    """What is simulated.

    seconds -- that are judged, after `SETTLING_S`
    covers -- whether packets leave at random times, with cover for those for which nothing waits
    balances -- whether replies are balanced and sealed
    traffic -- means of the random times, and of the delays
    """

    clients: int
    mixes: int
    entries: int = 2
    exits: int = 2
    seconds: float = 2.0
    covers: bool = True
    balances: bool = False
    habits: Habits = Habits()  # noqa: RUF009 -- frozen
    traffic: TrafficConfig = field(default_factory=TrafficConfig)
    seed: int = 1


@dataclass(frozen=True)
class Run:
    """What came of it.

    exits -- numbers of the nodes that are exits
    requests_s, answers_s -- how long requests took to the exit, and until their answers were there
    pushed_at -- by client, when whole packets came to it
    dropped -- packets that nodes threw away: none, if all is well
    """

    scene: Scene
    trace: Trace
    population: Population
    clients: tuple[Client, ...]
    requests_s: list[float]
    answers_s: list[float]
    pushed_at: list[list[float]]
    dropped: int


def simulate(
    scene: Scene,
    crypto: CryptoProvider | None = None,
    events: Callable[[Clock, tuple[Client, ...]], None] | None = None,
) -> Run:
    """Let the clients live for a while.

    crypto -- None leaves the cryptography out
    events -- adds what is to happen beside the clients' habits
    """
    crypto = crypto or ClearCrypto()
    random = SeededRandom(f"network {scene.seed}")
    population = Population(crypto, random, scene.mixes, scene.entries, scene.exits)
    topology = population.topology()
    clock, record = Clock(), Recorder()
    network = Network(crypto, population, clock, record)
    exits = {member: Exit(crypto, network, member, topology) for member in population.exits}
    for way_out in exits.values():
        way_out.balances = scene.balances
    config = scene.traffic if scene.covers else scene.traffic.without(main=True, cover=True)
    clients = tuple(
        Client(
            crypto,
            network,
            topology,
            number,
            gateway=choose_gateway(population.entries, number, scene.seed),
            way_out=exits[choose_gateway(population.exits, number, -scene.seed)],
            config=config,
            balances=scene.balances,
            seed=scene.seed,
        )
        for number in range(scene.clients)
    )
    for client in clients[: round(scene.clients * scene.habits.active_share)]:
        client.live(scene.habits)
    if events is not None:
        events(clock, clients)
    clock.run(SETTLING_S + scene.seconds)
    return Run(
        scene=scene,
        trace=record.trace(),
        population=population,
        clients=clients,
        requests_s=[at - asked_at for way_out in exits.values() for asked_at, at in way_out.requests],
        answers_s=[each for client in clients for each in client.seen.answers_s],
        pushed_at=[client.seen.pushed_at for client in clients],
        dropped=network.dropped,
    )
