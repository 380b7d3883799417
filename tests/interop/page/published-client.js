// The published client as its README shows it. The test drives it through window.published.
import { mixDNS } from "@nymproject/mix-dns";
import { mixFetch } from "@nymproject/mix-fetch";
import { MixWebSocket } from "@nymproject/mix-websocket";
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
  /** Post that many bytes; gives their hash, and what the server says that it is. */
  async upload(url, size) {
    const body = new Uint8Array(size).map((_, index) => (index * 7919 + (index >> 8)) % 251);
    const response = await mixFetch(url, { method: "POST", body });
    const told = Array.from(new Uint8Array(await response.arrayBuffer()), (byte) => byte.toString(16).padStart(2, "0"));
    return [await sha256(body), told.join("")];
  },
  /** Echo a text. */
  async echoText(url, text) {
    const socket = new MixWebSocket(url);
    await socket.opened();
    const message = new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
    await socket.send(text);
    const { data } = await message;
    await socket.close(1000, "");
    return data;
  },
  /** Echo random messages of these sizes; then close; gives the sizes that came back unharmed. */
  async echo(url, sizes, code, reason) {
    const socket = new MixWebSocket(url);
    await socket.opened();
    const echoed = [];
    for (const size of sizes) {
      const bytes = new Uint8Array(size).map((_, index) => (index * 7919 + size) % 251);
      const message = new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
      await socket.send(bytes);
      if ((await sha256((await message).data)) === (await sha256(bytes))) echoed.push(size);
    }
    await socket.close(code, reason);
    return echoed;
  },
  /** What a server says until it closes. */
  async listen(url) {
    const socket = new MixWebSocket(url);
    const heard = [];
    socket.addEventListener("message", (event) => heard.push(event.data));
    await new Promise((resolve) => socket.addEventListener("close", resolve));
    return heard;
  },
};
document.title = "ready";
