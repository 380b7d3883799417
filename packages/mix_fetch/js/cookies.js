import { callTunnel } from "mix-tunnel/facade.js";

/** @type {typeof import("./index.js").exportCookies} */
export async function exportCookies({ tunnel } = {}) {
  return (await callTunnel("cookies.export", {}, { tunnel })).value;
}

/** @type {typeof import("./index.js").importCookies} */
export async function importCookies(cookies, { tunnel } = {}) {
  await callTunnel("cookies.import", { cookies }, { tunnel });
}

/** @type {typeof import("./index.js").clearCookies} */
export async function clearCookies({ tunnel } = {}) {
  await callTunnel("cookies.clear", {}, { tunnel });
}
