import { callTunnel } from "mix-tunnel/facade.js";

import { checkText, readOptions } from "./options.js";

export {
  setupMixTunnel,
  disconnectMixTunnel,
  getTunnelState,
  onTunnelState,
  getTunnelStats,
  MixError,
} from "mix-tunnel";

/** @type {typeof import("./index.js").mixDNS} */
export async function mixDNS(hostname, options) {
  checkText("hostname", hostname);
  const { params, call } = readOptions(options);
  return (await callTunnel("dns.lookup", { name: hostname, ...params }, call)).value;
}

/** @type {typeof import("./index.js").resolve} */
export async function resolve(name, type = "A", options = undefined) {
  checkText("name", name);
  checkText("type", type);
  const { params, call } = readOptions(options);
  return (await callTunnel("dns.resolve", { name, type, ...params }, call)).value;
}

/** @type {typeof import("./index.js").reverse} */
export async function reverse(ip, options) {
  checkText("ip", ip);
  const { params, call } = readOptions(options);
  return (await callTunnel("dns.reverse", { ip, ...params }, call)).value;
}

/** @type {typeof import("./index.js").clearDnsCache} */
export async function clearDnsCache(choice) {
  const { call } = readOptions(choice);
  await callTunnel("dns.clear", {}, call);
}
