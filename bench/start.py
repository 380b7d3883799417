"""A page's start: from its navigation to a tunnel that is ready and to the first byte of a first fetch.

Each round opens the page with an empty cache, and once more when the browser has had time to keep what it compiled.
With `--baseline DIRECTORY`, another `web/dist`, its page takes turns with ours, and with the published client's, whose
first fetch is plain http. What the worker does meanwhile, it marks (`performance.mark`), so a timeline of the last
round is told, too. Where others use the machine, CPU time says more than the clock: the worker thread's, and its
process's.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page
from support.chromium import chromium, new_context
from support.servers import serve_http

from bench.playground import ROOT, Playground, running_playground

ROUNDS = 5
PATIENCE_MS = 120_000
DIRECTORY_HOST = "validator.nymtech.net"
"""Where the published client believes its directory to be."""
NO_COVER = {"disableCoverTraffic": True, "disablePoissonTraffic": True}
SETTLE_MS = 12_000
"""Chromium stores compiled WebAssembly after two seconds without more of it; our page has Python's memory kept once it
was quiet for five seconds, and that takes some more."""
WORKER_THREAD = "DedicatedWorker"
PAGE = '<!doctype html><title>start</title><script type="module" src="/start.js"></script>'
# Times are milliseconds since the navigation began.
OURS = """
import { setupMixTunnel, onTunnelState } from "/mix-tunnel/index.js";
import { mixFetch } from "/mix-fetch/index.js";
const figures = { scripts: performance.now(), steps: [] };
onTunnelState((state) => {
  if (figures.worker === undefined && state.steps.some(({ step }) => step === "starting_worker")) {
    figures.worker = performance.now();
  }
  figures.steps.push([performance.now(), state.state === "connecting" ? state.step : state.state]);
});
await setupMixTunnel({ ...OPTIONS, directoryUrl: location.origin + "/api" });
figures.ready = performance.now();
const response = await mixFetch(URL_);
figures.head = performance.now();
await response.arrayBuffer();
figures.body = performance.now();
globalThis.figures = figures;
"""
THEIRS = """
import { mixFetch } from "@nymproject/mix-fetch";
import { setupMixTunnel } from "@nymproject/mix-tunnel";
const figures = { scripts: performance.now() };
await setupMixTunnel({ ...OPTIONS, forceTls: false });
figures.ready = performance.now();
const response = await mixFetch(URL_);
figures.head = performance.now();
await response.arrayBuffer();
figures.body = performance.now();
globalThis.figures = figures;
"""
# Playwright's own way of waiting is eval, which the page's policy forbids.
WAIT = """
async () => {
  while (!globalThis.figures) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return figures;
}
"""
WORKER = """
() => performance.getEntries().filter(({ entryType }) => entryType === "mark" || entryType === "resource")
  .map(({ entryType, name, startTime, duration }) => ({ entryType, name, duration,
    startTime: startTime + performance.timeOrigin }))
"""


def write_script(source: str, options: dict[str, Any], url: str) -> str:
    """A page's script with what it needs to know."""
    return source.replace("OPTIONS", json.dumps(options)).replace("URL_", json.dumps(url))


@contextlib.contextmanager
def served_page(dist: Path) -> Iterator[Playground]:
    """A playground whose files have a page of ours among them."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        copy = Path(folder, "dist")
        shutil.copytree(dist, copy, copy_function=os.link)
        (copy / "start.html").write_text(PAGE)
        with running_playground(copy) as playground:
            options = {"caCertificates": list(playground.ca_certificates), **NO_COVER}
            (copy / "start.js").write_text(write_script(OURS, options, f"{playground.https}/json"))
            yield playground


@contextlib.contextmanager
def served_published_page(playground: Playground) -> Iterator[str]:
    """The published client's page, as its README asks for it."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        source, target = Path(folder, "page.js"), Path(folder, "start.js")
        source.write_text(write_script(THEIRS, NO_COVER, f"{playground.http}/json"))
        command = [ROOT / "node_modules/.bin/esbuild", source, "--bundle", "--minify", "--format=esm"]
        subprocess.run([*command, f"--outfile={target}"], check=True, capture_output=True)
        files = {"/": ("text/html", PAGE.encode()), "/start.js": ("text/javascript", target.read_bytes())}
        with serve_http(files) as site:
            yield f"http://localhost:{site.port}/"


def worker_threads() -> set[Path]:
    """All workers' threads on this machine, in /proc."""
    found = set()
    for task in Path("/proc").glob("[0-9]*/task/*"):
        with contextlib.suppress(OSError):
            if (task / "comm").read_text().startswith(WORKER_THREAD):
                found.add(task)
    return found


def cpu_ms(task: Path) -> float:
    """CPU time that a thread has had so far."""
    with contextlib.suppress(OSError):
        return int((task / "schedstat").read_text().split()[0]) / 1e6
    return 0.0


def visit(context: BrowserContext, url: str) -> tuple[dict[str, Any], Page]:
    """Open a page and wait for its figures."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    before = worker_threads()
    page.goto(url)
    figures = page.evaluate(WAIT)
    thread = max(worker_threads() - before, key=cpu_ms)
    figures["worker_cpu"] = cpu_ms(thread)
    figures["renderer_cpu"] = sum(map(cpu_ms, thread.parent.iterdir()))
    return figures, page


def visit_twice(browser: Browser, url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures of a first visit, and of a second one."""
    visits = []
    context = new_context(browser)
    try:
        for _ in range(2):
            figures, page = visit(context, url)
            figures["timeline"] = timeline(page) if "steps" in figures else []
            visits.append(figures)
            page.wait_for_timeout(SETTLE_MS)
            page.close()
    finally:
        context.close()
    return visits[0], visits[1]


def timeline(page: Page) -> list[tuple[float, str]]:
    """What the worker marked, and when its files were asked for and there: milliseconds since the navigation."""
    origin = page.evaluate("performance.timeOrigin")
    rows: list[tuple[float, str]] = []
    for entry in page.workers[0].evaluate(WORKER):
        at, name = entry["startTime"] - origin, entry["name"]
        if entry["entryType"] == "mark":
            rows.append((at, name))
        else:
            file = urlsplit(name).path.rpartition("/")[2]
            rows += [(at, f"  {file} asked for"), (at + entry["duration"], f"  {file} there")]
    rows += [(at, f"state: {step}") for at, step in page.evaluate("figures.steps")]
    return sorted(rows)


def summarize(visits: list[dict[str, Any]]) -> dict[str, float]:
    """Medians in milliseconds."""
    figures: dict[str, list[float]] = {}
    for each in visits:
        steps = {"worker_ready": each.get("worker"), "tunnel_ready": each["ready"], "first_byte": each["head"]}
        steps |= {"setup_after_worker": each["ready"] - each["worker"]} if "worker" in each else {}
        steps |= {"setup": each["ready"] - each["scripts"], "first_fetch": each["body"] - each["ready"]}
        steps |= {name: each[name] for name in ("worker_cpu", "renderer_cpu")}
        for name, value in steps.items():
            if value is not None:
                figures.setdefault(name, []).append(value)
    return {f"{name}_ms": round(median(values)) for name, values in figures.items()}


def measure(rounds: int = ROUNDS, baseline: Path | None = None, *, published: bool = True) -> dict[str, Any]:
    """All of these figures, and ratios to the published client's and the baseline's."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(served_page(ROOT / "web/dist"))
        pages = {"ours": f"{ours.url}start.html"}
        rules: list[str] = []
        if baseline is not None:
            pages["baseline"] = f"{stack.enter_context(served_page(baseline)).url}start.html"
        if published:
            pages["published"] = stack.enter_context(served_published_page(ours))
            port = urlsplit(ours.secure_directory_url).port
            rules = [
                f"--host-resolver-rules=MAP {DIRECTORY_HOST}:443 127.0.0.1:{port},MAP * 127.0.0.1",
                "--ignore-certificate-errors",
            ]
        browser = stack.enter_context(chromium(rules))
        first: dict[str, list[dict[str, Any]]] = {name: [] for name in pages}
        second: dict[str, list[dict[str, Any]]] = {name: [] for name in pages}
        for number in range(rounds):
            order = list(pages.items())
            for name, url in order if number % 2 else reversed(order):
                cold, warm = visit_twice(browser, url)
                first[name].append(cold)
                second[name].append(warm)
    results: dict[str, Any] = {}
    for title, visits in ("first_visit", first), ("second_visit", second):
        results[title] = {name: summarize(each) for name, each in visits.items()}
        for name in pages.keys() - {"ours"}:
            other, mine = results[title][name], results[title]["ours"]
            results[title][f"ours_to_{name}"] = {
                figure: round(mine[figure] / other[figure], 3) for figure in other if figure in mine and other[figure]
            }
    print_timeline("first visit", first["ours"][-1]["timeline"])
    print_timeline("second visit", second["ours"][-1]["timeline"])
    return results


def print_timeline(title: str, rows: list[tuple[float, str]]) -> None:
    """What happened when, for people."""
    print(f"{title}, milliseconds since the navigation began:")
    for at, what in rows:
        print(f"{at:8.0f}  {what}")
