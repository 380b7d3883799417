"""Everything that docs/anonymity.md shows, worked out by two processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from mix_protocol.crypto.randomness import SeededRandom
from research.anonymity.clear_sphinx import ClearCrypto
from research.anonymity.measure import LAYERS, alone, downloads, draw_mixes, messages_of, sender_entropy
from research.anonymity.population import Population
from research.anonymity.routes import Plan, first_compromised
from research.anonymity.simulate import Run, Scene, simulate
from research.anonymity.trace import FROM_NODE

SHARES: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
ROUTE_SHARES: Final = (0.05, 0.1, 0.2, 0.3)
MODES: Final = {"no cover": (False, False), "cover": (True, False), "cover, balanced replies": (True, True)}
MESSAGES: Final = 200
_DRAWS: Final = 3
_MODE_CLIENTS, _DOWNLOAD_CLIENTS, _DOWNLOADS = 100, 40, 8
_DOWNLOAD_BYTES, _DOWNLOAD_S = 200_000, 1.5
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Size:
    """A network and its clients: a node for ten of them, from thirteen nodes on."""

    clients: int

    def scene(self, covers: bool, seed: int) -> Scene:
        """So many seconds of it that there are enough messages to judge."""
        nodes = max(13, self.clients // 10)
        gateways = max(2, nodes // 20)
        mixes = (nodes - 2 * gateways) // LAYERS * LAYERS
        seconds = max(0.12, min(2.0, 300.0 / self.clients)) if covers else max(1.0, 2_000.0 / self.clients)
        return Scene(self.clients, mixes, gateways, gateways, seconds=seconds, covers=covers, seed=seed)


def work_out(clients: int, *, seed: int, route_clients: int, say: Callable[[str], None]) -> dict[str, Any]:
    """All results, as JSON has them.

    clients -- of the largest network
    route_clients -- how many are asked when their first route was compromised, for each line
    """
    sizes = [count for count in (10, 100, 1_000, 10_000) if count <= clients] or [clients]
    rates = dict.fromkeys(MODES, 0.0)
    with ProcessPoolExecutor(2) as pool:
        largest_first = [
            pool.submit(_of_size, Size(count), covers, seed) for count in reversed(sizes) for covers in (True, False)
        ]
        modes = {name: pool.submit(_of_mode, name, seed) for name in MODES}
        by_mode = {}
        for name, job in modes.items():
            by_mode[name] = job.result()
            rates[name] = by_mode[name]["exit_packets_per_s"]
            say(f"{name}: {rates[name]:.1f} packets a second to and from the exit")
        routes = [
            pool.submit(_of_routes, mixes, label, rates[label], share, redraws, session_s, whole, route_clients, seed)
            for mixes, label, share, redraws, session_s, whole in _route_cases()
        ]
        by_size = [job.result() for job in largest_first]
        say(f"sizes {sizes}: done")
        return {
            "seed": seed,
            "sizes": sorted(by_size, key=lambda each: (each["clients"], not each["covers"])),
            "modes": by_mode,
            "routes": [job.result() for job in routes],
        }


def _of_size(size: Size, covers: bool, seed: int) -> dict[str, Any]:
    run = simulate(size.scene(covers, seed))
    messages = messages_of(run, MESSAGES)
    layers = {f"layer {layer}": asdict(sender_entropy(run, messages, layer)) for layer in range(1, LAYERS + 1)}
    return {
        **_network(run.scene),
        "packets": len(run.trace.maker),
        "dropped": run.dropped,
        "layers": layers,
        "alone": alone(run),
        "corrupt": [_of_share(run, messages, share) for share in SHARES],
    }


def _of_share(run: Run, messages: list[int], share: float) -> dict[str, Any]:
    draws = [
        sender_entropy(run, messages, LAYERS, draw_mixes(run, share, seed)) for seed in range(_DRAWS if share else 1)
    ]
    return {
        "share": share,
        "mean": float(np.mean([draw.mean for draw in draws])),
        "low": float(np.mean([draw.low for draw in draws])),
        "known": float(np.mean([draw.known for draw in draws])),
    }


def _of_mode(name: str, seed: int) -> dict[str, Any]:
    covers, balances = MODES[name]
    scene = replace(Size(_MODE_CLIENTS).scene(covers, seed), balances=balances, seconds=2.0 if covers else 30.0)
    run = simulate(scene)
    trace, exits = run.trace, [member.number for member in run.population.exits]
    whole_s = scene.seconds
    counted = trace.made_at > trace.made_at.max(initial=0.0) - whole_s
    up = ((trace.maker != FROM_NODE) & np.isin(trace.ended, exits) & counted).sum()
    down = ((trace.maker == FROM_NODE) & counted).sum()
    # Without balanced replies those who do nothing have no packets of theirs there.
    talking = scene.clients if balances else scene.clients * scene.habits.active_share
    watched = replace(scene, clients=_DOWNLOAD_CLIENTS, seconds=_DOWNLOADS * _DOWNLOAD_S)
    return {
        **_network(scene),
        "balances": balances,
        "exit_packets_per_s": float(up + down) / whole_s / talking,
        "requests_s": [float(each) for each in np.quantile(run.requests_s, _QUANTILES)],
        "answers_s": [float(each) for each in np.quantile(run.answers_s, _QUANTILES)],
        "quantiles": list(_QUANTILES),
        "download": asdict(downloads(watched, _DOWNLOAD_BYTES, _DOWNLOAD_S)),
    }


def _route_cases() -> list[tuple[int, str, float, bool, float | None, bool]]:
    cases: list[tuple[int, str, float, bool, float | None, bool]] = []
    for share in ROUTE_SHARES:
        cases += [(900, label, share, True, None, False) for label in MODES]
        cases += [(30, "cover", share, redraws, None, False) for redraws in (True, False)]
        cases += [(900, "cover", share, True, session_s, True) for session_s in (None, _DAY_S, _DAY_S / 24)]
    return cases


def _of_routes(
    mixes: int,
    label: str,
    rate: float,
    share: float,
    redraws: bool,
    session_s: float | None,
    whole: bool,
    clients: int,
    seed: int,
) -> dict[str, Any]:
    gateways = max(2, mixes // 18)
    population = Population(ClearCrypto(), SeededRandom(f"routes {mixes} {seed}"), mixes, gateways, gateways)
    plan = Plan(share, rate, redraws=redraws, session_s=session_s, whole=whole)
    times = np.sort(first_compromised(population, plan, clients, seed))
    return {"mixes": mixes, "mode": label, **asdict(plan), "times_s": [float(each) for each in times]}


def _network(scene: Scene) -> dict[str, Any]:
    return {
        "clients": scene.clients,
        "nodes": scene.mixes + scene.entries + scene.exits,
        "mixes": scene.mixes,
        "covers": scene.covers,
    }
