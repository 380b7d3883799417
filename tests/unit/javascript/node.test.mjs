// In Node, as a server that renders pages evaluates their modules: importing does nothing, and use says what it needs.
import "./packages.mjs";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const { MixError, PageNeeded, TunnelNotSetUp } = await import("mix-tunnel/errors.js");
const { preloadMixTunnel, setupMixTunnel, getTunnelState } = await import("mix-tunnel");
const { mixFetch } = await import("mix-fetch");
const { mixDNS, resolve } = await import("mix-dns");
const { MixWebSocket } = await import("mix-websocket");

test("importing every package changes nothing and lets the process end", () => {
  const script = `
    await import(${JSON.stringify(new URL("packages.mjs", import.meta.url).href)});
    const before = Object.getOwnPropertyNames(globalThis).join();
    for (const name of ["mix-tunnel", "mix-fetch", "mix-dns", "mix-websocket"]) await import(name);
    if (Object.getOwnPropertyNames(globalThis).join() !== before) throw new Error("a global has appeared");
  `;
  const { status, stdout, stderr } = spawnSync("node", ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
});

test("setting up needs a page, and says so each time", async () => {
  for (const start of [setupMixTunnel, setupMixTunnel, preloadMixTunnel]) {
    await assert.rejects(async () => start(), (error) => {
      assert(error instanceof PageNeeded && error instanceof MixError && error instanceof TypeError);
      assert.equal(error.code, "tunnel.page_needed");
      assert.match(error.message, /needs a page/);
      return true;
    });
  }
  assert.equal((await getTunnelState()).state, "connecting"); // as before any set-up
});

test("what needs a tunnel rejects as on a page without one", async () => {
  for (const use of [() => mixFetch("http://x.test/"), () => mixDNS("x.test"), () => resolve("x.test")]) {
    await assert.rejects(use, TunnelNotSetUp);
  }
});

test("a WebSocket fails by its events, and nothing is thrown behind the program's back", async () => {
  const uncaught = [];
  process.on("uncaughtException", (error) => uncaught.push(error));
  const socket = new MixWebSocket("ws://x.test/");
  const events = [];
  socket.onerror = (event) => events.push([event.type, event.error.code, event.message === event.error.message]);
  socket.onclose = (event) => events.push([event.type, event.code, event.reason, event.wasClean]);
  await socket.opened();
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(socket.readyState, MixWebSocket.CLOSED);
  assert.deepEqual(events, [["error", "tunnel.not_set_up", true], ["close", 1006, "", false]]);
  assert.deepEqual(uncaught, []);
});
