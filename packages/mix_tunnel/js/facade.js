/** For the packages that stand on this one: calls to the page's only worker. */
import { tunnelWorker } from "./tunnel_worker.js";

/** @import { Answer, CallOptions } from "./channel.js" */

/**
 * Call a method of the worker; it needs a tunnel that is ready.
 *
 * @param {string} method
 * @param {Record<string, unknown>} params
 * @param {CallOptions} [options]
 * @returns {Promise<Answer>}
 */
export function callTunnel(method, params, options) {
  return tunnelWorker.call(method, params, options);
}
