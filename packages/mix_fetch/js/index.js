import { setupMixTunnel } from "mix-tunnel";
import { callTunnel } from "mix-tunnel/facade.js";

import { prepareRequest } from "./request.js";
import { MixResponse } from "./response.js";

export {
  setupMixTunnel,
  disconnectMixTunnel,
  getMixTunnel,
  getTunnelState,
  onTunnelState,
  getTunnelStats,
  MixError,
} from "mix-tunnel";
export { exportCookies, importCookies, clearCookies } from "./cookies.js";

/** @type {typeof import("./index.js").mixFetch} */
export async function mixFetch(input, init) {
  const { params, content, signal, tunnel } = await prepareRequest(input, init);
  const { value, body, failure } = await callTunnel("fetch.start", params, { ...content, signal, tunnel });
  return MixResponse.to(params.method, body, value, { failure, signal });
}

/** @type {typeof import("./index.js").createMixFetch} */
export async function createMixFetch(options) {
  await setupMixTunnel(options);
  const tunnel = options?.tunnel;
  return tunnel === undefined ? mixFetch : (input, init) => mixFetch(input, { tunnel, ...init });
}
