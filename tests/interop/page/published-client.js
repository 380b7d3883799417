// The published client as its README shows it. The test drives it through window.published.
import { mixDNS } from "@nymproject/mix-dns";
import { mixFetch } from "@nymproject/mix-fetch";
import { disconnectMixTunnel, getTunnelState, setupMixTunnel } from "@nymproject/mix-tunnel";

async function sha256(buffer) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

window.published = {
  setup: (options) => setupMixTunnel(options),
  state: () => getTunnelState(),
  disconnect: () => disconnectMixTunnel(),
  resolve: (name) => mixDNS(name),
  async fetch(url, init) {
    const response = await mixFetch(url, init);
    const body = await response.arrayBuffer();
    return { status: response.status, size: body.byteLength, sha256: await sha256(body) };
  },
};
document.title = "ready";
