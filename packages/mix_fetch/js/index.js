import { setupMixTunnel } from "mix-tunnel";
import { callTunnel } from "mix-tunnel/facade.js";

import { prepareRequest } from "./request.js";
import { MixResponse } from "./response.js";

export {
  setupMixTunnel,
  disconnectMixTunnel,
  getTunnelState,
  onTunnelState,
  getTunnelStats,
  MixError,
} from "mix-tunnel";

/** @type {typeof import("./index.js").mixFetch} */
export async function mixFetch(input, init = {}) {
  const { params, ...options } = await prepareRequest(input, init);
  const { value, body, failure } = await callTunnel("fetch.start", params, options);
  return new MixResponse(body, value, failure);
}

/** @type {typeof import("./index.js").createMixFetch} */
export async function createMixFetch(options) {
  await setupMixTunnel(options);
  return mixFetch;
}
