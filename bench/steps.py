"""Where a client's time goes: runs steps_speed.py in CPython and in Pyodide under Node, and an idle tunnel natively."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import trustme

from bench.playground import Playground
from mix_tunnel.options import TunnelOptions
from mix_tunnel.tunnel import Tunnel

HERE = Path(__file__).resolve().parent
SETTLE_S, IDLE_S = 3.0, 15.0


def measure(playground: Playground) -> dict[str, Any]:
    """Microseconds of each step, and what an idle tunnel with the default cover traffic costs."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        issued = trustme.CA().issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        files = [str(certificate), str(key)]
        native = _run([sys.executable, str(HERE / "steps_speed.py"), *files])
        pyodide = _run(["node", str(HERE / "steps_in_pyodide.mjs"), *files])
    return {"native_us": native, "pyodide_us": pyodide, "idle_tunnel": measure_idle(playground)}


def measure_idle(playground: Playground) -> dict[str, Any]:
    """Two native tunnels at the same time, one with each core, since a busy machine slows both alike."""
    # In processes of their own: the time that a process takes is counted for all of it.
    command = [sys.executable, "-m", "bench.steps", playground.directory_url]
    processes = {
        core: subprocess.Popen(
            command, env={**os.environ, "MIX_SPHINX_CORE": core}, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
        )
        for core in ("python", "compiled")
    }
    return {core: json.loads(process.communicate()[0]) for core, process in processes.items()}


async def idle(directory_url: str) -> dict[str, float]:
    """What an idle tunnel with cover does in some seconds: share of a core, and callbacks of the loop a packet."""
    async with await Tunnel.connect(TunnelOptions(directory_url=directory_url)) as tunnel:
        await asyncio.sleep(SETTLE_S)
        callbacks = _count_callbacks(asyncio.get_running_loop())
        before, cpu_s, began = tunnel.stats(), time.process_time(), time.perf_counter()
        await asyncio.sleep(IDLE_S)
        cpu_s, took_s, after = time.process_time() - cpu_s, time.perf_counter() - began, tunnel.stats()
        packets = after.cover_packets_sent - before.cover_packets_sent
        return {
            "packets_per_second": round(packets / took_s, 1),
            "cpu_percent": round(100 * cpu_s / took_s, 2),
            "cpu_us_per_packet": round(1e6 * cpu_s / packets, 1),
            "callbacks_per_packet": round(callbacks.total() / packets, 2),
        }


def _count_callbacks(loop: asyncio.AbstractEventLoop) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name in ("call_soon", "call_at"):
        original = getattr(loop, name)

        def count(*arguments: Any, name: str = name, original: Any = original, **options: Any) -> Any:
            counts[name] += 1
            return original(*arguments, **options)

        setattr(loop, name, count)
    return counts


def _run(command: list[str]) -> dict[str, Any]:
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


if __name__ == "__main__":
    print(json.dumps(asyncio.run(idle(sys.argv[1]))))
