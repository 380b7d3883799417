"""The tunnel in a page's worker, without cover traffic, as a user of the playground's origin gets it."""

from __future__ import annotations

from typing import Any

from support.chromium import chromium, new_context

from bench.playground import MEGABYTE, WARM_FETCHES, Playground

# Runs in the page. Times are milliseconds since the navigation began, or of one action.
SCRIPT = """
async ({ options, base, megabyte, warmFetches }) => {
  const { setupMixTunnel, onTunnelState, mixFetch } = await import("/mix-fetch/index.js");
  const figures = {};
  onTunnelState((state) => {
    if (figures.worker_ready_s === undefined && state.steps.some((step) => step.step === "starting_worker")) {
      figures.worker_ready_s = performance.now() / 1000;
    }
  });
  const timed = async (action) => {
    const start = performance.now();
    await action();
    return performance.now() - start;
  };
  const get = async (path) => (await mixFetch(base + path)).arrayBuffer();
  await setupMixTunnel({ ...options, directoryUrl: location.origin + "/api" });
  figures.tunnel_ready_s = performance.now() / 1000;
  figures.first_fetch_ms = await timed(() => get("/json"));
  const warm = [];
  for (let i = 0; i < warmFetches; i += 1) {
    warm.push(await timed(() => get("/json")));
  }
  figures.warm_fetch_p50_ms = warm.sort((a, b) => a - b)[Math.floor(warmFetches / 2)];
  figures.download_kB_per_s = megabyte / (await timed(() => get(`/bytes/${megabyte}`)));
  const body = new Uint8Array(megabyte);
  const post = async () => (await mixFetch(base + "/echo", { method: "POST", body })).arrayBuffer();
  figures.upload_kB_per_s = megabyte / (await timed(post));
  return figures;
}
"""


def measure(playground: Playground) -> dict[str, Any]:
    """All of the page's figures."""
    options = {
        "caCertificates": list(playground.ca_certificates),
        "disableCoverTraffic": True,
        "disablePoissonTraffic": True,
    }
    with chromium() as browser:
        page = new_context(browser).new_page()
        page.goto(playground.url)
        figures = page.evaluate(
            SCRIPT,
            {"options": options, "base": playground.https, "megabyte": MEGABYTE, "warmFetches": WARM_FETCHES},
        )
    return {"tunnel": {name: round(value, 3) for name, value in figures.items()}}
