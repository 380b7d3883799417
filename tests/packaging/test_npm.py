"""Our npm tarballs in an empty project: with Vite, with esbuild, and with no bundler at all; in Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.chromium import chromium, new_context
from support.npm_project import PACKAGES, empty_project
from support.processes import BIN as PROGRAMS
from support.readme import ROOT, LocalPlaces, code_blocks
from support.static_site import serve_folder

BIN = ROOT / "node_modules/.bin"
PAGE = """<!doctype html>
<title>waiting</title>
{head}
<script type="module" src="{script}"></script>
"""
PAGE_MS = 240_000
IMPORT_MAP = {"imports": {name: f"/node_modules/{name}/index.js" for name in PACKAGES}}
IMPORT_MAP["imports"]["mix-tunnel/"] = "/node_modules/mix-tunnel/"
EXPECTED = "hello from the example"  # what the sites of `places` answer
ASSETS = 'assetsUrl: "/mix-tunnel/",'
# One page runs the examples one after the other: were there a second copy of the tunnel in a bundle, the second set-up
# would not know of the first one's end.
IN_TURN = """import { disconnectMixTunnel } from "mix-tunnel";

for (const run of [EXAMPLES]) {
  await run();
  await disconnectMixTunnel();
}
document.title = "done";
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running_browser:
        yield running_browser


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project into which npm has installed our tarballs, without asking any registry."""
    return empty_project(tmp_path_factory.mktemp("project"), dist)


def copy_assets(project: Path, folder: str) -> None:
    """As the README tells: `npx --no-install mix-tunnel-assets FOLDER`."""
    command = [project / "node_modules/.bin/mix-tunnel-assets", folder]
    subprocess.run(command, cwd=project, check=True, capture_output=True)


def write_examples(project: Path, places: LocalPlaces, more_options: str = "") -> Path:
    """The first example of each README as a module, and a script that runs all of them; gives that."""
    for name in PACKAGES:
        code, *_ = code_blocks(ROOT / "packages" / name.replace("-", "_") / "js/README.md", "js")
        (project / f"{name}-example.js").write_text(places.adapt_javascript(code, more_options))
    runs = ", ".join(f'() => import("./{name}-example.js")' for name in PACKAGES)
    script = project / "main.js"
    script.write_text(IN_TURN.replace("EXAMPLES", runs))
    return script


def run_page(browser: Browser, folder: Path) -> str:
    """Open the folder's page and wait until its example is through; gives what it wrote to the console."""
    context = new_context(browser)
    page = context.new_page()
    page.set_default_timeout(PAGE_MS)
    written: list[str] = []
    errors: list[str] = []
    page.on("console", lambda message: written.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        with serve_folder(folder) as url:
            page.goto(url)
            page.wait_for_function("document.title === 'done' || window.failed")
    except Exception as error:
        raise AssertionError(f"{error}\nconsole: {written}\nerrors: {errors}") from None
    finally:
        context.close()
    assert errors == []
    return "\n".join(written)


def test_without_a_bundler(installed: Path, browser: Browser, places: LocalPlaces):
    import_map = f'<script type="importmap">{json.dumps(IMPORT_MAP)}</script>'
    (installed / "index.html").write_text(PAGE.format(head=import_map, script="/main.js"))
    write_examples(installed, places)
    assert EXPECTED in run_page(browser, installed)


def test_with_esbuild(installed: Path, browser: Browser, places: LocalPlaces, tmp_path: Path):
    source = write_examples(installed, places, ASSETS)
    options = ["--bundle", "--minify", "--splitting", "--format=esm", f"--outdir={tmp_path}"]
    subprocess.run([BIN / "esbuild", source, *options], cwd=installed, check=True, capture_output=True)
    (tmp_path / "index.html").write_text(PAGE.format(head="", script="/main.js"))
    copy_assets(installed, str(tmp_path / "mix-tunnel"))
    assert EXPECTED in run_page(browser, tmp_path)


def test_the_network_for_test_runners(installed: Path, tmp_path: Path):
    program = "fetch(process.env.MIX_DIRECTORY_URL + '/v1/epoch/current').then(({ status }) => console.log(status))"
    done = subprocess.run(
        ["npx", "--no-install", "mix-network-testing", "--mixes", "3x2", "--", "node", "-e", program],
        cwd=installed,
        env={**os.environ, "MIX_NETWORK_COMMAND": str(PROGRAMS / "mix-network"), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr


def test_with_vite(installed: Path, browser: Browser, places: LocalPlaces):
    write_examples(installed, places, ASSETS)
    (installed / "index.html").write_text(PAGE.format(head="", script="/main.js"))
    copy_assets(installed, "public/mix-tunnel")
    try:
        done = subprocess.run(
            [BIN / "vite", "build", "--logLevel", "warn"], cwd=installed, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert EXPECTED in run_page(browser, installed / "dist")
    finally:
        shutil.rmtree(installed / "public")
