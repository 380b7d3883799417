/** For the packages that stand on this one: calls to the worker of a tunnel. */
import { TunnelNotSetUp } from "./errors.js";
import { findTunnel } from "./tunnels.js";

/** @import { Answer, CallOptions } from "./channel.js" */

/**
 * Call a method of a tunnel's worker. Rejects at once with `TunnelNotSetUp` when the tunnel was never set up.
 *
 * @param {string} method
 * @param {Record<string, unknown>} [params]
 * @param {CallOptions & { tunnel?: string | undefined }} [options] `tunnel` names the tunnel; "default" by default
 * @returns {Promise<Answer>}
 */
export async function callTunnel(method, params, { tunnel, ...options } = {}) {
  const worker = findTunnel(tunnel);
  if (!worker.isStarted) {
    const unwanted = new TunnelNotSetUp("there is no such tunnel: call setupMixTunnel() first and wait for it");
    void options.upload?.cancel(unwanted).catch(() => {});
    throw unwanted;
  }
  return worker.call(method, params, options);
}
