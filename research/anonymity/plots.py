"""The pictures of docs/anonymity.md. matplotlib is imported when one is drawn: tests and packages do without."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from research.anonymity.results import MODES, ROUTE_SHARES

_COLOURS = {"cover": "#2563eb", "no cover": "#dc2626", "cover, balanced replies": "#059669"}


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw all of them; gives the files. Raises `ImportError` without matplotlib."""
    import matplotlib  # type: ignore[import-not-found, unused-ignore]

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False})
    pyplot.rcParams["axes.spines.right"] = False
    drawn = []
    for name, paint in {
        "entropy": _paint_entropy,
        "corrupt": _paint_corrupt,
        "latency": _paint_latency,
        "routes": _paint_routes,
    }.items():
        figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
        paint(axes, results)
        path = folder / f"anonymity-{name}.png"
        figure.savefig(path, dpi=110, metadata={"Software": None})
        pyplot.close(figure)
        drawn.append(path)
    return drawn


def _paint_entropy(axes: Any, results: dict[str, Any]) -> None:
    """Entropy behind each layer, by the number of clients."""
    marks = {1: ":", 2: "--", 3: "-"}
    for covers, colour in ((True, _COLOURS["cover"]), (False, _COLOURS["no cover"])):
        sizes = [size for size in results["sizes"] if size["covers"] is covers]
        clients = [size["clients"] for size in sizes]
        for layer, mark in marks.items():
            means = [size["layers"][f"layer {layer}"]["mean"] for size in sizes]
            label = f"{'cover' if covers else 'no cover'}, behind layer {layer}"
            axes.plot(clients, means, mark, marker="o", markersize=3, color=colour, label=label)
    clients = sorted({size["clients"] for size in results["sizes"]})
    axes.plot(clients, [math.log2(count) for count in clients], color="#9ca3af", label="all clients alike")
    axes.set(xscale="log", xlabel="clients (a node for ten of them)", ylabel="entropy of the sender, bits")
    axes.legend(fontsize=7)


def _paint_corrupt(axes: Any, results: dict[str, Any]) -> None:
    """Entropy at the exit, by the share of corrupt mixes."""
    for size in results["sizes"]:
        if size["clients"] < 100:
            continue
        colour = _COLOURS["cover" if size["covers"] else "no cover"]
        label = f"{size['clients']:,} clients, {'cover' if size['covers'] else 'no cover'}"
        shares = [each["share"] for each in size["corrupt"]]
        alpha = 0.35 + 0.65 * math.log10(size["clients"] / 100) / 2
        means = [each["mean"] for each in size["corrupt"]]
        axes.plot(shares, means, marker="o", markersize=3, color=colour, alpha=alpha, label=label)
    axes.set(xlabel="share of mixes that the adversary runs, who sees all links", ylabel="entropy of the sender, bits")
    axes.legend(fontsize=7)


def _paint_latency(axes: Any, results: dict[str, Any]) -> None:
    for name in MODES:
        mode = results["modes"][name]
        for key, mark, what in (("requests_s", "-", "request at the exit"), ("answers_s", "--", "whole answer")):
            axes.plot(mode[key], mode["quantiles"], mark, color=_COLOURS[name], label=f"{name}: {what}")
    axes.set(xlabel="seconds", ylabel="share that took no longer", xlim=(0, None))
    axes.legend(fontsize=7)


def _paint_routes(axes: Any, results: dict[str, Any]) -> None:
    """How many clients have had a route of three corrupt mixes, by time."""
    marks = dict(zip(ROUTE_SHARES, (":", "-.", "--", "-"), strict=True))
    for line in sorted(results["routes"], key=lambda each: each["mode"]):
        if line["mixes"] != 900 or line["whole"]:
            continue
        times = line["times_s"]
        shares = [(place + 1) / len(times) for place in range(len(times))]
        colour, mark = _COLOURS[line["mode"]], marks[line["corrupt_share"]]
        axes.plot(times, shares, mark, color=colour, label=f"{line['corrupt_share']:.0%}, {line['mode']}")
    axes.set(xscale="log", xlabel="seconds", ylabel="clients with a compromised route")
    axes.legend(fontsize=6, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
