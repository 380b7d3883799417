"""A page in Chromium, idle and busy by turns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from support.chromium import chromium, new_context
from support.vantage.real.rounds import SETTLING_S, Round

_PATIENCE_MS = 120_000

# The same as the native client does. `begin` starts an activity, and gives a function that ends it.
_SET_UP = """
async ({ options, https, wss }) => {
  const { setupMixTunnel, mixFetch } = await import("/mix-fetch/index.js");
  const { MixWebSocket } = await import("/mix-websocket/index.js");
  await setupMixTunnel(options);
  const exponential = (mean) => -mean * Math.log(1 - Math.random());
  const below = (limit) => Math.floor(Math.random() * limit);
  const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const get = (signal) => async (size) => (await mixFetch(`${https}/bytes/${size}`, { signal })).arrayBuffer();
  const activities = {
    idle: async (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve)),
    browsing: async (signal) => {
      while (!signal.aborted) {
        const sizes = Array.from({ length: 1 + below(6) }, () => 200 + Math.round(exponential(20000)));
        await Promise.all(sizes.map(get(signal)));
        await pause(exponential(3));
      }
    },
    download: async (signal) => {
      const reader = (await mixFetch(`${https}/endless`, { signal })).body.getReader();
      while (!(await reader.read()).done);
    },
    upload: async (signal) => {
      const body = new Uint8Array(200000);
      while (!signal.aborted) {
        await (await mixFetch(`${https}/digest`, { method: "POST", body, signal })).text();
      }
    },
    WebSocket: async (signal) => {
      const socket = new MixWebSocket(wss);
      signal.addEventListener("abort", () => socket.close());
      const next = (name) =>
        new Promise((resolve, reject) => {
          socket.addEventListener(name, resolve, { once: true });
          socket.addEventListener("close", () => reject(new Error("the WebSocket was closed")), { once: true });
        });
      await next("open");
      while (!signal.aborted) {
        socket.send(new Uint8Array(20 + below(480)));
        await next("message");
        await pause(exponential(0.3));
      }
    },
  };
  self.begin = (name) => {
    const ending = new AbortController();
    let end = "still running";
    const running = activities[name](ending.signal).then(
      () => (end = "it came to its end"),
      (error) => (end = `${error.name}: ${error.message}`),
    );
    self.finish = async () => {
      const before = end;
      ending.abort();
      await Promise.race([running, pause(2)]);
      return before;
    };
  };
}
"""


def run(world: Mapping[str, Any], plan: Sequence[str], seconds: float) -> list[Round]:
    """Do what the plan says, each for so many seconds; gives when each was done."""
    options = {
        "directoryUrl": world["directory"],
        "preferredGateway": world["gateway"],
        "caCertificates": world["authority"],
    }
    rounds = []
    with chromium() as browser:
        page = new_context(browser).new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.goto(world["page"] + "favicon.svg")  # a page of this origin with nothing on it
        page.evaluate(_SET_UP, {"options": options, "https": world["https"], "wss": world["wss"]})
        page.wait_for_timeout(1000 * SETTLING_S)
        for name in plan:
            page.evaluate("(name) => self.begin(name)", name)
            page.wait_for_timeout(1000 * SETTLING_S)
            began = time.time()
            page.wait_for_timeout(1000 * seconds)
            rounds.append(Round(name, began, time.time()))
            state = page.evaluate("() => self.finish()")
            if state != "still running":
                raise RuntimeError(f"{name}: {state}")
        page.wait_for_timeout(1000 * SETTLING_S)
    return rounds
