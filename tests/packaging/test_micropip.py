"""Our wheels in a plain Pyodide page: micropip installs them from the folder that `make dist` builds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page
from support.chromium import chromium
from support.readme import ROOT, LocalPlaces, code_blocks
from support.static_site import serve_folder

sys.path.insert(0, str(ROOT / "web"))
from lockfile import write_lock

PAGE = """<!doctype html>
<title>plain Pyodide</title>
<script type="module">
  import { loadPyodide } from "/pyodide/pyodide.mjs";
  window.python = await loadPyodide({ indexURL: "/pyodide/" });
  document.title = "ready";
</script>
"""
GUIDE = ROOT / "docs/guide/pyodide.md"
PAGE_MS = 240_000
# What a program that doesn't end waits for is told, for nobody could look into the page afterwards.
RUN = """
([code, tellTasks, patienceMs]) => new Promise((resolve, reject) => {
  const patience = setTimeout(
    () => reject(new Error("it does not end:\\n" + python.runPython(tellTasks))), patienceMs);
  python.runPythonAsync(code).then(resolve, reject).finally(() => clearTimeout(patience));
})
"""
TELL_TASKS = """
import asyncio, io
def stack_of(task):
    text = io.StringIO()
    task.print_stack(file=text)
    return text.getvalue()
"\\n".join(map(stack_of, asyncio.all_tasks()))
"""
PATIENCE_MS = 150_000
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
    (folder / "index.html").write_text(PAGE)
    with serve_folder(folder) as url:
        yield url


@pytest.fixture(scope="module")
def page(host: str) -> Iterator[Page]:
    """A page into whose Python micropip has installed our packages."""
    install, _ = code_blocks(GUIDE, "python")
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(PAGE_MS)
        page.goto(host)
        page.wait_for_function("document.title === 'ready'")
        page.evaluate("python.loadPackage('micropip')")
        page.evaluate("code => python.runPythonAsync(code)", install.replace("https://your.site/", host))
        yield page


def run(page: Page, code: str) -> list[str]:
    """Run Python in the page; gives what it printed."""
    written: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        written.append(message.text)

    page.on("console", listen)
    page.evaluate(RUN, [code, TELL_TASKS, PATIENCE_MS])
    page.remove_listener("console", listen)
    return written


def test_the_guides_example(page: Page, places: LocalPlaces):
    _, use = code_blocks(GUIDE, "python")
    written = run(page, places.adapt_python(use))
    assert any("200" in line and "hello from the example" in line for line in written), written


@pytest.mark.parametrize("package", ["mix_tunnel", "mix_fetch", "mix_dns", "mix_websocket"])
def test_the_readmes_example(package: str, page: Page, places: LocalPlaces):
    example, *_ = code_blocks(ROOT / "packages" / package / "README.md", "python")
    assert run(page, places.adapt_python(example))
