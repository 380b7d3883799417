import { DEFAULT_TUNNEL, findTunnel } from "./tunnels.js";

export * from "./errors.js";

/** @type {typeof import("./index.js").setupMixTunnel} */
export async function setupMixTunnel({ tunnel = DEFAULT_TUNNEL, ...options } = {}) {
  const worker = findTunnel(tunnel);
  if (tunnel !== DEFAULT_TUNNEL) {
    options.clientId ??= tunnel; // two tunnels must not use the same stored keys
  }
  try {
    await worker.call("tunnel.setup", options);
  } catch (error) {
    await worker.refreshState(); // a refused call changes no state in the worker, so none was pushed
    throw error;
  }
}

/** @type {typeof import("./index.js").disconnectMixTunnel} */
export async function disconnectMixTunnel(tunnel) {
  const worker = findTunnel(tunnel);
  if (worker.isStarted) {
    await worker.call("tunnel.disconnect");
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
  return (await findTunnel(tunnel).call("tunnel.stats")).value;
}
