"""Importing our modules must cost nothing and decide nothing: a snapshot of the worker's memory holds them imported."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import importlib, json, os, pkgutil, sys

def no_randomness(count):
    raise AssertionError("a module drew randomness while it was imported")

os.urandom = no_randomness
package = importlib.import_module(sys.argv[1])
names = [package.__name__]
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    # the first two are the browser's; those for httpx load Brotli with it, and are for native programs
    elsewhere = ("platform.browser", "worker.event_loop", "__main__")
    elsewhere += ("httpx_transport", "httpx_errors", "httpx_response")
    if not module.name.endswith(elsewhere):
        importlib.import_module(module.name)
        names.append(module.name)
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
compiled = sorted(n for n, f in files.items() if f.endswith((".so", ".pyd")) and "site-packages" in f)
print(json.dumps({"names": names, "compiled": compiled}))
"""


# Pure Python in the worker; natively it comes with an accelerator that does nothing before it is called.
ACCELERATORS = {"websockets.speedups"}


@pytest.mark.parametrize("package", ["mix_protocol", "mix_tunnel", "mix_fetch", "mix_dns", "mix_websocket"])
def test_importing_loads_nothing_compiled_and_draws_nothing(package: str):
    run = subprocess.run([sys.executable, "-c", SCRIPT, package], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert package in seen["names"]
    assert set(seen["compiled"]) <= ACCELERATORS
