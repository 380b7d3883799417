"""The sans-I/O tests again, inside Pyodide: in Node and in Chromium, with the worker's crypto."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_pyodide import NodeRunner, PlaywrightChromeRunner, spawn_web_server
from support.chromium import chromium

ROOT = Path(__file__).parents[2]
DIST = ROOT / "build/pyodide-tests"
PACKAGES = ["mix-tunnel", "pytest", "hypothesis", "tblib"]
SUITES = {
    "protocol": ["tests/unit/mix_protocol"],
    "tunnel": ["tests/unit/mix_tunnel/mixnet", "tests/unit/mix_tunnel/engine", "tests/unit/mix_tunnel/rpc"],
    "http": [
        "tests/unit/mix_tunnel/runtime/http/cookies",
        "tests/unit/mix_tunnel/runtime/http/test_decoders.py",
        "tests/unit/mix_tunnel/runtime/http/test_redirects.py",
        "tests/unit/mix_tunnel/runtime/http/test_request.py",
        "tests/unit/mix_tunnel/runtime/http/test_url.py",
    ],
    "vectors": ["tests/vectors"],
}
# What has no business inside: other processes, the native provider's own comparison with the worker's, and the data of
# a standard that is the platform's affair there.
LEFT_OUT = [
    "tests/unit/mix_tunnel/rpc/test_errors_generated.py",
    "tests/unit/mix_protocol/crypto/test_provider.py",
    "tests/vectors/test_url_standard.py",
]
TIMEOUT_S = 300

CONFIG = """
[pytest]
addopts = --import-mode=importlib -p no:cacheprovider -p no:faulthandler -p tests.pyodide.inside
pythonpath = tests .
asyncio_mode = auto
timeout = 0
"""

RUN = """
import contextlib, io, json, pytest
with contextlib.redirect_stdout(io.StringIO()) as out:
    code = pytest.main({arguments!r})
json.dumps([int(code), out.getvalue()[-6000:]])
"""


def pack_tests(target: Path) -> None:
    """All files that the suites may need, as one archive."""
    folders = ["tests/unit/mix_protocol", "tests/unit/mix_tunnel", "tests/vectors", "tests/support", "tests/property"]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pytest.ini", CONFIG)
        archive.write(Path(__file__).with_name("inside.py"), "tests/pyodide/inside.py")
        archive.write(ROOT / "tests/conftest.py", "tests/conftest.py")  # hypothesis is not to look at the clock
        for folder in folders:
            for path in sorted((ROOT / folder).rglob("*")):
                if path.is_file() and path.suffix != ".pyc":
                    archive.write(path, path.relative_to(ROOT))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int, Path]]:
    """A web server for Pyodide, the wheels and the tests."""
    done = subprocess.run([sys.executable, ROOT / "web/build.py", "--tests", DIST], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pack_tests(DIST / "tests.zip")
    with spawn_web_server(DIST) as running:
        yield running


@pytest.fixture(scope="module", params=["node", "chromium"])
def pyodide(request: pytest.FixtureRequest, server: tuple[str, int, Path]) -> Iterator[Any]:
    """Pyodide with pytest, our packages and the tests in it."""
    host, port, log = server
    common = {"server_port": port, "server_hostname": host, "server_log": log, "dist_dir": DIST}
    if request.param == "node":
        runner = NodeRunner(**common)
        prepare(runner)
        yield runner
        runner.quit()
    else:
        with chromium() as browser:
            runner = PlaywrightChromeRunner(browsers={"chrome": browser}, **common)
            prepare(runner)
            yield runner
            runner.quit()


def prepare(runner: Any) -> None:
    runner.set_script_timeout(TIMEOUT_S)
    runner.load_package(PACKAGES)
    if isinstance(runner, NodeRunner):  # whose script runs in a context without all of the platform's globals
        runner.run_js("globalThis.URL ??= require('node:url').URL")
        runner.p.timeout = TIMEOUT_S  # it waits for results by the limit of its terminal as well, which is a minute
    runner.run_js(
        """
        const archive = await fetch("tests.zip");
        pyodide.unpackArchive(await archive.arrayBuffer(), "zip");
        """
    )


@pytest.mark.timeout(TIMEOUT_S + 60)
@pytest.mark.parametrize("suite", SUITES)
def test_suite(pyodide: Any, suite: str):
    arguments = ["-q", "--color=no", *SUITES[suite], *(f"--ignore={path}" for path in LEFT_OUT)]
    code, output = json.loads(pyodide.run(RUN.format(arguments=arguments)))
    assert code == 0, output
    passed = re.search(r"(\d+) passed", output)
    assert passed is not None, output
    assert int(passed[1]) > 10, output
    print(output.splitlines()[-1])
