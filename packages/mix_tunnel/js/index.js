import { readAssetsUrl } from "./assets.js";
import { callTunnel } from "./facade.js";
import { DEFAULT_TUNNEL, findTunnel } from "./tunnels.js";

export * from "./errors.js";

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
  return findTunnel(tunnel).onState(callback);
}

/** @type {typeof import("./index.js").getTunnelStats} */
export async function getTunnelStats(tunnel) {
  return (await callTunnel("tunnel.stats", {}, { tunnel })).value;
}

/** Exported by the published package, whose worker says so when it is loaded; ours has a channel of its own for that. */
export const EventKinds = Object.freeze({ Loaded: "Loaded" });
