/** Setting tunnels up and down, and what they tell meanwhile. */
import { readAssetsUrl } from "./assets.js";
import { callTunnel } from "./facade.js";
import { invalidOption } from "./refusals.js";
import { DEFAULT_TUNNEL, findTunnel } from "./tunnels.js";

const SHORTEST_INTERVAL_MS = 50;
const LONGEST_INTERVAL_MS = 3_600_000;

/** @type {typeof import("./index.js").setupMixTunnel} */
export async function setupMixTunnel({ tunnel = DEFAULT_TUNNEL, assetsUrl, ...options } = {}) {
  const worker = findTunnel(tunnel);
  if (tunnel !== DEFAULT_TUNNEL) {
    options.clientId ??= tunnel; // two tunnels must not use the same stored keys
  }
  await worker.setup(options, readAssetsUrl(assetsUrl));
}

/** @type {typeof import("./index.js").preloadMixTunnel} */
export async function preloadMixTunnel({ tunnel, assetsUrl } = {}) {
  await findTunnel(tunnel).load(readAssetsUrl(assetsUrl));
}

/** @type {typeof import("./index.js").disconnectMixTunnel} */
export async function disconnectMixTunnel(tunnel = DEFAULT_TUNNEL) {
  const worker = findTunnel(tunnel);
  await worker.disconnect();
  if (tunnel !== DEFAULT_TUNNEL) {
    worker.unload(); // the default tunnel's stays, for it is the one that pages set up again
  }
}

/** @type {typeof import("./index.js").getTunnelState} */
export async function getTunnelState(tunnel) {
  return findTunnel(tunnel).state;
}

/** @type {typeof import("./index.js").onTunnelState} */
export function onTunnelState(callback, tunnel) {
  checkCallback(callback);
  return findTunnel(tunnel).onState(callback);
}

/** @type {typeof import("./index.js").getTunnelStats} */
export async function getTunnelStats(tunnel) {
  return (await callTunnel("tunnel.stats", {}, { tunnel })).value;
}

/** @type {typeof import("./index.js").onTunnelStats} */
export function onTunnelStats(callback, { intervalMs = 1000, tunnel } = {}) {
  checkCallback(callback);
  if (!(typeof intervalMs === "number" && intervalMs >= SHORTEST_INTERVAL_MS && intervalMs <= LONGEST_INTERVAL_MS)) {
    throw invalidOption("intervalMs", `a number of milliseconds from ${SHORTEST_INTERVAL_MS} to ${LONGEST_INTERVAL_MS}`);
  }
  const worker = findTunnel(tunnel);
  let isStopped = false;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const tell = async () => {
    const isUp = worker.isStarted && (worker.state.state === "ready" || worker.state.state === "connecting");
    const stats = isUp ? await getTunnelStats(tunnel).catch(() => null) : null;
    if (isStopped) {
      return;
    }
    timer = setTimeout(tell, intervalMs);
    if (stats) {
      callback(stats);
    }
  };
  timer = setTimeout(tell);
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

/** @param {unknown} callback */
function checkCallback(callback) {
  if (typeof callback !== "function") {
    throw invalidOption("callback", "a function");
  }
}
