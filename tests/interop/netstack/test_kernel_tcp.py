"""Our TCP against Linux's, over a TUN device in a network namespace of its own; skipped where barred."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PEER = Path(__file__).parent / "kernel_peer.py"
OPEN_TUN = "import os; os.close(os.open('/dev/net/tun', os.O_RDWR))"


def is_permitted() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run(["unshare", "-n", sys.executable, "-c", OPEN_TUN], capture_output=True).returncode == 0


@pytest.mark.parametrize(("loss", "jitter_ms"), [(0.0, 0), (0.02, 30)], ids=["clean", "2 % loss and reordering"])
def test_every_conversation_with_the_kernel_goes_well(loss: float, jitter_ms: int) -> None:
    if not is_permitted():
        pytest.skip("no TUN device or network namespaces here")
    command = ["unshare", "-n", sys.executable, str(PEER), str(loss), str(jitter_ms)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    for scenario in ("swap", "swap_v6", "kernel_connects", "kernel_connects_v6"):
        assert results[scenario]["intact"], scenario
        assert results[scenario]["end"] is None, scenario
    assert results["slow_reader"]["intact"]
    assert results["reset"] == "tcp.connection_reset"
    assert results["refused"] == "tcp.connection_refused"
    assert results["we_refuse"] == "refused"
    assert results["ping"]
    assert results["ping_v6"]
    assert results["closed_udp_port"] == "ip.unreachable port"
    assert results["connections_left"] == 0
