import { tunnelWorker } from "./tunnel_worker.js";

export * from "./errors.js";

/** @type {typeof import("./index.js").setupMixTunnel} */
export async function setupMixTunnel(options = {}) {
  try {
    await tunnelWorker.call("tunnel.setup", { ...options });
  } catch (error) {
    await tunnelWorker.refreshState(); // a refused call changes no state in the worker, so none was pushed
    throw error;
  }
}

/** @type {typeof import("./index.js").disconnectMixTunnel} */
export async function disconnectMixTunnel() {
  if (tunnelWorker.isStarted) {
    await tunnelWorker.call("tunnel.disconnect");
  }
}

/** @type {typeof import("./index.js").getTunnelState} */
export async function getTunnelState() {
  return tunnelWorker.state;
}

/** @type {typeof import("./index.js").onTunnelState} */
export function onTunnelState(callback) {
  return tunnelWorker.onState(callback);
}

/** @type {typeof import("./index.js").getTunnelStats} */
export async function getTunnelStats() {
  return (await tunnelWorker.call("tunnel.stats")).value;
}
