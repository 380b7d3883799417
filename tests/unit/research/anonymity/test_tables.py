"""Tables of what was worked out, and the command that writes them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from bench.marks import mark_of
from click.testing import CliRunner
from research.anonymity.__main__ import main
from research.anonymity.results import MODES, ROUTE_SHARES, SHARES
from research.anonymity.tables import agreement, tables

DOCUMENT = Path(__file__).parents[4] / "docs/anonymity.md"


def entropy(mean: float) -> dict[str, Any]:
    return {"mean": mean, "low": mean - 0.25, "high": mean + 0.25, "packets": mean + 2, "known": 0.0, "messages": 9}


def results() -> dict[str, Any]:
    size = {
        "clients": 1000,
        "nodes": 100,
        "mixes": 90,
        "covers": True,
        "layers": {f"layer {layer}": entropy(3.0 * layer) for layer in (1, 2, 3)},
        "alone": {"entry": 0.0, "layer 1": 7.6, "layer 2": 9.97, "layer 3": 9.97, "exit": 9.97},
        "corrupt": [{"share": share, "mean": 9.0 - share, "low": 1.0, "known": share} for share in SHARES],
    }
    mode = {
        "quantiles": [0.5, 0.95],
        "requests_s": [0.125, 0.25],
        "answers_s": [0.5, 1.0],
        "exit_packets_per_s": 3.04,
        "download": {"clients": 40, "ranks": [1.0, 2.0]},
    }
    plans = [(900, name, True, None, False) for name in MODES]
    plans += [(30, "cover", redraws, None, False) for redraws in (True, False)]
    plans += [(900, "cover", True, session_s, True) for session_s in (None, 86_400.0, 3_600.0)]
    routes = [
        {
            "mixes": mixes,
            "mode": name,
            "corrupt_share": share,
            "redraws": redraws,
            "session_s": session_s,
            "whole": whole,
            "limit_s": 30 * 86_400.0,
            "times_s": [0.5, 90.0, math.inf] if whole else [1.0, 7_300.0, 7_400.0],
        }
        for share in ROUTE_SHARES
        for mixes, name, redraws, session_s, whole in plans
    ]
    return {"sizes": [size], "modes": dict.fromkeys(MODES, mode), "routes": routes}


def test_every_table_has_its_place_and_what_was_found():
    written = tables(results())
    text = DOCUMENT.read_text()
    assert all(mark_of(name) in text for name in (*written, "anonymity, agreement"))
    assert "| 1,000 | 100 | cover | 10.0 | 0 | 3.0 (2.8 to 3.2) | 6.0 (5.8 to 6.2) |" in written["anonymity, sizes"]
    assert "| 0.0 | 7.6 | 10.0 |" in written["anonymity, alone"]
    assert "8.7, 30% known" in written["anonymity, corrupt mixes"]
    assert "| cover | 0.12 s · 0.25 s | 0.50 s · 1.00 s | 3.0 | 1.5 of 40 |" in written["anonymity, modes"]
    assert "| 10% | 2 h | 2 h | 2 h |" in written["anonymity, routes"]
    assert "| 10% | 2 h | 2 h | 90 s; 67% of clients |" in written["anonymity, rotation"]


def test_real_clients_stand_beside_simulated_ones():
    layers = [entropy(float(layer)) for layer in (1, 2, 3)]
    compared = {"clients": 100, "scale": 50.0, "packets_per_client_s": 1.1, "real": layers, "simulated": layers}
    text = agreement(compared)
    assert "55.0 packets a second and client" in text
    assert "| layer 2 | 2.00 | 4.00 | 2.00 | 4.00 |" in text


def test_the_command_tells_what_it_does():
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    assert "10,000" in shown.output or "10000" in shown.output
