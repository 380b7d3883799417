"""Our wheels in plain Pyodide: micropip installs them from the folder that `make dist` builds.

In a page's worker, and on its main thread as the guide says: Chromium samples what a few tabs allocate, as it is told
to here, and that has crashed tabs now and then.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page
from support.chromium import chromium, new_context, sample_allocations
from support.readme import ROOT, LocalPlaces, code_blocks
from support.static_site import serve_folder

sys.path.insert(0, str(ROOT / "web"))
from lockfile import write_lock

GUIDE = ROOT / "docs/guide/pyodide.md"
MAIN_THREAD = """<!doctype html>
<script type="module">
  import { loadPyodide } from "/pyodide/pyodide.mjs";
  %s
  await python.loadPackage("micropip");
  window.run = (code) => python.runPythonAsync(code);
</script>
"""
IN_A_WORKER = """<!doctype html>
<script type="module">
  const worker = new Worker("worker.js", { type: "module" });
  window.run = (code) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data: error }) => error ? reject(new Error(error)) : resolve();
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(code);
  });
</script>
"""
WORKER = """
  import { loadPyodide } from "/pyodide/pyodide.mjs";
  const loading = loadPyodide({ indexURL: "/pyodide/", packages: ["micropip"] });
  onmessage = async ({ data: code }) =>
    postMessage(await loading.then((python) => python.runPythonAsync(code)).then(() => null, String));
"""
PAGE_MS = 240_000
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")


@pytest.fixture(scope="module")
def host(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web server with Pyodide's core and micropip, as Pyodide publishes them, and our folder at /mixnet."""
    folder = tmp_path_factory.mktemp("site")
    pyodide = folder / "pyodide"
    pyodide.mkdir()
    for name in CORE:
        (pyodide / name).symlink_to(ROOT / "node_modules/pyodide" / name)
    loaders = [path for path in (dist / "pyodide/wheels").iterdir() if path.name.startswith(("micropip", "packaging"))]
    for wheel in loaders:
        (pyodide / wheel.name).symlink_to(wheel)
    write_lock(ROOT / "node_modules/pyodide", loaders, pyodide / "pyodide-lock.json")
    (folder / "mixnet").symlink_to(dist / "pyodide")
    load, *_ = code_blocks(GUIDE, "javascript")
    (folder / "main_thread.html").write_text(MAIN_THREAD % load)
    (folder / "in_a_worker.html").write_text(IN_A_WORKER)
    (folder / "worker.js").write_text(WORKER)
    with serve_folder(folder) as url:
        yield url


@pytest.fixture(scope="module")
def open_page(host: str) -> Iterator[Callable[[str], Page]]:
    """Opens a page into whose Python micropip has installed our packages."""
    install, _ = code_blocks(GUIDE, "python")
    with chromium() as browser:

        @functools.cache
        def open_page(name: str) -> Page:
            page = new_context(browser).new_page()
            page.set_default_timeout(PAGE_MS)
            sample_allocations(page)
            page.goto(f"{host}{name}.html")
            page.wait_for_function("'run' in window")
            page.evaluate("code => run(code)", install.replace("https://your.site/", host))
            return page

        yield open_page


def run(page: Page, code: str) -> list[str]:
    """Run Python in the page; gives what it printed."""
    written: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        written.append(message.text)

    page.on("console", listen)
    page.evaluate("code => run(code)", code)
    page.remove_listener("console", listen)
    return written


@pytest.mark.parametrize("name", ["main_thread", "in_a_worker"])
def test_the_guides_example(name: str, open_page: Callable[[str], Page], places: LocalPlaces):
    _, use = code_blocks(GUIDE, "python")
    written = run(open_page(name), places.adapt_python(use))
    assert any("200" in line and "hello from the example" in line for line in written), written


@pytest.mark.parametrize("package", ["mix_tunnel", "mix_fetch", "mix_dns", "mix_websocket"])
def test_the_readmes_example(package: str, open_page: Callable[[str], Page], places: LocalPlaces):
    example, *_ = code_blocks(ROOT / "packages" / package / "README.md", "python")
    assert run(open_page("in_a_worker"), places.adapt_python(example))
