/** The page's tunnels by name. Each has a worker of its own, and so keys, addresses, connections and caches. */
import { invalidOption } from "./refusals.js";
import { TunnelWorker } from "./tunnel_worker.js";

export const DEFAULT_TUNNEL = "default";
const MAX_NAME_LENGTH = 64;

/** @type {Map<string, TunnelWorker>} */
const tunnels = new Map();

/**
 * The tunnel of this name; it costs nothing until it is set up. Throws `InvalidOption` for what cannot be a name.
 *
 * @param {string} [name]
 * @returns {TunnelWorker}
 */
export function findTunnel(name = DEFAULT_TUNNEL) {
  if (typeof name !== "string" || name.length === 0 || name.length > MAX_NAME_LENGTH) {
    throw invalidOption("tunnel", `a text of 1 to ${MAX_NAME_LENGTH} characters`);
  }
  let tunnel = tunnels.get(name);
  if (tunnel === undefined) {
    tunnel = new TunnelWorker(name === DEFAULT_TUNNEL ? "mix-tunnel" : `mix-tunnel ${name}`);
    tunnels.set(name, tunnel);
  }
  return tunnel;
}
