"""The tables of docs/anonymity.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from research.anonymity.results import MODES, ROUTE_SHARES, SHARES

_WORDS = {True: "cover", False: "none"}
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def tables(results: dict[str, Any]) -> dict[str, str]:
    """All of them by the name of their place."""
    return {
        "anonymity, sizes": _sizes(results["sizes"]),
        "anonymity, alone": alone(results["sizes"]),
        "anonymity, corrupt mixes": _corrupt(results["sizes"]),
        "anonymity, modes": _modes(results["modes"]),
        "anonymity, routes": _routes(results["routes"], results["modes"]),
        "anonymity, rotation": _rotation(results["routes"]),
    }


def _sizes(sizes: Sequence[dict[str, Any]]) -> str:
    head = ["clients", "nodes", "cover", "at most", "entry", "behind layer 1", "layer 2", "layer 3 and exit"]
    rows = []
    for size in sizes:
        layers = [size["layers"][f"layer {layer}"] for layer in (1, 2, 3)]
        cells = [f"{each['mean']:.1f} ({each['low']:.1f} to {each['high']:.1f})" for each in layers]
        most = f"{math.log2(size['clients']):.1f}"
        places = [f"{size['clients']:,}", f"{size['nodes']:,}", _WORDS[size["covers"]], most, "0"]
        rows.append([*places, *cells])
    return _table(head, rows)


def alone(sizes: Sequence[dict[str, Any]]) -> str:
    """What single nodes know by themselves."""
    head = ["clients", "entry", "mix of layer 1", "layer 2", "layer 3", "exit"]
    rows = [
        [f"{size['clients']:,}", *(f"{bits:.1f}" for bits in size["alone"].values())]
        for size in sizes
        if size["covers"]
    ]
    return _table(head, rows)


def agreement(compared: dict[str, Any]) -> str:
    """Real clients beside simulated ones."""
    head = [
        "behind",
        "real clients: entropy of the sender",
        "of the packet",
        "simulated: of the sender",
        "of the packet",
    ]
    rows = []
    for layer, (real, simulated) in enumerate(zip(compared["real"], compared["simulated"], strict=True), 1):
        cells = [f"{each[key]:.2f}" for each in (real, simulated) for key in ("mean", "packets")]
        rows.append([f"layer {layer}", *cells])
    whole = (
        f"{compared['clients']} real clients, times and delays {compared['scale']:g} times as long as usual: "
        f"{compared['packets_per_client_s'] * compared['scale']:.1f} packets a second and client, at the usual pace; "
        f"{compared['real'][0]['messages']} packets judged."
    )
    return f"{whole}\n\n{_table(head, rows)}"


def _corrupt(sizes: Sequence[dict[str, Any]]) -> str:
    head = ["clients", "cover", *(f"{share:.0%}" for share in SHARES)]
    rows = []
    for size in sizes:
        cells = [f"{each['mean']:.1f}, {each['known']:.0%} known" for each in size["corrupt"]]
        rows.append([f"{size['clients']:,}", _WORDS[size["covers"]], *cells])
    return _table(head, rows)


def _modes(modes: dict[str, Any]) -> str:
    head = ["", "request at the exit, median · 95 %", "whole answer", "packets a second to and from the exit"]
    head += ["place of who downloads, by whole packets on the link"]
    rows = []
    for name in MODES:
        mode = modes[name]
        at = [mode["quantiles"].index(share) for share in (0.5, 0.95)]
        request, answer = (
            " · ".join(f"{mode[key][place]:.2f} s" for place in at) for key in ("requests_s", "answers_s")
        )
        ranks = mode["download"]["ranks"]
        rank = f"{sum(ranks) / len(ranks):.1f} of {mode['download']['clients']}"
        rows.append([name, request, answer, f"{mode['exit_packets_per_s']:.1f}", rank])
    return _table(head, rows)


def _routes(routes: Sequence[dict[str, Any]], modes: dict[str, Any]) -> str:
    head = ["corrupt nodes", *(f"{name}, {modes[name]['exit_packets_per_s']:.1f} a second" for name in MODES)]
    rows = []
    for share in ROUTE_SHARES:
        cells = [
            _times(next(_matching(routes, mixes=900, mode=name, corrupt_share=share, whole=False))) for name in MODES
        ]
        rows.append([f"{share:.0%}", *cells])
    return _table(head, rows)


def _rotation(routes: Sequence[dict[str, Any]]) -> str:
    head = ["corrupt nodes", "30 mixes, layers stay", "30 mixes, drawn each hour", "whole route, one session"]
    head += ["a session a day", "a session an hour"]
    rows = []
    for share in ROUTE_SHARES:
        small = [
            next(_matching(routes, mixes=30, corrupt_share=share, redraws=redraws, whole=False))
            for redraws in (False, True)
        ]
        whole = [
            next(_matching(routes, corrupt_share=share, whole=True, session_s=session_s))
            for session_s in (None, 86_400.0, 3_600.0)
        ]
        rows.append([f"{share:.0%}", *map(_times, [*small, *whole])])
    return _table(head, rows)


def _matching(routes: Iterable[dict[str, Any]], **wanted: Any) -> Iterator[dict[str, Any]]:
    return iter([each for each in routes if all(each[key] == value for key, value in wanted.items())])


def _times(line: dict[str, Any]) -> str:
    """The median, and how many clients had one within the limit."""
    times = line["times_s"]
    hit = sum(math.isfinite(time) for time in times) / len(times)
    median = times[len(times) // 2]
    text = _span(median) if math.isfinite(median) else f"over {_span(line['limit_s'])}"
    return text if hit == 1.0 else f"{text}; {hit:.0%} of clients"


def _span(seconds: float) -> str:
    for unit_s, name in _UNITS:
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds:.1f} s"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
