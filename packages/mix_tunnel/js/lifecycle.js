/** Setting tunnels up and down, and what they tell meanwhile. */
import { readAssetsUrl } from "./assets.js";
import { callTunnel } from "./facade.js";
import { invalidOption } from "./refusals.js";
import { DEFAULT_TUNNEL, findTunnel } from "./tunnels.js";

const SHORTEST_INTERVAL_MS = 50;
const LONGEST_INTERVAL_MS = 3_600_000;

/** @type {typeof import("./index.js").setupMixTunnel} */
export async function setupMixTunnel(given = {}) {
  if (typeof given !== "object" || given === null) {
    throw invalidOption("options", "an object");
  }
  const { tunnel = DEFAULT_TUNNEL, assetsUrl, shared, ...options } = given;
  const worker = findTunnel(tunnel);
  if (tunnel !== DEFAULT_TUNNEL) {
    options.clientId ??= tunnel; // two tunnels must not use the same stored keys
  }
  await worker.setup(asJson(options), readAssetsUrl(assetsUrl), readShared(shared));
}

/** @type {typeof import("./index.js").preloadMixTunnel} */
export async function preloadMixTunnel({ tunnel, assetsUrl, shared } = {}) {
  await findTunnel(tunnel).load(readAssetsUrl(assetsUrl), readShared(shared));
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
    const isUp = worker.isStarted && !worker.isIdle;
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

/**
 * Options as the worker gets them. What JSON has no word for, NaN or a function, becomes an object, which no option may
 * be: so the worker, which knows what is allowed, refuses it, instead of not getting to see it.
 *
 * @param {Record<string, unknown>} options
 * @returns {Record<string, unknown>}
 */
function asJson(options) {
  /** @type {Record<string, unknown>} */
  const json = {};
  for (const [name, value] of Object.entries(options)) {
    try {
      json[name] = value === undefined ? null : JSON.parse(JSON.stringify(value, (_, inner) => (isJson(inner) ? inner : {})));
    } catch {
      json[name] = {}; // it refers to itself, or throws
    }
  }
  return json;
}

/** @param {unknown} value */
function isJson(value) {
  return typeof value === "number" ? Number.isFinite(value) : !["bigint", "function", "symbol"].includes(typeof value);
}

/** @param {unknown} shared */
function readShared(shared = false) {
  if (typeof shared !== "boolean") {
    throw invalidOption("shared", "true or false");
  }
  return shared;
}

/** @param {unknown} callback */
function checkCallback(callback) {
  if (typeof callback !== "function") {
    throw invalidOption("callback", "a function");
  }
}
